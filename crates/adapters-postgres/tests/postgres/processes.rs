//! What several processes on one database do for and against each other: beats, take-overs and the doorbell.

use std::time::Duration;

use adapters_postgres::PgStore;
use dev_services::Database;
use domain::{
    ids::RunId,
    ports::{Doorbell, Duties, Fleet, Requests, RunJournal, RunLeases, StoreTime, Workflows},
    runs::{AdvanceRun, CommitOutcome, RunCommit, Wake},
};
use futures_util::future::join_all;
use port_contracts::{
    IntoCommit, Stores,
    samples::{adopt, advance, at, cancel, executor, finish, owned_start, resume, start, workflow_name},
};
use sqlx::{Connection, PgConnection, postgres::PgListener};
use tokio::time::timeout;

use crate::stores::{migrated, open};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.expect("the database is there")
}

async fn rung(store: &PgStore) {
    timeout(DEADLINE, store.rung()).await.expect("it rings in time").expect("it can be heard");
}

#[tokio::test]
async fn a_heart_beats_while_every_other_connection_waits() {
    let database = migrated().await;
    let store = open(&database).await;
    store
        .join(executor(1), Duties { executes: true, relays: true, requests: Requests::Ignores })
        .await
        .expect("the store works");
    let mut other = connect(&database).await;
    let mut held = other.begin().await.expect("the connection works");
    sqlx::raw_sql("LOCK TABLE workflow_definitions").execute(&mut *held).await.expect("nobody else has it");
    let name = workflow_name("w");
    let busy = join_all((0..20).map(|_| store.head(&name)));
    let beat = async {
        let mut observer = connect(&database).await;
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut observer).await.expect("the query is right") < 10 {
            tokio::task::yield_now().await;
        }
        let beaten = store.beat(executor(1)).await;
        held.rollback().await.expect("the connection works");
        beaten
    };
    let (busy, beaten) = timeout(DEADLINE, async { tokio::join!(busy, beat) }).await.expect("nothing hangs");
    assert!(beaten.expect("the heart has a connection"));
    assert!(busy.into_iter().all(|answer| answer.is_ok()));
}

#[tokio::test]
async fn the_time_is_the_databases() {
    let database = migrated().await;
    let store = open(&database).await;
    let (before, after) = (store.read().await.expect("the store works"), store.read().await.expect("the store works"));
    let mut connection = connect(&database).await;
    let later: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut connection).await.expect("the query is right");
    assert!(before <= after && after <= later);
}

/// The heads of runs that executor 1 owns.
const OWNED: &str = "
    INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status)
    SELECT 'r' || lpad(n::text, 4, '0'), 'w', 'w', 'RUNNING' FROM generate_series(0, 1199) n;
    INSERT INTO run_heads (run_id, seq, epoch, owner, phase)
    SELECT run_id, 1, 1, '00000000-0000-0000-0000-000000000001', 0 FROM workflow_runs ORDER BY run_id;";

#[tokio::test]
async fn a_release_lets_others_claim_what_it_has_released_while_it_goes_on() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    database.run(OWNED).await;
    let mut blocker = connect(&database).await;
    let mut held = blocker.begin().await.expect("the connection works");
    let last = "SELECT 1 FROM run_heads WHERE run_id = 'r1199' FOR UPDATE";
    sqlx::query(last).fetch_all(&mut *held).await.expect("the query is right");
    let claim = async {
        let mut claimed: Vec<RunId> = Vec::new();
        // Two slices of 500 are done, and the third one waits.
        while claimed.len() < 1_000 {
            let more = other.claim(executor(2), 300, at(0)).await.expect("the store works");
            claimed.extend(more.into_iter().map(|claimed| claimed.run));
        }
        held.rollback().await.expect("the connection works");
        claimed.len()
    };
    let (released, claimed) = timeout(DEADLINE, async { tokio::join!(one.release(executor(1), at(0)), claim) })
        .await
        .expect("neither waits for the other");
    assert_eq!((released.expect("the store works"), claimed), (1_200, 1_000));
    assert_eq!(one.owners().await.expect("the store works"), [executor(2)]);
}

#[tokio::test]
async fn the_bell_rings_for_whoever_listens_in_another_process() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    // It may have been rung for before.
    rung(&other).await;
    for commit in [start("r").into_commit(), adopt("s").into_commit()] {
        let ring = async { one.commit([commit].into()).await.expect("the store works") };
        assert_eq!(tokio::join!(rung(&other), ring).1, [CommitOutcome::Committed]);
    }
    // What is rung while nobody waits is not lost either.
    one.commit([start("t").into_commit()].into()).await.expect("the store works");
    rung(&other).await;
    assert!(timeout(Duration::from_millis(1), other.rung()).await.is_err());
    one.commit([start("u").into_commit()].into()).await.expect("the store works");
    rung(&other).await;
}

#[tokio::test]
async fn the_bell_rings_only_for_runs_that_nobody_looks_after_and_once_for_a_batch() {
    let database = migrated().await;
    let store = open(&database).await;
    let stores = Stores::new(store.clone());
    let mut listener = PgListener::connect(database.url()).await.expect("the database is there");
    listener.listen("orrery_runs").await.expect("it can listen");
    stores.committed(owned_start("r")).await;
    stores.committed(owned_start("s")).await;
    stores.committed(advance("r", 1)).await;
    stores.committed(AdvanceRun { wake: Wake::At(at(0)), ..advance("r", 2) }).await;
    stores.committed(finish("s", 1, domain::runs::RunStatus::Failed, Some("broken"))).await;
    let refused = [start("r").into_commit(), adopt("r").into_commit(), resume("r").into_commit()];
    store.commit(refused.into()).await.expect("the store works");
    stores.committed(cancel("r")).await;
    database.run("NOTIFY orrery_runs, 'first'").await;
    let ringing: [RunCommit; 3] = [start("t").into_commit(), adopt("u").into_commit(), resume("s").into_commit()];
    store.commit(ringing.into()).await.expect("the store works");
    database.run("NOTIFY orrery_runs, 'last'").await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|payload| payload != "last") {
        let next = timeout(DEADLINE, listener.recv()).await.expect("it rings in time").expect("it can be heard");
        heard.push(next.payload().to_owned());
    }
    assert_eq!(heard, ["first", "", "last"]);
}

#[tokio::test]
async fn a_bell_whose_connection_broke_is_heard_again() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    rung(&other).await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let lost = async {
        database.run(ended).await;
    };
    let (heard, ()) = tokio::join!(timeout(DEADLINE, other.rung()), lost);
    assert!(heard.expect("it is noticed").is_err());
    rung(&other).await;
    let ring = async { one.commit([start("r").into_commit()].into()).await.expect("the store works") };
    tokio::join!(rung(&other), ring);
}
