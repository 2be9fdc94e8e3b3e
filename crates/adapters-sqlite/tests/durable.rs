//! What this store promises beyond its ports: what was committed is there after a restart, and nobody opens what they
//! should not.

use std::sync::Arc;

use adapters_auth::{AeadVault, Keyring};
use adapters_sqlite::{OpenError, SqliteStore, StoreFacts, examine};
use domain::{
    ids::Seq,
    page::{SortOrder, Total},
    ports::{RunJournal, RunLeases, Runs, StoreError},
    runs::{AdvanceRun, CommitOutcome, RunCommit, RunFilter, RunSort, StartRun},
};
use port_contracts::{
    Change, IntoCommit, Stores,
    samples::{advance, agent, at, closed, document, executor, owned_start, page, plan_hash, run_id, start, workflow},
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The same key each time.
fn vault() -> Arc<AeadVault> {
    AeadVault::new(&Keyring::parse("test:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=").expect("it is a key"))
}

fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path(), vault()).expect("a store")
}

#[tokio::test]
async fn everything_is_still_there_after_the_folder_is_opened_again() {
    let folder = folder();
    let first = AdvanceRun { closed: vec![closed(2)], ..advance("r", 1) };
    let stores = Stores::new(open(&folder));
    stores
        .changed(&[
            Change::AddAgent(agent("a")),
            Change::AddWorkflow(workflow(1, "w", 1)),
            Change::KeepPlan(plan_hash(1), document("w", 1)),
        ])
        .await;
    stores.committed(owned_start("r")).await;
    stores.committed(first.clone()).await;
    let before = stores.all_of(&run_id("r")).await;
    drop(stores);

    let stores = Stores::new(open(&folder));
    assert_eq!(stores.all_of(&run_id("r")).await, before);
    assert_eq!(stores.agents.get(agent("a").id).await.expect("the store works"), Some(agent("a")));
    let row = workflow(1, "w", 1);
    assert_eq!(stores.workflows.get(row.id).await.expect("the store works"), Some(row));
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), Some(document("w", 1)));
    assert_eq!(stores.leases.owners().await.expect("the store works"), [executor(1)]);
    assert_eq!(stores.commit(first).await, CommitOutcome::AlreadyApplied);
    stores.committed(advance("r", 2)).await;
}

#[tokio::test]
async fn the_log_is_folded_into_the_file_when_the_store_ends() {
    let folder = folder();
    let stores = Stores::new(open(&folder));
    stores.committed(start("r")).await;
    drop(stores);
    let log = std::fs::metadata(folder.path().join("orrery.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
}

#[tokio::test]
async fn a_folder_that_is_in_use_is_refused_until_its_store_ends() {
    let folder = folder();
    let store = open(&folder);
    let second = SqliteStore::open(folder.path(), vault());
    assert!(matches!(&second, Err(OpenError::InUse { .. })), "{second:?}");
    let message = second.map(drop).map_err(|error| error.to_string()).expect_err("it is in use");
    assert!(message.contains("in use by another process"), "{message}");
    drop(store);
    open(&folder);
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let folder = folder();
    drop(open(&folder));
    let file = rusqlite::Connection::open(folder.path().join("orrery.db")).expect("a database");
    file.pragma_update(None, "user_version", 99).expect("it is writable");
    drop(file);
    let newest = self::folder();
    drop(open(&newest));
    let message =
        SqliteStore::open(folder.path(), vault()).map(drop).map_err(|error| error.to_string()).expect_err("newer");
    let known: i64 = rusqlite::Connection::open(newest.path().join("orrery.db"))
        .and_then(|file| file.query_row("PRAGMA user_version", [], |row| row.get(0)))
        .expect("a version");
    assert!(message.contains("version 99") && message.contains(&format!("up to {known};")), "{message}");
}

#[tokio::test]
async fn who_only_looks_is_told_what_would_be_refused_and_leaves_everything_as_it_is() {
    let folder = folder();
    assert!(matches!(examine(folder.path()), Ok(None)), "there is no store");
    assert_eq!(std::fs::read_dir(folder.path()).expect("it can be listed").count(), 0);
    let store = open(&folder);
    assert!(matches!(examine(folder.path()), Err(OpenError::InUse { .. })));
    drop(store);
    let found = examine(folder.path()).expect("it can be opened").expect("there is a store");
    let StoreFacts { version, pending, head } = found;
    assert!(version > 0 && pending == 0 && head.is_none(), "{version}, {pending}, {head:?}");

    let file = folder.path().join("orrery.db");
    let set = |version: i64| {
        let connection = rusqlite::Connection::open(&file).expect("a database");
        connection.pragma_update(None, "user_version", version).expect("it is writable");
    };
    set(version - 1);
    assert!(matches!(examine(folder.path()), Ok(Some(StoreFacts { pending: 1, .. }))));
    set(version + 1);
    let newer = examine(folder.path()).expect_err("it is newer");
    assert!(matches!(newer, OpenError::Newer { found, .. } if found == version + 1), "{newer}");
    std::fs::write(&file, "this is no database, and it is longer than the head of one".repeat(9))
        .expect("it is written");
    let garbage = examine(folder.path()).expect_err("it is no database");
    assert!(matches!(garbage, OpenError::Sqlite(_)), "{garbage}");
    std::fs::write(&file, "").expect("it is written");
    assert!(matches!(examine(folder.path()), Ok(None)), "what is empty is no store yet");
}

/// A number that SQLite cannot hold stands for all data that cannot be written.
#[tokio::test]
async fn a_commit_that_cannot_be_written_does_not_take_the_others_of_its_batch_with_it() {
    let folder = folder();
    let store = open(&folder);
    let stores = Stores::new(store.clone());
    for run in ["a", "b", "c"] {
        stores.committed(owned_start(run)).await;
    }
    let before = stores.all_of(&run_id("b")).await;
    let guilty = AdvanceRun { closed: vec![closed(2), closed(u64::MAX)], ..advance("b", 1) };
    let batch = [advance("a", 1).into_commit(), guilty.into_commit(), advance("c", 1).into_commit()];
    let outcomes = store.commit(batch.clone().into()).await.expect("the store works");
    assert_eq!(outcomes, [CommitOutcome::Committed, CommitOutcome::Unstorable, CommitOutcome::Committed]);
    assert_eq!(stores.all_of(&run_id("b")).await, before);
    let innocent = [batch[0].clone(), batch[2].clone()];
    assert_eq!(store.commit(innocent.into()).await.expect("written before"), [CommitOutcome::AlreadyApplied; 2]);
    stores.committed(advance("b", 1)).await;
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so_and_goes_on_when_it_can() {
    let folder = folder();
    let store = open(&folder);
    let other = rusqlite::Connection::open(folder.path().join("orrery.db")).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let refused = store.commit([start("r").into_commit()].into()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    other.execute_batch("ROLLBACK").expect("it was begun");
    assert_eq!(store.commit([start("r").into_commit()].into()).await.expect("it can"), [CommitOutcome::Committed]);
}

#[tokio::test]
async fn a_long_log_is_folded_while_commits_go_on() {
    let folder = folder();
    let store = open(&folder);
    let large = |n: usize| {
        let input = port_contracts::samples::payload(serde_json::json!("x".repeat(1 << 20)));
        StartRun { input, ..start(&format!("r{n}")) }.into_commit()
    };
    for n in 0..200 {
        store.commit([large(n)].into()).await.expect("the store works");
    }
    let log = std::fs::metadata(folder.path().join("orrery.db-wal")).expect("a log").len();
    assert!(log < 150 << 20, "200 MiB were written and the log has {log} bytes");
    assert!(Runs::get(&store, &run_id("r0")).await.expect("the store works").is_some());
}

#[tokio::test]
async fn totals_are_exact_up_to_ten_thousand_and_estimates_above() {
    let folder = folder();
    let store = open(&folder);
    let starts = |from: usize, to: usize, owned: bool| -> Vec<RunCommit> {
        let run = |n: usize| {
            let run = format!("r{n:06}");
            if owned { owned_start(&run) } else { start(&run) }.into_commit()
        };
        (from..to).map(run).collect()
    };
    let total = async |filter: &RunFilter| {
        let found = store.list(filter, RunSort::CreatedAt, SortOrder::Ascending, page(100, 100)).await;
        found.expect("the store works").total.expect("a numbered page")
    };
    let (everything, pending) = (RunFilter::default(), RunFilter::with_status(domain::runs::RunStatus::Pending));
    store.commit(starts(0, 10_000, false).into()).await.expect("the store works");
    assert_eq!(total(&everything).await, Total::Exact(10_000));
    store.commit(starts(10_000, 15_000, true).into()).await.expect("the store works");
    store.commit(starts(15_000, 20_000, false).into()).await.expect("the store works");
    assert_eq!(total(&everything).await, Total::Estimate(20_000));
    // Half of the newest 10,000 are pending, so of 20,000 in all; never less than was counted.
    assert_eq!(total(&pending).await, Total::Estimate(10_001));
}

#[tokio::test]
async fn transactions_and_accepted_commits_are_counted() {
    let folder = folder();
    let store = open(&folder);
    let batch = [owned_start("a").into_commit(), start("b").into_commit(), advance("a", 7).into_commit()];
    store.commit(batch.into()).await.expect("the store works");
    store.claim(executor(2), 5, at(-1)).await.expect("the store works");
    let stats = store.stats();
    assert_eq!((stats.transactions, stats.commits), (1, 2));
    assert!(!stats.write_time.is_zero());
    assert_eq!(store.outputs(&run_id("a"), &[Seq::new(1)]).await.expect("the store works"), []);
}

#[test]
fn the_floor_is_measured_in_the_same_folder_and_leaves_nothing_behind() {
    let folder = folder();
    let floor =
        adapters_sqlite::floor::floor_commits(folder.path(), std::time::Duration::from_millis(50)).expect("measured");
    assert!(floor.commits > 0 && floor.per_second() > 0.0 && floor.p50 <= floor.p99, "{floor:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_run_that_cannot_be_read_keeps_no_other_from_being_claimed() {
    let folder = folder();
    let store = open(&folder);
    let stores = Stores::new(store.clone());
    for run in ["a", "b", "c"] {
        stores.committed(start(run)).await;
    }
    let file = rusqlite::Connection::open(folder.path().join("orrery.db")).expect("a database");
    let damage = "UPDATE run_events SET events = '[{\"type\":\"unheard_of\"}]' WHERE run = (SELECT run FROM workflow_runs WHERE run_id = 'b')";
    assert_eq!(file.execute(damage, []).expect("damaged"), 1);
    let claimed = store.claim(executor(1), 10, at(9)).await.expect("the store works");
    assert_eq!(claimed.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(store.claim(executor(1), 10, at(9)).await.expect("the store works"), []);
}
