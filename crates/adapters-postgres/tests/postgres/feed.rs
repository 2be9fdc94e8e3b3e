//! The feed of runs where transactions are over in another order than they began, and where other systems write.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adapters_postgres::PgStore;
use dev_services::Database;
use domain::{
    ids::FeedPlace,
    ports::{ExternalRuns, RunFeed, RunJournal},
    runs::{RunCommit, RunStatus},
};
use port_contracts::{
    IntoCommit, Stores,
    samples::{cancel, finish, owned_start, start},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::timeout;

use crate::stores::{migrated, open};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_mins(1);

async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.expect("the database is there")
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("the statement is right");
}

/// A run that another system inserts.
fn insert(run: &str) -> String {
    format!(
        "INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, updated_at)
         VALUES ('{run}', 'wf-old', 'old', 'PENDING', '2025-01-02 03:04:05');"
    )
}

async fn told_after(store: &PgStore, place: FeedPlace) -> Vec<(String, RunStatus)> {
    let changes = store.after(place, 1000).await.expect("the store works").changes;
    changes.into_iter().map(|change| (change.run.to_string(), change.status)).collect()
}

async fn told(store: &PgStore) -> Vec<(String, RunStatus)> {
    told_after(store, FeedPlace::default()).await
}

fn pending(runs: &[&str]) -> Vec<(String, RunStatus)> {
    runs.iter().map(|run| ((*run).to_owned(), RunStatus::Pending)).collect()
}

#[tokio::test]
async fn what_an_older_transaction_has_yet_to_tell_is_waited_for() {
    let database = migrated().await;
    let (store, mut other) = (open(&database).await, connect(&database).await);
    let stores = Stores::new(store.clone());
    // Around the ends of what a lock's number holds, too.
    for last in [0_i64, (1 << 31) - 2, (1 << 32) - 2, 5 << 32] {
        if last > 0 {
            run(&mut other, &format!("SELECT setval('run_changes_place_seq', {last})")).await;
        }
        let before = store.end().await.expect("the store works");
        let [a, b] = [format!("a-{last}"), format!("b-{last}")];
        run(&mut other, &format!("BEGIN; {}", insert(&a))).await;
        stores.committed(start(&b)).await;
        assert_eq!(told_after(&store, before).await, [], "after {last}");
        run(&mut other, "COMMIT").await;
        assert_eq!(told_after(&store, before).await, pending(&[&a, &b]), "after {last}");
    }
}

#[tokio::test]
async fn a_transaction_that_changes_no_run_holds_nothing_back() {
    let database = migrated().await;
    let (store, mut other) = (open(&database).await, connect(&database).await);
    run(&mut other, "BEGIN; INSERT INTO plans (hash, document) VALUES ('x', '{}'); SELECT * FROM workflow_runs").await;
    Stores::new(store.clone()).committed(start("r")).await;
    assert_eq!(told(&store).await, pending(&["r"]));
}

#[tokio::test]
async fn what_is_rolled_back_is_neither_told_nor_waited_for() {
    let database = migrated().await;
    let (store, mut other) = (open(&database).await, connect(&database).await);
    let stores = Stores::new(store.clone());
    run(&mut other, &format!("BEGIN; {} ROLLBACK", insert("no"))).await;
    stores.committed(start("a")).await;
    assert_eq!(told(&store).await, pending(&["a"]));
    run(&mut other, &format!("BEGIN; SAVEPOINT s; {} ROLLBACK TO s;", insert("no"))).await;
    stores.committed(start("b")).await;
    assert_eq!(told(&store).await, pending(&["a", "b"]));
    run(&mut other, &insert("c")).await;
    stores.committed(start("d")).await;
    assert_eq!(told(&store).await, pending(&["a", "b"]), "what follows a savepoint is waited for as anything else");
    run(&mut other, "COMMIT").await;
    assert_eq!(told(&store).await, pending(&["a", "b", "c", "d"]));
}

#[tokio::test]
async fn what_the_old_system_does_is_told() {
    let database = migrated().await;
    let (store, mut old) = (open(&database).await, connect(&database).await);
    run(&mut old, &insert("r")).await;
    let update = "UPDATE workflow_runs SET status = 'RUNNING', updated_at = '2025-01-02 03:04:06' WHERE run_id = 'r';
                  UPDATE workflow_runs SET error_message = 'x' WHERE run_id = 'r';
                  UPDATE workflow_runs SET status = 'PAINTED' WHERE run_id = 'r';
                  UPDATE workflow_runs SET status = 'COMPLETED' WHERE run_id = 'r'";
    run(&mut old, update).await;
    store.start(&start("external")).await.expect("the store works");
    store.cancel(&cancel("external")).await.expect("the store works");
    let wanted = [
        ("r", RunStatus::Pending),
        ("r", RunStatus::Running),
        ("r", RunStatus::Completed),
        ("external", RunStatus::Pending),
        ("external", RunStatus::Cancelled),
    ];
    assert_eq!(told(&store).await, wanted.map(|(run, status)| (run.to_owned(), status)));
    let first = store.after(FeedPlace::default(), 1).await.expect("the store works").changes.remove(0);
    let change = (first.workflow.as_str(), first.workflow_name.as_str(), first.at.to_rfc3339());
    assert_eq!(change, ("wf-old", "old", "2025-01-02T03:04:05+00:00".to_owned()));
    let unreadable = store.after(FeedPlace::new(2), 1).await.expect("the store works").changes;
    assert_eq!(unreadable[0].status, RunStatus::Completed, "who reads one by one is not stuck at what cannot be read");
}

const WRITERS: usize = 6;
const RUNS: usize = 40;

/// Each writer starts and ends runs in batches, some of which are about runs of its neighbour: those wait for each other.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "they are waited for")]
async fn a_reader_beside_writers_is_given_everything_once_and_each_run_in_its_order() {
    let database = migrated().await;
    let store = open(&database).await;
    let writers = (0..WRITERS).map(|writer| {
        let url = database.url().to_owned();
        tokio::spawn(async move {
            let store = PgStore::connect(&url, crate::stores::vault()).await.expect("a store");
            for number in 0..RUNS {
                let own = format!("r-{writer}-{number}");
                let batch: Arc<[RunCommit]> = Arc::new([owned_start(&own).into_commit()]);
                store.commit(batch).await.expect("the store works");
                let neighbour = format!("r-{}-{}", (writer + 1) % WRITERS, number.saturating_sub(1));
                let ends = [
                    finish(&own, 1, RunStatus::Completed, None).into_commit(),
                    cancel(&neighbour).into_commit(),
                    start(&format!("s-{writer}-{number}")).into_commit(),
                ];
                store.commit(ends.into()).await.expect("the store works");
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut read: BTreeMap<String, Vec<RunStatus>> = BTreeMap::new();
    let (mut place, mut slices) = (FeedPlace::default(), 0);
    let everything = async {
        loop {
            let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
            let changes = store.after(place, 7).await.expect("the store works").changes;
            slices += usize::from(!changes.is_empty());
            if changes.is_empty() && over {
                break;
            }
            for change in changes {
                assert!(change.place > place, "places rise");
                place = change.place;
                read.entry(change.run.to_string()).or_default().push(change.status);
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, everything).await.expect("the feed ends");
    for writer in writers {
        writer.await.expect("no writer failed");
    }
    assert!(slices > 1);
    assert_eq!(read.len(), WRITERS * RUNS * 2);
    let mut stored = connect(&database).await;
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT run_id::text, status::text FROM workflow_runs")
        .fetch_all(&mut stored)
        .await
        .expect("the query is right");
    for (run, status) in rows {
        let told = &read[&run];
        assert_eq!(told.last().map(|status| status.as_str()), Some(status.as_str()), "{run}: {told:?}");
        let wanted: &[RunStatus] = match (run.starts_with('s'), status.as_str()) {
            (true, _) => &[RunStatus::Pending],
            (false, "COMPLETED") => &[RunStatus::Running, RunStatus::Completed],
            (false, _) => &[RunStatus::Running, RunStatus::Cancelled],
        };
        assert_eq!(told, wanted, "{run}");
    }
}
