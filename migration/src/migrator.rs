//! Applying migrations and taking them back. Replicas that start at once wait for each other at an advisory lock.

use sea_orm_migration::{
    MigrationTrait, MigratorTrait,
    sea_orm::{
        ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
        TransactionTrait,
    },
};

use crate::{
    m0001_initial, m0002_fleet_and_bus, m0003_inbox, m0004_versions, m0005_agent_schemas, m0006_lists_and_engines,
    m0007_families, m0008_dead_letters, m0009_agent_traffic, m0010_retry_strategies, m0011_accounts, m0012_audit,
    m0013_lists, m0014_idempotency, m0015_run_feed, m0016_webhooks, m0017_schedules,
};

/// The key of the advisory lock: "orrery" in ASCII.
const LOCK: i64 = 0x6f72_7265_7279;

/// How often a table that somebody else holds is waited for, five seconds each time: a little longer than the five
/// minutes for which the old executor sits in a transaction during an agent call (contract 4.5).
const PATIENCE: u32 = 70;

/// Why the schema was not changed; nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached, or it refuses a statement.
    #[error("the database cannot be migrated: {0}")]
    Database(#[from] DbErr),
    /// Somebody holds a table of the old system for longer than they should.
    #[error("the database cannot be migrated, because another program keeps its tables locked: {0}")]
    Locked(#[source] DbErr),
}

/// A migration that this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Whether the database has seen it.
    pub applied: bool,
}

/// What a database and this program know of each other's migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The migrations that this program knows, oldest first.
    pub known: Vec<State>,
    /// Those that the database has seen and this program does not know: a newer program was here.
    pub unknown: Vec<String>,
}

impl Survey {
    /// Whether the database has exactly the schema that this program knows.
    pub fn is_current(&self) -> bool {
        self.unknown.is_empty() && self.known.iter().all(|state| state.applied)
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_fleet_and_bus::Migration),
            Box::new(m0003_inbox::Migration),
            Box::new(m0004_versions::Migration),
            Box::new(m0005_agent_schemas::Migration),
            Box::new(m0006_lists_and_engines::Migration),
            Box::new(m0007_families::Migration),
            Box::new(m0008_dead_letters::Migration),
            Box::new(m0009_agent_traffic::Migration),
            Box::new(m0010_retry_strategies::Migration),
            Box::new(m0011_accounts::Migration),
            Box::new(m0012_audit::Migration),
            Box::new(m0013_lists::Migration),
            Box::new(m0014_idempotency::Migration),
            Box::new(m0015_run_feed::Migration),
            Box::new(m0016_webhooks::Migration),
            Box::new(m0017_schedules::Migration),
        ]
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Up(Option<u32>),
    Down(Option<u32>),
    Anew,
}

/// Applies all pending migrations, in one transaction.
pub async fn up(url: &str) -> Result<(), MigrateError> {
    change(url, Direction::Up(None)).await
}

/// Applies so many of the pending migrations, oldest first.
pub async fn up_by(url: &str, steps: u32) -> Result<(), MigrateError> {
    change(url, Direction::Up(Some(steps))).await
}

/// Takes the newest migrations back, all of them if no number is given. Rows of tables that the old system made stay.
pub async fn down(url: &str, steps: Option<u32>) -> Result<(), MigrateError> {
    change(url, Direction::Down(steps)).await
}

/// Drops everything in the current schema, whoever made it, and applies all migrations. All rows are lost.
pub async fn fresh(url: &str) -> Result<(), MigrateError> {
    change(url, Direction::Anew).await
}

/// Compares the database with this program. Unlike [`status`], it does not mind a database that a newer program has
/// migrated.
pub async fn survey(url: &str) -> Result<Survey, MigrateError> {
    let database = connect(url).await?;
    let transaction = locked(&database).await?;
    // The table of migrations may not be there yet; it goes with the transaction.
    Migrator::install(&transaction).await?;
    let models = Migrator::get_migration_models(&transaction).await?;
    transaction.rollback().await?;
    let mut unknown: Vec<String> = models.into_iter().map(|model| model.version).collect();
    let mut known = Vec::new();
    for migration in Migrator::migrations() {
        let seen = unknown.iter().position(|version| version == migration.name());
        known.push(State { name: migration.name().to_owned(), applied: seen.is_some() });
        seen.map(|seen| unknown.remove(seen));
    }
    Ok(Survey { known, unknown })
}

/// The migrations that this program knows, oldest first.
pub async fn status(url: &str) -> Result<Vec<State>, MigrateError> {
    let database = connect(url).await?;
    let transaction = locked(&database).await?;
    let pending = Migrator::get_pending_migrations(&transaction).await?;
    let is_pending = |name: &str| pending.iter().any(|pending| pending.name() == name);
    let known = Migrator::migrations().into_iter();
    let states =
        known.map(|known| State { name: known.name().to_owned(), applied: !is_pending(known.name()) }).collect();
    transaction.rollback().await?;
    Ok(states)
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await
}

/// A transaction that holds the lock to its end.
async fn locked(database: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let transaction = database.begin().await?;
    transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    // Only from here on: another replica may take its time with a large database.
    transaction.execute_unprepared("SET LOCAL lock_timeout = '5s'").await?;
    Ok(transaction)
}

async fn change(url: &str, direction: Direction) -> Result<(), MigrateError> {
    let database = connect(url).await?;
    let mut attempt = 1;
    loop {
        let transaction = locked(&database).await?;
        let done = match direction {
            Direction::Up(steps) => Migrator::up(&transaction, steps).await,
            Direction::Down(steps) => Migrator::down(&transaction, steps).await,
            Direction::Anew => anew(&transaction).await,
        };
        match done {
            Ok(()) => return Ok(transaction.commit().await?),
            Err(error) if is_in_the_way(&error) && attempt < PATIENCE => {
                tracing::info!(attempt, "another program holds a table; trying again to migrate");
                transaction.rollback().await?;
                attempt += 1;
            }
            Err(error) if is_in_the_way(&error) => return Err(MigrateError::Locked(error)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// `Migrator::fresh` leaves functions and views behind, and the next migration that makes them fails.
async fn anew(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    transaction.execute_unprepared(include_str!("sql/drop_everything.sql")).await?;
    Migrator::up(transaction, None).await
}

fn is_in_the_way(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    // A lock was waited for too long, or two wait for each other: processes that work meanwhile take tables in their own order.
    let Some(told) = error.as_database_error() else { return false };
    told.code().is_some_and(|code| matches!(&*code, "55P03" | "40P01"))
}
