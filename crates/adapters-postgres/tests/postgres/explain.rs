//! How PostgreSQL answers the statements of `src/sql`: through an index, whatever stands in the tables.
//!
//! The plans are generic ones, as for statements that are prepared once: with the planner's settings of the connections that
//! ask them.

use std::{collections::BTreeSet, path::Path};

use dev_services::Database;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::stores::migrated;

/// The settings of the connections for commits; see `connect.rs`.
const WRITER: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;";

/// Old runs and their messages, with statistics. Not a million: to insert those took more than three minutes on two cores that
/// others used too, and of a table of this size already no good plan reads everything.
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
    INSERT INTO run_inbox (run_id, dedupe, body, at)
    SELECT 'many-' || n * 2, 'd', '{}', now() FROM generate_series(1, 50000) n;
    INSERT INTO run_waits (event, correlation, run_id, path)
    SELECT 'e' || n % 10, 'c' || n, 'many-' || n, 'a' FROM generate_series(1, 50000) n;
    INSERT INTO dlq_entries (dlq_id, run_id, workflow_id, workflow_name, last_run_id, step_id, path, agent_name, execution,
                             generation, round, attempts, failure_reason, first_failed_at, last_failed_at, failure_count,
                             status)
    SELECT md5(n::text)::uuid, 'many-' || n, 'w', 'w', 'many-' || n, 'a', 'a', 'a', 1, 0, 0, 1, 'x', now(),
           timestamptz '2025-01-01' + n * interval '1 s', 1, CASE WHEN n % 2 = 0 THEN 'replayed' ELSE 'pending_replay' END
    FROM generate_series(1, 50000) n;
    INSERT INTO webhooks (webhook_id, name, url, statuses, workflows, secret, since, revision, created_at, created_by, updated_at)
    SELECT md5('hook' || n)::uuid, 'hook ' || n, 'http://h/', '[]', '[]', 'x', now(), 1, now(), 'x', now() FROM generate_series(1, 20) n;
    INSERT INTO webhook_deliveries (delivery_id, webhook_id, place, run_id, workflow_id, workflow_name, status, at, state,
                                    attempts, due_at, created_at, log)
    SELECT md5('delivery' || n)::uuid, md5('hook' || n % 20)::uuid, n, 'many-' || n, 'w', 'w', 'COMPLETED', now(),
           CASE WHEN n % 3 = 0 THEN 'pending' ELSE 'delivered' END, 1, timestamptz '2025-01-01' + n * interval '1 s',
           timestamptz '2025-01-01' + n * interval '1 s', '[]'
    FROM generate_series(1, 50000) n;
    INSERT INTO agents (id, name, url, timeout_ms, status)
    SELECT md5('agent' || n)::uuid, 'agent ' || n, 'http://h/', 1000, 'active' FROM generate_series(1, 20000) n;
    INSERT INTO agent_traffic (agent_id, version, traffic) SELECT id, 1, '{}' FROM agents;
    ANALYZE;";

const LARGE: [&str; 13] = [
    "dlq_entries",
    "workflow_runs",
    "run_heads",
    "run_events",
    "step_executions",
    "outbox",
    "external_requests",
    "early_cancellations",
    "run_inbox",
    "run_waits",
    "agent_traffic",
    "run_changes",
    "webhook_deliveries",
];

macro_rules! statements {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../src/sql/", $name, ".sql")))),+]
    };
}

/// Statements with their names.
type Statements = &'static [(&'static str, &'static str)];

/// Asked on the connections for everything but commits.
const ASKED: Statements = statements![
    "attempts",
    "attendance",
    "audit_one",
    "claim",
    "claim_dead_letter",
    "claim_deliveries",
    "claim_key",
    "claimed_inputs",
    "count_dead_letters",
    "delete_dead_letter",
    "delete_old_dead_letters",
    "delivered",
    "events_after",
    "families_of",
    "feed_after",
    "feed_end",
    "fill_webhook_queue",
    "forget_changes",
    "forget_deliveries",
    "forget_keys",
    "forget_ticks",
    "give_back",
    "give_back_dead_letter",
    "give_back_shards",
    "give_up_silent",
    "histories",
    "hold_shards",
    "live_of_version",
    "mail_for",
    "next_external_request",
    "old_families",
    "oldest_messages",
    "outbox_backlog",
    "outputs",
    "owners",
    "read_traffic",
    "redeliver",
    "refuse_external",
    "release",
    "rouse",
    "run_backlog",
    "settle_delivery",
    "start_external_run",
    "take_ended",
    "tips",
    "unattended",
    "used_keys",
    "waiting_for",
    "want_external",
    "write_traffic",
];

/// Asked on the connections for commits.
const COMMITTED: Statements = statements![
    "adopt_new_runs",
    "adopt_runs",
    "adopt_steps",
    "advance_heads",
    "announce",
    "applied_before",
    "audit",
    "await",
    "cancel_ahead",
    "cancel_heads",
    "cancel_runs",
    "drain_inbox",
    "end_adopted_runs",
    "events",
    "inboxes",
    "last_steps",
    "leave_dead_letters",
    "lock_heads",
    "lock_runs",
    "relatives",
    "resolve_dead_letters",
    "restore_runs",
    "resume_heads",
    "resume_runs",
    "settle",
    "start_heads",
    "start_runs",
    "started_by",
    "steps",
    "take_early_cancellations",
    "tell",
    "update_runs",
    "wake_mailed",
    "wake_told",
    "why_not_advanced",
];

/// Files that hold no statement of their own, with the reason.
const NOT_EXPLAINED: [(&str, &str); 3] = [
    ("addressed_by_id", "the beginning of executable_version, which has a test of its own"),
    ("addressed_by_name", "the same by name"),
    ("executable_version", "explained with what stands before it, on workflows of many versions"),
];

/// Statements that read one of the large tables whole, with the reason.
const READ_WHOLE: [(&str, &str, &str); 3] = [
    (
        "mail_for",
        "run_inbox",
        "an inbox holds what no owner has seen yet, which is little: from there to the heads is the short way",
    ),
    ("rouse", "run_inbox", "the same, once in five seconds"),
    (
        "old_families",
        "dlq_entries",
        "asked now and then by one process: whose dead letters there are is found out once for all families",
    ),
];

/// The generic plan of a statement.
async fn plan(connection: &mut PgConnection, sql: &str) -> Value {
    let parameters = (1..=99).take_while(|n| sql.contains(&format!("${n}"))).count();
    let prepare = format!("PREPARE it AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.expect("the statement is right");
    let explain = match parameters {
        0 => "EXPLAIN (FORMAT JSON) EXECUTE it".to_owned(),
        _ => format!("EXPLAIN (FORMAT JSON) EXECUTE it ({})", vec!["NULL"; parameters].join(", ")),
    };
    let plan = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *connection).await;
    sqlx::raw_sql("DEALLOCATE it").execute(connection).await.expect("it was prepared");
    plan.expect("it can be explained")
}

/// The large tables of which a plan reads everything: from end to end, or through the whole of an index, unless it stops after
/// a few rows.
fn read_whole(plan: &Value, stops: bool, found: &mut BTreeSet<String>) {
    let kind = plan["Node Type"].as_str().unwrap_or_default();
    // What sorts or gathers wants all rows, however few are wanted of its result.
    let stops = match kind {
        "Limit" => true,
        "Sort" | "Aggregate" | "Hash" | "Materialize" | "HashAggregate" => false,
        _ => stops,
    };
    let through_all_of_an_index = kind.contains("Index") && plan["Index Cond"].is_null() && !stops;
    if kind == "Seq Scan" || through_all_of_an_index {
        // A bitmap's index scan names its index, which begins with the table's name.
        let name = plan["Relation Name"].as_str().or(plan["Index Name"].as_str()).unwrap_or_default();
        found.extend(LARGE.iter().filter(|table| name.starts_with(**table)).map(|table| (*table).to_owned()));
    }
    for part in plan["Plans"].as_array().into_iter().flatten() {
        read_whole(part, stops, found);
    }
}

async fn assert_no_large_table_is_read_whole(connection: &mut PgConnection, statements: Statements) {
    for (name, sql) in statements {
        let plan = plan(connection, sql).await;
        let mut found = BTreeSet::new();
        read_whole(&plan[0]["Plan"], false, &mut found);
        let expected =
            READ_WHOLE.iter().filter(|(statement, ..)| statement == name).map(|(_, table, _)| (*table).to_owned());
        assert_eq!(found, expected.collect(), "{name}:\n{plan:#}");
    }
}

#[tokio::test]
async fn no_statement_reads_a_large_table_from_end_to_end_or_through_the_whole_of_an_index() {
    let database: Database = migrated().await;
    database.run(MANY).await;
    let mut connection = PgConnection::connect(database.url()).await.expect("the database is there");
    let force = "SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(force).execute(&mut connection).await.expect("the setting is right");
    assert_no_large_table_is_read_whole(&mut connection, ASKED).await;
    sqlx::raw_sql(WRITER).execute(&mut connection).await.expect("the settings are right");
    assert_no_large_table_is_read_whole(&mut connection, COMMITTED).await;
}

#[test]
fn every_statement_is_explained_or_says_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql");
    let files =
        std::fs::read_dir(folder).expect("the folder of the statements").map(|entry| entry.expect("an entry").path());
    let names = files.map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned());
    let explained = ASKED.iter().chain(COMMITTED).map(|(name, _)| *name);
    let listed = explained.chain(NOT_EXPLAINED.iter().map(|(name, _)| *name)).map(str::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), listed.collect());
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
        let text = plan.to_string();
        assert!(!text.contains("Seq Scan") && !text.contains("Hash"), "{text}");
    }
}
