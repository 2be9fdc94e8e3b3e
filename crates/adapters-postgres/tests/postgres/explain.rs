//! How PostgreSQL answers the statements that are asked all the time: through an index, whatever stands in the tables.
//!
//! The plans are generic ones, as for statements that are prepared once: with the planner's settings of the connections that
//! ask them.

use dev_services::Database;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::stores::migrated;

/// The settings of the connections for commits; see `connect.rs`.
const WRITER: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;";

/// Old runs and their messages, with statistics.
const MANY: &str = "
    INSERT INTO workflow_runs (run_id, workflow_id, workflow_name, status, input_data, engine, created_at, updated_at)
    SELECT 'many-' || n, 'w-' || n % 100, 'w', CASE WHEN n % 60 = 0 THEN 'RUNNING' ELSE 'COMPLETED' END, '{}',
           CASE WHEN n % 2 = 0 THEN 'orrery' END,
           timestamp '2025-01-01' + n * interval '1 s', timestamp '2025-01-01' + n * interval '1 s'
    FROM generate_series(1, 200000) n;
    INSERT INTO run_heads (run_id, seq, epoch, owner, phase, wake_at)
    SELECT 'many-' || n, 1, 0, CASE WHEN n % 20 = 0 THEN '00000000-0000-0000-0000-000000000001'::uuid END,
           CASE WHEN n % 4 = 0 THEN 0 ELSE 1 END, timestamptz '2025-01-01' + n * interval '1 s'
    FROM generate_series(1, 200000) n;
    INSERT INTO run_events (run_id, first_seq, commit_id, at, events)
    SELECT 'many-' || n, 1, '00000000-0000-0000-0000-000000000001', now(), '[]' FROM generate_series(1, 200000) n;
    INSERT INTO step_executions (id, run_id, step_id, step_name, agent_name, status, input_data, execution, path, attempt)
    SELECT 'many-' || n, 'many-' || n, 'a', 'a', 'a', 'COMPLETED', '{}', CASE WHEN n % 2 = 0 THEN 1 END, 'a', 1
    FROM generate_series(1, 100000) n;
    INSERT INTO outbox (shard, kind, key, payload) SELECT n % 16, 'run_ended', 'many-' || n, '{}' FROM generate_series(1, 100000) n;
    INSERT INTO external_requests (run_id, wants, wanted_at, due_at, sent_at)
    SELECT 'many-' || n, 'start', now(), timestamptz '2025-01-01' + n * interval '1 s', now() FROM generate_series(1, 50000) n;
    INSERT INTO early_cancellations (run_id, commit_id, cancelled_by, at)
    SELECT 'early-' || n, '00000000-0000-0000-0000-000000000001', 'x', now() FROM generate_series(1, 50000) n;
    ANALYZE;";

const LARGE: [&str; 7] = [
    "workflow_runs",
    "run_heads",
    "run_events",
    "step_executions",
    "outbox",
    "external_requests",
    "early_cancellations",
];

macro_rules! statements {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../src/sql/", $name, ".sql")))),+]
    };
}

/// The generic plan of a statement.
async fn plan(connection: &mut PgConnection, sql: &str) -> String {
    let parameters = (1..=99).take_while(|n| sql.contains(&format!("${n}"))).count();
    let prepare = format!("PREPARE it AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.expect("the statement is right");
    let explain = match parameters {
        0 => "EXPLAIN EXECUTE it".to_owned(),
        _ => format!("EXPLAIN EXECUTE it ({})", vec!["NULL"; parameters].join(", ")),
    };
    let lines: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.expect("it can be explained");
    sqlx::raw_sql("DEALLOCATE it").execute(connection).await.expect("it was prepared");
    lines.join("\n")
}

async fn assert_no_large_table_is_scanned(connection: &mut PgConnection, statements: &[(&str, &str)]) {
    for (name, sql) in statements {
        let plan = plan(connection, sql).await;
        let scanned = LARGE.iter().find(|table| plan.contains(&format!("Seq Scan on {table}")));
        assert_eq!(scanned, None, "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn no_statement_of_the_hot_path_reads_a_large_table_from_end_to_end() {
    let database: Database = migrated().await;
    database.run(MANY).await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database is there");
    let force = "SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(force).execute(&mut connection).await.expect("the setting is right");
    // As on the connections for everything else.
    let statements = statements![
        "claim",
        "claimed_inputs",
        "delivered",
        "give_up_silent",
        "histories",
        "next_external_request",
        "oldest_messages",
        "outputs",
        "owners",
        "release",
        "take_ended",
    ];
    assert_no_large_table_is_scanned(&mut connection, &statements).await;
    sqlx::raw_sql(WRITER).execute(&mut connection).await.expect("the settings are right");
    let statements = statements![
        "adopt_runs",
        "adopt_steps",
        "advance_heads",
        "announce",
        "applied_before",
        "cancel_ahead",
        "cancel_heads",
        "cancel_runs",
        "end_adopted_runs",
        "events",
        "last_steps",
        "lock_heads",
        "lock_runs",
        "restore_runs",
        "resume_heads",
        "resume_runs",
        "started_by",
        "steps",
        "take_early_cancellations",
        "update_runs",
        "why_not_advanced",
    ];
    assert_no_large_table_is_scanned(&mut connection, &statements).await;
}

/// Workflows of many versions.
const MANY_VERSIONS: &str = "
    INSERT INTO workflow_definitions (id, head_id, name, version, workflow_data, status)
    SELECT md5(w || '/' || v)::uuid, md5(w || '/1000')::uuid, 'w' || w, v, '{}', 'active'
    FROM generate_series(1, 100) w, generate_series(1, 1000) v;
    ANALYZE workflow_definitions;";

#[tokio::test]
async fn the_version_to_execute_is_found_without_reading_all_workflows() {
    let database: Database = migrated().await;
    database.run(MANY_VERSIONS).await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database is there");
    let force = "SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(force).execute(&mut connection).await.expect("the setting is right");
    let choose = include_str!("../../src/sql/executable_version.sql");
    for addressed in
        [include_str!("../../src/sql/addressed_by_id.sql"), include_str!("../../src/sql/addressed_by_name.sql")]
    {
        let plan = plan(&mut connection, &format!("{addressed}{choose}")).await;
        assert!(!plan.contains("Seq Scan") && !plan.contains("Hash"), "{plan}");
    }
}
