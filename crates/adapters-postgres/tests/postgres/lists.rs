//! Large tables: what totals say, and that nothing reads a table from end to end.

use dev_services::Database;
use domain::{
    page::{SortOrder, Total},
    ports::{RunJournal, RunLeases, Runs},
    runs::{
        CancelRun,
        CommitOutcome::{Committed, Duplicate, Fenced, Gone},
        RunCommit, RunFilter, RunSort, RunStatus,
    },
};
use port_contracts::{
    IntoCommit,
    samples::{adopt, advance, at, cancel, executor, owned_start, page, resume, run_id, start},
};
use sqlx::{Connection, PgConnection};

use crate::stores::{migrated, open};

#[tokio::test]
async fn totals_are_exact_up_to_ten_thousand_and_estimates_above() {
    let database = migrated().await;
    let store = open(&database).await;
    let starts = |from: usize, to: usize| -> Vec<RunCommit> {
        (from..to).map(|n| start(&format!("r{n:06}")).into_commit()).collect()
    };
    let total = async |filter: &RunFilter| {
        let found = store.list(filter, RunSort::CreatedAt, SortOrder::Ascending, page(100, 100)).await;
        found.expect("the store works").total.expect("a numbered page")
    };
    let everything = RunFilter::default();
    store.commit(starts(0, 10_000).into()).await.expect("the store works");
    assert_eq!(total(&everything).await, Total::Exact(10_000));
    store.commit(starts(10_000, 20_000).into()).await.expect("the store works");
    database.run("ANALYZE workflow_runs").await;
    assert_eq!(total(&everything).await, Total::Estimate(20_000));
    let failed = RunFilter::with_status(RunStatus::Failed);
    assert_eq!(total(&failed).await, Total::Exact(0));
}

/// Parked runs, each with an event and an ended attempt.
const MANY_RUNS: &str = "
    INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, input_data, created_at, updated_at)
    SELECT 'many-' || n, 'w-' || n % 100, 'w', CASE WHEN n % 60 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, '{}',
           timestamp '2025-01-01' + n * interval '1 s', timestamp '2025-01-01' + n * interval '1 s'
    FROM generate_series(1, 60000) n;
    INSERT INTO run_heads (run_id, seq, epoch, phase, wake_at)
    SELECT 'many-' || n, 1, 0, 0, timestamptz '2100-01-01' + n * interval '1 s' FROM generate_series(1, 60000) n;
    INSERT INTO run_events (run_id, first_seq, commit_id, at, events)
    SELECT 'many-' || n, 1, gen_random_uuid(), now(), '[]' FROM generate_series(1, 60000) n;
    INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, execution, path, attempt)
    SELECT 'many-' || n, 'many-' || n, 'a', 'a', 'a', 'COMPLETED', '{}', 1, 'a', 1
    FROM generate_series(1, 60000) n;
    ANALYZE;";

/// How many rows scans of whole tables have read, once all other connections have said so with their end.
async fn rows_read_by_scans(database: &Database) -> i64 {
    let mut connection = PgConnection::connect(database.url()).await.expect("the database is there");
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.expect("the query is right") > 0 {
        tokio::task::yield_now().await;
    }
    let read = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
                WHERE relname IN ('workflow_runs', 'run_heads', 'run_events', 'step_executions')";
    sqlx::query_scalar(read).fetch_one(&mut connection).await.expect("the query is right")
}

#[tokio::test]
async fn the_hot_path_reads_no_large_table_from_end_to_end() {
    let database = migrated().await;
    // Before there is anything to read, as the plans of a young database must do for an old one.
    let store = open(&database).await;
    store.commit([owned_start("r").into_commit()].into()).await.expect("the store works");
    database.run(MANY_RUNS).await;
    let commits = [
        advance("r", 1).into_commit(),
        advance("many-7", 9).into_commit(),
        cancel("many-8").into_commit(),
        start("many-9").into_commit(),
        resume("many-8").into_commit(),
        adopt("new").into_commit(),
        adopt("many-10").into_commit(),
        CancelRun { ahead: true, ..cancel("nobody's") }.into_commit(),
    ];
    let outcomes = store.commit(commits.into()).await.expect("the store works");
    assert_eq!(outcomes, [Committed, Fenced, Committed, Duplicate, Committed, Committed, Duplicate, Gone]);
    assert_eq!(store.claim(executor(2), 10, at(99)).await.expect("the store works").len(), 2);
    store.take_ended(executor(2)).await.expect("the store works");
    assert_eq!(store.owners().await.expect("the store works"), [executor(1), executor(2)]);
    store.release(executor(2), at(99)).await.expect("the store works");
    store.steps(&run_id("many-7")).await.expect("the store works");
    store.history(&run_id("many-7")).await.expect("the store works");
    drop(store);
    assert_eq!(rows_read_by_scans(&database).await, 0);
}
