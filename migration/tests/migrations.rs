//! A new database and an adopted one end up the same, nothing is lost on the way, and every way has a way back.

use dev_services::Database;
use migration::State;
use sqlx::{Connection, PgConnection};

const OLD_SYSTEM: &str = include_str!("old_system.sql");

const NAMES: [&str; 17] = [
    "m0001_initial",
    "m0002_fleet_and_bus",
    "m0003_inbox",
    "m0004_versions",
    "m0005_agent_schemas",
    "m0006_lists_and_engines",
    "m0007_families",
    "m0008_dead_letters",
    "m0009_agent_traffic",
    "m0010_retry_strategies",
    "m0011_accounts",
    "m0012_audit",
    "m0013_lists",
    "m0014_idempotency",
    "m0015_run_feed",
    "m0016_webhooks",
    "m0017_schedules",
];

async fn old_system() -> Database {
    let database = Database::new(None).await;
    database.run(OLD_SYSTEM).await;
    database
}

async fn up(database: &Database) {
    migration::up(database.url()).await.expect("the migrations are right");
}

async fn down(database: &Database) {
    migration::down(database.url(), None).await.expect("the way back is right");
}

async fn connect(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.expect("the database is there")
}

async fn lines(database: &Database, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&mut connect(database).await).await.expect("the query is right")
}

/// Columns, indexes and constraints in words, but for the tables that only keep a revision.
async fn schema(database: &Database) -> Vec<String> {
    let columns = "SELECT concat_ws(' ', table_name, column_name, udt_name, character_maximum_length, is_nullable,
                                    coalesce(column_default, '-'))
                   FROM information_schema.columns
                   WHERE table_schema = 'public' AND table_name NOT IN ('seaql_migrations', 'alembic_version') ORDER BY 1";
    let indexes = "SELECT indexdef FROM pg_indexes
                   WHERE schemaname = 'public' AND tablename NOT IN ('seaql_migrations', 'alembic_version') ORDER BY 1";
    let constraints = "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
                       WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
                         AND conrelid::regclass::text NOT IN ('seaql_migrations', 'alembic_version') ORDER BY 1";
    let options = "SELECT concat_ws(' ', relname, reloptions) FROM pg_class
                   WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL ORDER BY 1";
    let triggers = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
                    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                    ORDER BY 1";
    let mut schema = Vec::new();
    for part in [columns, indexes, constraints, options, triggers] {
        schema.extend(lines(database, part).await);
    }
    schema
}

/// The rows of the old tables, with the old columns only.
async fn old_rows(database: &Database) -> Vec<String> {
    let tables = "
        SELECT concat(id, name, url, description, auth_type, auth_config, timeout_ms, retry_config, status, created_by,
                      updated_by, created_at, updated_at) FROM agents
        UNION ALL SELECT concat(id, name, description, version, workflow_data, status, created_at, updated_at)
                  FROM workflow_definitions
        UNION ALL SELECT concat(run_id, workflow_id, workflow_name, workflow_definition_id, status, input_data, triggered_by,
                                created_at, updated_at, completed_at, cancelled_at, cancelled_by, error_message)
                  FROM workflow_runs
        UNION ALL SELECT concat(id, run_id, step_id, step_name, agent_name, status, input_data, output_data, started_at,
                                completed_at, error_message, parent_step_id, branch_name, join_policy) FROM step_executions
        UNION ALL SELECT concat(id, entity_type, entity_id, action, user_id, changes, created_at, updated_at)
                  FROM audit_logs
        UNION ALL SELECT concat(id, user_id, status, created_at, updated_at, expires_at, current_workflow, messages)
                  FROM ai_chat_sessions
        ORDER BY 1";
    lines(database, tables).await
}

async fn applied(database: &Database) -> Vec<bool> {
    let states = migration::status(database.url()).await.expect("the database answers");
    states.iter().map(|state| state.applied).collect()
}

#[tokio::test]
async fn a_new_database_and_an_adopted_one_have_the_same_schema() {
    let (new, adopted) = (Database::new(None).await, old_system().await);
    up(&new).await;
    up(&adopted).await;
    let (new, adopted) = (schema(&new).await, schema(&adopted).await);
    assert!(new.iter().any(|line| line.starts_with("run_heads seq int8")), "{new:#?}");
    assert_eq!(new, adopted);
}

#[tokio::test]
async fn an_adoption_loses_no_row() {
    let database = old_system().await;
    let before = old_rows(&database).await;
    up(&database).await;
    assert_eq!(old_rows(&database).await, before);
    let heads = "SELECT concat(version, ' ', head_id) FROM workflow_definitions ORDER BY version";
    let newest = "00000000-0000-0000-0000-000000000002";
    assert_eq!(lines(&database, heads).await, [format!("1 {newest}"), format!("2 {newest}")]);
}

#[tokio::test]
async fn the_way_back_leaves_the_old_system_its_rows_and_columns() {
    let database = old_system().await;
    let (rows, tables) = (old_rows(&database).await, columns(&database).await);
    up(&database).await;
    let migrated = schema(&database).await;
    down(&database).await;
    assert_eq!((old_rows(&database).await, columns(&database).await), (rows.clone(), tables));
    assert_eq!(applied(&database).await, [false; NAMES.len()]);
    up(&database).await;
    assert_eq!((old_rows(&database).await, schema(&database).await), (rows, migrated));
}

#[tokio::test]
async fn each_migration_can_be_taken_back_alone_to_exactly_the_schema_before_it() {
    for database in [Database::new(None).await, old_system().await] {
        let columns_before = columns(&database).await;
        let mut levels = vec![schema(&database).await];
        for _ in NAMES {
            migration::up_by(database.url(), 1).await.expect("the migrations are right");
            levels.push(schema(&database).await);
            assert_ne!(levels[levels.len() - 1], levels[levels.len() - 2], "each changes something");
        }
        assert_eq!(applied(&database).await, [true; NAMES.len()]);
        let whole = schema(&database).await;
        // The first one replaces the indexes of the old system for good; its columns come back.
        for (level, name) in NAMES.iter().enumerate().skip(1).rev() {
            for _ in 0..2 {
                one_down(&database).await;
                assert_eq!(schema(&database).await, levels[level], "{name} was taken back");
                migration::up_by(database.url(), 1).await.expect("the way can be gone again");
                assert_eq!(schema(&database).await, levels[level + 1], "{name} was applied again");
            }
            one_down(&database).await;
        }
        one_down(&database).await;
        assert_eq!(columns(&database).await, columns_before);
        up(&database).await;
        assert_eq!(schema(&database).await, whole);
    }
}

async fn one_down(database: &Database) {
    migration::down(database.url(), Some(1)).await.expect("the way back is right");
}

async fn columns(database: &Database) -> Vec<String> {
    let columns = "SELECT concat_ws(' ', table_name, column_name, udt_name, character_maximum_length, is_nullable)
                   FROM information_schema.columns
                   WHERE table_schema = 'public' AND table_name <> 'seaql_migrations' ORDER BY 1";
    lines(database, columns).await
}

#[tokio::test]
async fn the_way_back_of_a_new_database_leaves_nothing_and_can_be_gone_again() {
    let database = Database::new(None).await;
    up(&database).await;
    let migrated = schema(&database).await;
    down(&database).await;
    assert_eq!(schema(&database).await, [""; 0]);
    up(&database).await;
    assert_eq!(schema(&database).await, migrated);
}

#[tokio::test]
async fn applying_again_changes_nothing() {
    let database = Database::new(None).await;
    assert_eq!(applied(&database).await, [false; NAMES.len()]);
    up(&database).await;
    up(&database).await;
    let states = migration::status(database.url()).await.expect("the database answers");
    let all = NAMES.map(|name| State { name: name.to_owned(), applied: true });
    assert_eq!(states, all);
}

#[tokio::test]
async fn beginning_anew_leaves_nothing_of_what_was_there() {
    let (new, used) = (Database::new(None).await, old_system().await);
    up(&new).await;
    let strangers = "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE stranger (id serial, mood mood);
                     CREATE VIEW strangers AS SELECT * FROM stranger;
                     CREATE FUNCTION first_mood(s stranger) RETURNS mood LANGUAGE sql AS 'SELECT s.mood'";
    used.run(strangers).await;
    for _ in 0..2 {
        migration::fresh(used.url()).await.expect("the migrations are right");
    }
    let rest = "SELECT oid::regtype::text FROM pg_type WHERE typname = 'mood'
                UNION ALL SELECT proname::text FROM pg_proc WHERE proname = 'first_mood'";
    assert_eq!(lines(&used, rest).await, [""; 0]);
    assert_eq!(schema(&used).await, schema(&new).await);
    assert_eq!(old_rows(&used).await, [""; 0]);
}

#[tokio::test]
async fn a_survey_tells_pending_migrations_from_unknown_ones() {
    let database = Database::new(None).await;
    let survey = async || migration::survey(database.url()).await.expect("the database answers");
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let before = survey().await;
    assert!(!before.is_current() && before.known.iter().all(|state| !state.applied), "{before:?}");
    assert_eq!(lines(&database, tables).await, [""; 0], "looking changes nothing");
    up(&database).await;
    assert!(survey().await.is_current());
    database.run("INSERT INTO seaql_migrations VALUES ('m9999_future', 0)").await;
    let after = survey().await;
    assert!(!after.is_current() && after.known.iter().all(|state| state.applied), "{after:?}");
    assert_eq!(after.unknown, ["m9999_future"]);
}

#[tokio::test]
async fn replicas_that_start_at_once_wait_for_each_other() {
    let database = old_system().await;
    let url = database.url();
    let all = tokio::join!(migration::up(url), migration::up(url), migration::up(url), migration::up(url));
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok(), "{all:?}");
    assert_eq!(lines(&database, "SELECT version::text FROM seaql_migrations ORDER BY 1").await, NAMES);
}

#[tokio::test]
async fn another_revision_of_the_old_system_is_refused_and_left_alone() {
    let database = old_system().await;
    database.run("UPDATE alembic_version SET version_num = '001_initial'").await;
    let before = schema(&database).await;
    let refused = migration::up(database.url()).await.expect_err("it is not the known revision").to_string();
    assert!(refused.contains("001_initial") && refused.contains("002_ai_chat_sessions"), "{refused}");
    assert_eq!(schema(&database).await, before);
}

/// The old executor sits in a transaction for as long as an agent works.
#[tokio::test]
async fn a_table_that_the_old_executor_holds_is_waited_for() {
    let database = old_system().await;
    let mut executor = connect(&database).await;
    let mut held = executor.begin().await.expect("the connection works");
    sqlx::query("SELECT 1 FROM step_executions").fetch_all(&mut *held).await.expect("the table is there");
    let release = async {
        let mut attempts = std::collections::BTreeSet::new();
        // Two transactions that waited: the first has given way, as others queue up behind a waiting migration.
        while attempts.len() < 2 {
            let waiting = "SELECT DISTINCT a.xact_start::text FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                           WHERE NOT l.granted AND l.locktype = 'relation' AND a.datname = current_database()";
            attempts.extend(lines(&database, waiting).await);
            tokio::task::yield_now().await;
        }
        held.rollback().await.expect("the connection works");
    };
    let (migrated, ()) = tokio::join!(migration::up(database.url()), release);
    migrated.expect("the table was released");
    assert_eq!(applied(&database).await, [true; NAMES.len()]);
}
