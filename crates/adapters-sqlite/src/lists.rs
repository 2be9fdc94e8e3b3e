//! Lists: conditions, pages and totals.

use domain::page::{EXACT_TOTAL, PageRequest, SortOrder, SortValue, Total};
use rusqlite::{Connection, params_from_iter, types::Value};
use uuid::Uuid;

use crate::{
    codec,
    failure::{Failure, Outcome},
};

/// How a list's ids are stored.
#[derive(Clone, Copy)]
pub(crate) enum Id {
    /// As text.
    Text,
    /// As the bytes of a UUID.
    Uuid,
}

impl Id {
    /// A cursor's id as it is stored.
    fn value(self, id: &str) -> Outcome<Value> {
        match self {
            Self::Text => Ok(id.to_owned().into()),
            Self::Uuid => Ok(codec::parsed("id of a cursor", Uuid::parse_str(id))?.as_bytes().to_vec().into()),
        }
    }
}

fn sort_value(value: &SortValue) -> Value {
    match value {
        SortValue::Time(time) => codec::micros(*time).into(),
        SortValue::Number(number) => i64::from(*number).into(),
        SortValue::Text(text) => text.clone().into(),
    }
}

/// The conditions of a list, with their values in order.
#[derive(Clone, Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition on one value, which it calls `?`.
    pub(crate) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.add_bare(condition);
        self.values.push(value.into());
    }

    /// Adds a condition without a value.
    pub(crate) fn add_bare(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// Adds a condition on two numbers.
    pub(crate) fn add_pair(&mut self, condition: &str, first: i64, second: i64) {
        self.add_all(condition, [Value::from(first), Value::from(second)]);
    }

    /// Adds a condition on several values.
    pub(crate) fn add_all(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.add_bare(condition);
        self.values.extend(values);
    }

    /// Adds the condition that a column has a text in it, as [`domain::page::has_part`] says: SQLite changes the case of A to Z only.
    pub(crate) fn add_part(&mut self, column: &str, part: &str) {
        self.add(&format!("instr(lower({column}), ?) > 0"), part.to_ascii_lowercase());
    }

    /// The values, followed by a limit.
    pub(crate) fn limited(&self, limit: i64) -> Vec<Value> {
        self.values.iter().cloned().chain([limit.into()]).collect()
    }

    /// `WHERE …`, or nothing.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The conditions and that of a page that follows a place in a list sorted by these columns.
    ///
    /// One comparison of tuples, because only that is a range of an index over them; `a > ? OR (a = ? AND b > ?)` is none.
    pub(crate) fn after(&self, page: &PageRequest, columns: [&str; 2], order: SortOrder, id: Id) -> Outcome<Self> {
        let mut conditions = self.clone();
        if let Some(cursor) = page.cursor() {
            let than = match order {
                SortOrder::Ascending => ">",
                SortOrder::Descending => "<",
            };
            conditions.add_bare(&format!("({}) {than} (?, ?)", columns.join(", ")));
            conditions.values.extend([sort_value(&cursor.value), id.value(&cursor.id)?]);
        }
        Ok(conditions)
    }

    /// The values, followed by the limit, one above the page's size, and the offset of a page.
    pub(crate) fn paged(&self, page: &PageRequest) -> Outcome<Vec<Value>> {
        let mut values = self.values.clone();
        values.push(codec::signed(page.reads())?.into());
        values.push(codec::signed(page.offset())?.into());
        Ok(values)
    }

    /// Counts the rows of a table, exactly up to [`EXACT_TOTAL`], if a page wants to know.
    ///
    /// Above it the newest rows are counted and what they say is taken for all; the table must then have a number `key`
    /// that rises with each row and leaves no gaps.
    pub(crate) fn total(
        &self,
        connection: &Connection,
        page: &PageRequest,
        table: &str,
        key: &str,
    ) -> Outcome<Option<Total>> {
        if !page.is_counted() {
            return Ok(None);
        }
        let sql = &self.sql;
        let exact = self.count(connection, table)?;
        if exact <= EXACT_TOTAL {
            return Ok(Some(Total::Exact(exact)));
        }
        let newest = format!("SELECT * FROM {table} ORDER BY {key} DESC LIMIT {EXACT_TOTAL}");
        let among_newest = self.counted(connection, &format!("SELECT count(*) FROM ({newest}){sql}"))?;
        let rows: i64 =
            connection.prepare_cached(&format!("SELECT max({key}) FROM {table}"))?.query_row([], |row| row.get(0))?;
        let rows = u64::try_from(rows).unwrap_or_default();
        Ok(Some(Total::Estimate((rows * among_newest / EXACT_TOTAL).max(exact))))
    }

    /// Counts the rows of a table, but no more than one above [`EXACT_TOTAL`].
    pub(crate) fn count(&self, connection: &Connection, table: &str) -> Outcome<u64> {
        let sql = &self.sql;
        self.counted(connection, &format!("SELECT count(*) FROM (SELECT 1 FROM {table}{sql} LIMIT {EXACT_TOTAL} + 1)"))
    }

    fn counted(&self, connection: &Connection, sql: &str) -> Outcome<u64> {
        let mut select = connection.prepare_cached(sql)?;
        let found = codec::first(&mut select, params_from_iter(&self.values), |row| codec::count(row, 0))?;
        found.ok_or_else(|| Failure::Corrupt("a count gave no row".to_owned()))
    }
}

pub(crate) fn direction(order: SortOrder) -> &'static str {
    match order {
        SortOrder::Ascending => "ASC",
        SortOrder::Descending => "DESC",
    }
}
