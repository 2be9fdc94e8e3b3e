//! Connecting: what a URL must say, which schema must be there, and how the connections are set up.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The migrations that this program needs; the newest is the last.
pub(crate) const SCHEMA: &[&str] = &[
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

/// How long the first connection may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Connections for management and for reading.
const CONNECTIONS: u32 = 10;

/// Connections for commits to runs. Each has a batch under way; a second one keeps the server busy while the first waits
/// for the disk.
const WRITERS: usize = 2;

/// Connections for claims.
const LEASES: usize = 2;

/// After how long a transaction whose process says nothing is ended by the server. A process that is frozen, or whose machine
/// is gone, in the midst of one would keep the rows of its runs locked, and with them everybody who takes them over; so it is
/// no longer than the shortest lease.
const ABANDONED: (&str, &str) = ("idle_in_transaction_session_timeout", "2s");

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is another database's.
    #[error("the database URL must begin with postgres:// or postgresql://")]
    Scheme,
    /// The URL has the right beginning, but not the right form.
    #[error("the database URL is not valid: {0}")]
    Url(#[source] sqlx::Error),
    /// Nothing answers in time.
    #[error("the database does not answer within {} seconds", PATIENCE.as_secs())]
    Timeout,
    /// There is no such server or database, or it does not let this user in.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// Its schema is older than this program.
    #[error("the database lacks the migration {missing}; run the migrations first")]
    Older {
        /// The first migration that is missing.
        missing: &'static str,
    },
    /// Its schema is newer than this program.
    #[error("the database has the migration {found}, which this program does not know; use a newer program")]
    Newer {
        /// A migration that is not known.
        found: String,
    },
}

/// What stands behind a connection that does not come about, as far as the database says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The password is not this user's.
    Password,
    /// There is no such user, or it may not come from here.
    User,
    /// There is no such database.
    Database,
    /// This user may not do what was tried.
    Forbidden,
    /// All connections are taken.
    Full,
    /// It is starting or stopping.
    Starting,
    /// Nothing answers there.
    Nobody,
    /// No encrypted connection comes about.
    Tls,
    /// Something else.
    Other,
}

impl ConnectError {
    /// What stands behind it.
    pub fn refusal(&self) -> Refusal {
        let error = match self {
            Self::Timeout => return Refusal::Nobody,
            Self::Unreachable(error) => error,
            Self::Scheme | Self::Url(_) | Self::Older { .. } | Self::Newer { .. } => return Refusal::Other,
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) => Refusal::Nobody,
            sqlx::Error::Tls(_) => Refusal::Tls,
            // Classes and codes of PostgreSQL, appendix A of its manual.
            sqlx::Error::Database(told) => match told.code().as_deref() {
                Some("28P01") => Refusal::Password,
                Some("28000") => Refusal::User,
                Some("3D000") => Refusal::Database,
                Some("42501") => Refusal::Forbidden,
                Some("53300") => Refusal::Full,
                Some("57P01" | "57P02" | "57P03") => Refusal::Starting,
                _ => Refusal::Other,
            },
            _ => Refusal::Other,
        }
    }

    /// Whether the database may be there in a moment: it is starting, full, or not reached. Whoever starts at the same time
    /// waits for it.
    pub fn is_passing(&self) -> bool {
        match self {
            // A proxy before a database that is not there yet takes the connection and hangs up, which breaks the protocol.
            Self::Timeout
            | Self::Unreachable(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_)) => true,
            // Too many connections; cannot connect now, shut down, crashed (class 57).
            Self::Unreachable(sqlx::Error::Database(told)) => {
                told.code().is_some_and(|code| matches!(&*code, "53300" | "57P01" | "57P02" | "57P03"))
            }
            Self::Unreachable(_) | Self::Scheme | Self::Url(_) | Self::Older { .. } | Self::Newer { .. } => false,
        }
    }
}

/// Whether a URL names a database of PostgreSQL, whether or not it is there: nothing is asked.
pub fn check_url(url: &str) -> Result<(), ConnectError> {
    options(url).map(drop)
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, ConnectError> {
    // The parser looks only at what follows.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(ConnectError::Scheme);
    }
    let options: PgConnectOptions = url.parse().map_err(ConnectError::Url)?;
    // Compiling a statement takes a hundred times as long as any of ours runs.
    let options = options.options([("jit", "off")]);
    Ok(options.application_name("orrery").disable_statement_logging())
}

/// Says what is wrong with a database before anything is done with it; a pool would only say that it has waited.
pub(crate) async fn check(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let seen = tokio::time::timeout(PATIENCE, migrations(options)).await.map_err(|_| ConnectError::Timeout)?;
    let seen: BTreeSet<String> = seen.map_err(ConnectError::Unreachable)?.into_iter().collect();
    if let Some(missing) = SCHEMA.iter().find(|known| !seen.contains(**known)) {
        return Err(ConnectError::Older { missing });
    }
    match seen.into_iter().find(|seen| !SCHEMA.contains(&seen.as_str())) {
        Some(found) => Err(ConnectError::Newer { found }),
        None => Ok(()),
    }
}

/// The same before the schema is brought up to date: it may be older.
pub(crate) async fn check_before_migration(options: &PgConnectOptions) -> Result<(), ConnectError> {
    match check(options).await {
        Ok(()) | Err(ConnectError::Older { .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

async fn migrations(options: &PgConnectOptions) -> Result<Vec<String>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let seen = seen(&mut connection).await?;
    connection.close().await?;
    Ok(seen)
}

/// The migrations that a database has seen.
pub(crate) async fn seen(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let kept: bool =
        sqlx::query_scalar("SELECT to_regclass('seaql_migrations') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !kept {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT version::text FROM seaql_migrations").fetch_all(connection).await
}

pub(crate) fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone().options([("statement_timeout", "30s"), ABANDONED]))
}

/// A plan that was made while a table was small would scan it for ever after; the plans that are left to choose from are
/// right for a table of any size. A connection that broke while it was idle costs one batch an error, after which the same
/// batch is sent again; asking each time whether it still works would cost every batch a round trip.
pub(crate) fn writers(options: &PgConnectOptions) -> PgPool {
    for_runs(options, WRITERS)
}

/// Connections for claims and what goes with them, set up in the same way: behind commits they would wait, and among others
/// their plans would be made for tables that were small once.
pub(crate) fn leases(options: &PgConnectOptions) -> PgPool {
    for_runs(options, LEASES)
}

fn for_runs(options: &PgConnectOptions, connections: usize) -> PgPool {
    let settings = [
        ("statement_timeout", "30s"),
        ABANDONED,
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ];
    PgPoolOptions::new()
        .max_connections(u32::try_from(connections).unwrap_or(1))
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect_lazy_with(options.clone().options(settings))
}

/// The settings of the connection that nothing but beats uses.
pub(crate) fn heart(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([("statement_timeout", "2s"), ABANDONED])
}

/// The connection that listens. It is never idle in the pool, and older than any other may become.
pub(crate) fn ears(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options.clone())
}
