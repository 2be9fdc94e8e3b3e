//! Lists: pages and totals.

use domain::page::{Cursor, EXACT_TOTAL, PageRequest, SortOrder, SortValue, Total};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, Statement,
    sea_query::{Alias, Expr, Query},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, parsed, sound},
    failure::Outcome,
};

/// What a list is sorted by: two expressions in SQL, for the value and for the id that decides among equals. There is an index
/// over just these, and the types say what they hold.
#[derive(Clone, Copy)]
pub(crate) struct Sorting {
    pub(crate) value: &'static str,
    pub(crate) id: &'static str,
    pub(crate) times: Times,
    pub(crate) ids: Ids,
    pub(crate) order: SortOrder,
}

/// What the columns of times hold.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    /// No zone, as the old system has it.
    Naive,
    /// `timestamptz`.
    Zoned,
}

/// What the columns of ids hold.
#[derive(Clone, Copy)]
pub(crate) enum Ids {
    Text,
    Uuid,
}

impl Sorting {
    /// One page of a list.
    pub(crate) async fn page<E: EntityTrait>(
        self,
        database: &DatabaseConnection,
        wanted: Select<E>,
        page: &PageRequest,
    ) -> Outcome<Vec<E::Model>> {
        let following = match page.cursor() {
            Some(cursor) => wanted.filter(self.after(cursor)?),
            None => wanted,
        };
        let direction = match self.order {
            SortOrder::Ascending => Order::Asc,
            SortOrder::Descending => Order::Desc,
        };
        let sorted =
            following.order_by(Expr::cust(self.value), direction.clone()).order_by(Expr::cust(self.id), direction);
        Ok(sorted.limit(page.reads()).offset(page.offset()).all(database).await?)
    }

    /// What comes after a place. One comparison of rows, because only that is a range of an index over both columns;
    /// `a > x OR (a = x AND b > y)` is none.
    fn after(self, cursor: &Cursor) -> Outcome<Expr> {
        let value: sea_orm::Value = match (&cursor.value, self.times) {
            (SortValue::Time(time), Times::Naive) => time.naive_utc().into(),
            (SortValue::Time(time), Times::Zoned) => (*time).into(),
            (SortValue::Number(number), _) => i64::from(*number).into(),
            (SortValue::Text(text), _) => text.clone().into(),
        };
        let id: sea_orm::Value = match self.ids {
            Ids::Text => cursor.id.clone().into(),
            Ids::Uuid => parsed("id of a cursor", Uuid::parse_str(&cursor.id))?.into(),
        };
        let than = match self.order {
            SortOrder::Ascending => '>',
            SortOrder::Descending => '<',
        };
        Ok(Expr::cust_with_values(format!("({}, {}) {than} ($1, $2)", self.value, self.id), [value, id]))
    }
}

/// Counts the rows of a list, exactly up to [`EXACT_TOTAL`]; above it the planner's estimate has to do, also one of a moment ago.
/// Only if a page wants to know.
pub(crate) async fn total<E: EntityTrait>(
    store: &PgStore,
    wanted: Select<E>,
    page: &PageRequest,
) -> Outcome<Option<Total>> {
    if !page.is_counted() {
        return Ok(None);
    }
    let all = wanted.clone().select_only().expr(Expr::cust("1")).build(DbBackend::Postgres);
    let list = format!("{} {:?}", all.sql, all.values);
    if let Some(recent) = store.totals().recent(&list) {
        return Ok(Some(recent));
    }
    let database = store.management();
    let few = wanted.select_only().expr(Expr::cust("1")).limit(EXACT_TOTAL + 1).into_query();
    let counted = Query::select().expr(Expr::cust("count(*)")).from_subquery(few, Alias::new("few")).to_owned();
    let row = sound("count", database.query_one(&counted).await?)?;
    let exact = count(row.try_get_by_index(0)?)?;
    if exact <= EXACT_TOTAL {
        return Ok(Some(Total::Exact(exact)));
    }
    let sql = format!("EXPLAIN (FORMAT JSON) {}", all.sql);
    let explain = Statement { sql, values: all.values, db_backend: DbBackend::Postgres };
    let row = sound("plan of a query", database.query_one_raw(explain).await?)?;
    let plan: Value = row.try_get_by_index(0)?;
    let estimate = sound("plan of a query", plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_u64))?;
    let estimate = estimate.max(exact);
    store.totals().keep(list, estimate);
    Ok(Some(Total::Estimate(estimate)))
}

/// What is not deleted. Not as a parameter: the planner would not know that there is an index for just these.
pub(crate) fn not_deleted() -> Expr {
    Expr::cust("status <> 'deleted'")
}

/// That a column has a text in it, as [`domain::page::has_part`] says: in this order PostgreSQL changes the case of A to Z only.
pub(crate) fn has_part(column: &str, part: &str) -> Expr {
    Expr::cust_with_values(format!("position($1 in lower({column} COLLATE \"C\")) > 0"), [part.to_ascii_lowercase()])
}

/// Names in the order of their code points, whatever the database's own order is.
pub(crate) const NAME: &str = "name COLLATE \"C\"";

/// The ids of runs likewise.
pub(crate) const RUN_ID: &str = "run_id COLLATE \"C\"";
