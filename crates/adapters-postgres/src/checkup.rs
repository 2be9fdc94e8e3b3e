//! What a database says of itself, for people who look for what is wrong with it. Nothing is changed, and the schema may be
//! any or none.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::{
    Timestamp,
    audit::{Mark, MarkKind},
    ports::Clock,
};
use sqlx::{Connection, PgConnection};

use crate::{
    ConnectError, chain,
    connect::{self, PATIENCE, SCHEMA},
};

/// How many connections a process takes at most.
const CONNECTIONS_OF_A_PROCESS: i64 = 16;

/// How often the database is asked for its time; the quickest answer says most.
const READINGS: usize = 3;

/// The tables that this program reads and writes.
const TABLES: &[&str] = &[
    "access_keys",
    "access_revocations",
    "access_users",
    "agent_traffic",
    "agents",
    "audit_blocks",
    "audit_chain",
    "audit_logs",
    "audit_marks",
    "dlq_entries",
    "early_cancellations",
    "external_requests",
    "feed_marks",
    "fleet",
    "idempotency_keys",
    "outbox",
    "plans",
    "relay_shards",
    "run_changes",
    "run_events",
    "run_heads",
    "run_inbox",
    "run_waits",
    "schedule_ticks",
    "schedules",
    "seaql_migrations",
    "step_executions",
    "webhook_deliveries",
    "webhooks",
    "workflow_definitions",
    "workflow_runs",
    "workflow_steps",
];

/// What is the case with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// The version of the server.
    pub version: String,
    /// Who this program is there.
    pub user: String,
    /// The name of the database.
    pub database: String,
    /// What is with its schema; none where this user may not know.
    pub schema: Option<SchemaFacts>,
    /// Whether this user may make tables where its tables are made.
    pub may_change_schema: bool,
    /// Tables of this program that this user may not read and write.
    pub not_allowed: Vec<String>,
    /// Sequences that number rows of these tables, and that this user may not take numbers from.
    pub sequences_not_allowed: Vec<String>,
    /// Whether nothing can be written: it is a copy that follows another server, or is set so.
    pub read_only: bool,
    /// How many connections are left for this user.
    pub connections_left: i64,
    /// How far the database's clock is ahead of the one given.
    pub ahead: TimeDelta,
    /// By how much that may be wrong.
    pub uncertainty: Duration,
    /// Where the chain of audit rows ends; none where nothing is sealed yet, or this user may not know.
    pub head: Option<Mark>,
}

impl DatabaseFacts {
    /// Whether another process would find connections.
    pub fn has_room(&self) -> bool {
        self.connections_left >= CONNECTIONS_OF_A_PROCESS
    }

    /// How many connections a process takes at most.
    pub fn connections_of_a_process() -> i64 {
        CONNECTIONS_OF_A_PROCESS
    }
}

/// A schema, compared with what this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFacts {
    /// Whether it has seen any migration.
    pub is_there: bool,
    /// The migrations that it lacks, oldest first.
    pub missing: Vec<&'static str>,
    /// Those that this program does not know: a newer one was here.
    pub unknown: Vec<String>,
}

/// Looks at a database; the clock is that of this machine.
pub async fn examine(url: &str, clock: &dyn Clock) -> Result<DatabaseFacts, ConnectError> {
    let options = connect::options(url)?;
    let examined = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let facts = facts(&mut connection, clock).await?;
        connection.close().await?;
        Ok(facts)
    };
    let examined = tokio::time::timeout(PATIENCE, examined).await.map_err(|_| ConnectError::Timeout)?;
    examined.map_err(ConnectError::Unreachable)
}

async fn facts(connection: &mut PgConnection, clock: &dyn Clock) -> Result<DatabaseFacts, sqlx::Error> {
    let (version, user, database): (String, String, String) =
        sqlx::query_as("SELECT current_setting('server_version'), current_user::text, current_database()::text")
            .fetch_one(&mut *connection)
            .await?;
    // Without any schema to make tables in, nothing is allowed there either.
    let (read_only, may_change_schema, connections_left): (bool, bool, i64) = sqlx::query_as(
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
                coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
                current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                    - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let schema = schema(connection).await?;
    let not_allowed = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname::text = ANY($1)
           AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                    AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
         ORDER BY 1",
    )
    .bind(TABLES)
    .fetch_all(&mut *connection)
    .await?;
    let sequences_not_allowed = sequences_not_allowed(connection).await?;
    let (ahead, uncertainty) = ahead(connection, clock).await?;
    let head = head(connection).await?;
    Ok(DatabaseFacts {
        version,
        user,
        database,
        schema,
        may_change_schema,
        not_allowed,
        sequences_not_allowed,
        read_only,
        connections_left,
        ahead,
        uncertainty,
        head,
    })
}

/// Who writes a row takes its number from the sequence behind the column's default, which is a right of its own. Columns that are
/// declared as identities ask for none.
async fn sequences_not_allowed(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT s.relname::text FROM pg_class s
           JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
                           AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
           JOIN pg_class c ON c.oid = d.refobjid
           JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relname::text = ANY($1)
           -- Conditions have no order, and of what is no sequence the function must not be asked.
           AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') ELSE false END
         ORDER BY 1",
    )
    .bind(TABLES)
    .fetch_all(connection)
    .await
}

async fn schema(connection: &mut PgConnection) -> Result<Option<SchemaFacts>, sqlx::Error> {
    let may_know: Option<bool> =
        sqlx::query_scalar("SELECT has_table_privilege(to_regclass('seaql_migrations'), 'SELECT')")
            .fetch_one(&mut *connection)
            .await?;
    if may_know == Some(false) {
        return Ok(None);
    }
    let seen = connect::seen(connection).await?;
    Ok(Some(SchemaFacts {
        is_there: !seen.is_empty(),
        missing: SCHEMA.iter().copied().filter(|known| !seen.iter().any(|seen| seen == known)).collect(),
        unknown: seen.into_iter().filter(|seen| !SCHEMA.contains(&seen.as_str())).collect(),
    }))
}

async fn head(connection: &mut PgConnection) -> Result<Option<Mark>, sqlx::Error> {
    let may_know: Option<bool> = sqlx::query_scalar("SELECT has_table_privilege(to_regclass('audit_marks'), 'SELECT')")
        .fetch_one(&mut *connection)
        .await?;
    if may_know != Some(true) {
        return Ok(None);
    }
    // A mark that cannot be read says nothing about keys; whoever walks the chain says what is wrong with it.
    Ok(chain::mark(connection, MarkKind::Head).await.ok().flatten())
}

/// How far the database's clock is ahead of this one: at the middle of a question both are read at the same time.
async fn ahead(connection: &mut PgConnection, clock: &dyn Clock) -> Result<(TimeDelta, Duration), sqlx::Error> {
    let mut best: Option<(TimeDelta, Duration)> = None;
    for _ in 0..READINGS {
        let (here, asked) = (clock.now(), Instant::now());
        let there: Timestamp = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *connection).await?;
        let half = asked.elapsed() / 2;
        let ahead = (there - here) - TimeDelta::from_std(half).unwrap_or(TimeDelta::MAX);
        if best.is_none_or(|(_, uncertainty)| half < uncertainty) {
            best = Some((ahead, half));
        }
    }
    Ok(best.unwrap_or((TimeDelta::zero(), Duration::ZERO)))
}
