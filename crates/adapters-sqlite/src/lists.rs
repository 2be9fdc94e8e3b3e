//! Lists: conditions, pages and totals.

use domain::page::{EXACT_TOTAL, PageRequest, SortOrder, Total};
use rusqlite::{Connection, params_from_iter, types::Value};

use crate::{
    codec,
    failure::{Failure, Outcome},
};

/// The conditions of a list, with their values in order.
#[derive(Default)]
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
        self.add_bare(condition);
        self.values.extend([Value::from(first), Value::from(second)]);
    }

    /// The values, followed by a limit.
    pub(crate) fn limited(&self, limit: i64) -> Vec<Value> {
        self.values.iter().cloned().chain([limit.into()]).collect()
    }

    /// `WHERE …`, or nothing.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The values, followed by the limit and the offset of a page.
    pub(crate) fn paged(&self, page: PageRequest) -> Outcome<Vec<Value>> {
        let mut values = self.values.clone();
        values.push(i64::from(page.size()).into());
        values.push(codec::signed(page.offset())?.into());
        Ok(values)
    }

    /// Counts the rows of a table, exactly up to [`EXACT_TOTAL`].
    ///
    /// Above it the newest rows are counted and what they say is taken for all; the table must then have a number `key`
    /// that rises with each row and leaves no gaps.
    pub(crate) fn total(&self, connection: &Connection, table: &str, key: &str) -> Outcome<Total> {
        let sql = &self.sql;
        let exact = self.count(connection, table)?;
        if exact <= EXACT_TOTAL {
            return Ok(Total::Exact(exact));
        }
        let newest = format!("SELECT * FROM {table} ORDER BY {key} DESC LIMIT {EXACT_TOTAL}");
        let among_newest = self.counted(connection, &format!("SELECT count(*) FROM ({newest}){sql}"))?;
        let rows: i64 =
            connection.prepare_cached(&format!("SELECT max({key}) FROM {table}"))?.query_row([], |row| row.get(0))?;
        let rows = u64::try_from(rows).unwrap_or_default();
        Ok(Total::Estimate((rows * among_newest / EXACT_TOTAL).max(exact)))
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
