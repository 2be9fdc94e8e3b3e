//! What this store does with the audit log beyond its port: transactions that end in another order than they began in.

use std::{sync::Arc, time::Duration};

use domain::{
    audit::{AuditFilter, EntityId},
    ports::{AuditChain, AuditLog, AuditSealing, Sealed},
};
use port_contracts::{chain::WeakSeal, samples::at};
use sqlx::{Connection, PgConnection};

use crate::stores::{migrated, open};

const ROW: &str = "INSERT INTO audit_logs (entity_type, entity_id, action) VALUES ('run', gen_random_uuid(), 'cancel')";

async fn sealed(store: &impl AuditSealing, second: i64) -> Option<Sealed> {
    store.seal(Arc::new(WeakSeal), 0, at(second), 100).await.expect("the chain is sound")
}

async fn rows(store: &impl AuditSealing, second: i64) -> usize {
    sealed(store, second).await.expect("nobody else seals").rows
}

#[tokio::test]
async fn a_row_whose_transaction_ends_late_is_sealed_late_and_keeps_no_other_waiting() {
    let database = migrated().await;
    let store = open(&database).await;
    let mut late = PgConnection::connect(database.url()).await.expect("the database lets tests in");
    sqlx::raw_sql("BEGIN").execute(&mut late).await.expect("it begins");
    sqlx::raw_sql(ROW).execute(&mut late).await.expect("it is written");
    database.run(ROW).await;
    assert_eq!(rows(&store, 0).await, 1, "the later one is there");
    assert_eq!(rows(&store, 300).await, 0, "the first one is waited for");
    sqlx::raw_sql("COMMIT").execute(&mut late).await.expect("it ends");
    assert_eq!(rows(&store, 301).await, 1);
    let state = store.state().await.expect("the store works");
    assert_eq!((state.settled, state.open), (2, vec![]));
    let blocks = store.blocks(0, 9).await.expect("the store works");
    assert_eq!(blocks.iter().map(|block| block.places.clone()).collect::<Vec<_>>(), [[2], [1]]);
}

#[tokio::test]
async fn a_row_that_never_came_is_not_waited_for_for_ever() {
    let database = migrated().await;
    let store = open(&database).await;
    let mut broken = PgConnection::connect(database.url()).await.expect("the database lets tests in");
    sqlx::raw_sql("BEGIN").execute(&mut broken).await.expect("it begins");
    sqlx::raw_sql(ROW).execute(&mut broken).await.expect("it is written");
    sqlx::raw_sql("ROLLBACK").execute(&mut broken).await.expect("it ends");
    database.run(ROW).await;
    assert_eq!(rows(&store, 0).await, 1);
    assert_eq!(store.state().await.expect("the store works").open, [(1, 1)]);
    // The oldest transaction of the whole server counts, and other tests have theirs beside this one.
    let given_up = async {
        loop {
            assert_eq!(rows(&store, 61).await, 0);
            if store.state().await.expect("the store works").open.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), given_up)
        .await
        .expect("the row is given up once all that were older have ended");
}

#[tokio::test]
async fn while_somebody_seals_nobody_else_does_and_nobody_waits() {
    let database = migrated().await;
    let store = open(&database).await;
    let mut other = PgConnection::connect(database.url()).await.expect("the database lets tests in");
    sqlx::raw_sql("BEGIN; SELECT * FROM audit_chain FOR UPDATE").execute(&mut other).await.expect("it is locked");
    assert_eq!(sealed(&store, 0).await, None);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("it ends");
    assert!(sealed(&store, 0).await.is_some());
}

#[tokio::test]
async fn what_the_old_system_wrote_is_listed_and_sealed() {
    let database = crate::adoption::adopted().await;
    let store = open(&database).await;
    let page = AuditLog::list(&store, &AuditFilter::default(), None, 9).await.expect("the store works");
    let [row] = &page.rows[..] else { panic!("the old system wrote one row: {page:?}") };
    assert_eq!((row.action.as_str(), row.entity_kind.as_str()), ("create", "agent"));
    assert_eq!((&row.user, &row.changes), (&None, &None));
    assert_eq!(row.entity_id, EntityId::new("00000000-0000-0000-0000-00000000000a"));
    let about = AuditFilter { entity_id: Some(row.entity_id.clone()), ..AuditFilter::default() };
    assert_eq!(AuditLog::list(&store, &about, None, 9).await.expect("the store works"), page);
    assert_eq!(rows(&store, 0).await, 1);
}
