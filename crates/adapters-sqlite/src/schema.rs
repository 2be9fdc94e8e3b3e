//! Connections and the schema: how the file is opened, and the numbered migrations that bring it up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, config::DbConfig};

use crate::OpenError;

/// The migrations in their order; the file's `user_version` is the number of those that it has seen. They are only ever
/// appended to.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_inbox.sql"),
    include_str!("../migrations/0003_versions.sql"),
    include_str!("../migrations/0004_agent_schemas.sql"),
    include_str!("../migrations/0005_families.sql"),
    include_str!("../migrations/0006_dead_letters.sql"),
    include_str!("../migrations/0007_agent_limits.sql"),
    include_str!("../migrations/0008_retry_strategies.sql"),
    include_str!("../migrations/0009_accounts.sql"),
    include_str!("../migrations/0010_audit.sql"),
    include_str!("../migrations/0011_lists.sql"),
    include_str!("../migrations/0012_idempotency.sql"),
    include_str!("../migrations/0013_run_feed.sql"),
    include_str!("../migrations/0014_webhooks.sql"),
    include_str!("../migrations/0015_schedules.sql"),
    include_str!("../migrations/0016_agent_creators.sql"),
];

/// Opens a connection with everything that all connections need.
pub(crate) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(256);
    // A statement is planned once. Without this SQLite looks at what is bound, and plans some statements anew each time they are
    // run: a hundred microseconds for each start of a run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// Opens the connection that writes. `synchronous = FULL` makes each commit in WAL mode wait for the disk; checkpoints are
/// made elsewhere, so that no commit has to wait for one.
pub(crate) fn connect_writer(file: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(file)?;
    // Nobody else writes, short of a person with another program; whoever waits for the writer tries again anyway.
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.execute_batch(
        "PRAGMA page_size = 4096;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -65536;",
    )?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn connect_reader(file: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(file)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;")?;
    Ok(connection)
}

/// The migrations that a file of this version has not seen.
pub(crate) fn pending(version: i64) -> Result<&'static [&'static str], OpenError> {
    let pending = usize::try_from(version).ok().and_then(|seen| MIGRATIONS.get(seen..));
    pending.ok_or(OpenError::Newer { found: version, known: MIGRATIONS.len() })
}

/// Brings a file to the newest version that this program knows.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let stored: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (migration, number) in pending(stored)?.iter().zip(stored + 1..) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
