//! Lists: pages and totals.

use domain::page::{EXACT_TOTAL, PageRequest, SortOrder, Total};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, Order, QuerySelect, QueryTrait, Select, Statement,
    sea_query::{Alias, Expr, Query},
};
use serde_json::Value;

use crate::{
    codec::{count, sound},
    failure::Outcome,
};

/// One page of a sorted list.
pub(crate) async fn page<E: EntityTrait>(
    database: &DatabaseConnection,
    sorted: Select<E>,
    page: PageRequest,
) -> Outcome<Vec<E::Model>> {
    Ok(sorted.limit(u64::from(page.size())).offset(page.offset()).all(database).await?)
}

/// Counts the rows of a list, exactly up to [`EXACT_TOTAL`]; above it the planner's estimate has to do.
pub(crate) async fn total<E: EntityTrait>(database: &DatabaseConnection, wanted: Select<E>) -> Outcome<Total> {
    let few = wanted.clone().select_only().expr(Expr::cust("1")).limit(EXACT_TOTAL + 1).into_query();
    let counted = Query::select().expr(Expr::cust("count(*)")).from_subquery(few, Alias::new("few")).to_owned();
    let row = sound("count", database.query_one(&counted).await?)?;
    let exact = count(row.try_get_by_index(0)?)?;
    if exact <= EXACT_TOTAL {
        return Ok(Total::Exact(exact));
    }
    let statement = wanted.select_only().expr(Expr::cust("1")).build(DbBackend::Postgres);
    let sql = format!("EXPLAIN (FORMAT JSON) {}", statement.sql);
    let explain = Statement { sql, values: statement.values, db_backend: DbBackend::Postgres };
    let row = sound("plan of a query", database.query_one_raw(explain).await?)?;
    let plan: Value = row.try_get_by_index(0)?;
    let estimate = sound("plan of a query", plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_u64))?;
    Ok(Total::Estimate(estimate.max(exact)))
}

pub(crate) fn direction(order: SortOrder) -> Order {
    match order {
        SortOrder::Ascending => Order::Asc,
        SortOrder::Descending => Order::Desc,
    }
}

/// What is not deleted. Not as a parameter: the planner would not know that there is an index for just these.
pub(crate) fn not_deleted() -> Expr {
    Expr::cust("status <> 'deleted'")
}

/// A text column in the order of its code points, whatever the database's own order is; there is an index for each.
pub(crate) fn in_code_points(column: &'static str) -> Expr {
    Expr::cust(format!("{column} COLLATE \"C\""))
}
