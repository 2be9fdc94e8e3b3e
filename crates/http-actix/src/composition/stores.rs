//! Which store is behind the ports: SQLite in a folder for one process, PostgreSQL for any number of them.

use std::{path::Path, sync::Arc, time::Duration};

use adapters_auth::AeadVault;
use adapters_postgres::{ConnectError, PgSettings, PgStore};
use adapters_sqlite::SqliteStore;
use anyhow::Context;
use domain::ports::{
    Accounts, AgentTraffic, Agents, AuditLog, AuditSealing, Clock, DeadLetters, Doorbell, ExternalRuns, Fleet,
    IdempotencyKeys, KeptSecrets, OldRuns, Outbox, Reseal, Resealed, RunFeed, RunInbox, RunJournal, RunLeases, Runs,
    Schedules, StoreTime, Transactions, Vault, WebhookQueue, Webhooks, Workflows,
};
use tokio::time::Instant;

use super::{keyring, steered::SteeredClock, system::SystemClock};
use crate::cli::SecretsPlace;

/// The ports of one store.
pub(super) struct Store {
    pub(super) accounts: Arc<dyn Accounts>,
    pub(super) agents: Arc<dyn Agents>,
    pub(super) workflows: Arc<dyn Workflows>,
    pub(super) transactions: Arc<dyn Transactions>,
    pub(super) journal: Arc<dyn RunJournal>,
    pub(super) runs: Arc<dyn Runs>,
    pub(super) feed: Arc<dyn RunFeed>,
    pub(super) leases: Arc<dyn RunLeases>,
    pub(super) inbox: Arc<dyn RunInbox>,
    pub(super) dead_letters: Arc<dyn DeadLetters>,
    pub(super) old_runs: Arc<dyn OldRuns>,
    pub(super) traffic: Arc<dyn AgentTraffic>,
    pub(super) audit: Arc<dyn AuditLog>,
    pub(super) webhooks: Arc<dyn Webhooks>,
    pub(super) webhook_queue: Arc<dyn WebhookQueue>,
    pub(super) schedules: Arc<dyn Schedules>,
    pub(super) sealing: Arc<dyn AuditSealing>,
    pub(super) keys: Arc<dyn IdempotencyKeys>,
    pub(super) clock: Arc<dyn Clock>,
    /// What only a store has that several processes share.
    pub(super) shared: Option<Shared>,
}

/// The ports of a store that several processes share.
pub(super) struct Shared {
    pub(super) fleet: Arc<dyn Fleet>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) external: Arc<dyn ExternalRuns>,
    pub(super) doorbell: Arc<dyn Doorbell>,
    pub(super) time: Arc<dyn StoreTime>,
    pub(super) steered: Arc<SteeredClock>,
    /// The store itself, whose connections are watched.
    pub(super) connections: PgStore,
}

/// Opens the store of a single process, and takes over what a predecessor left unfinished.
pub(super) async fn in_folder(folder: &Path, vault: Arc<dyn Vault>) -> anyhow::Result<Store> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let shown = absolute.display();
    tracing::info!(folder = %shown, "Orrery keeps everything in the folder {shown}");
    let store = SqliteStore::open(folder, vault).with_context(|| format!("cannot open the store in {shown}"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    seal_what_is_in_clear(&store).await?;
    take_over(&store, &*clock).await?;
    let store = Arc::new(store);
    Ok(Store {
        accounts: store.clone(),
        agents: store.clone(),
        workflows: store.clone(),
        transactions: store.clone(),
        journal: store.clone(),
        runs: store.clone(),
        feed: store.clone(),
        leases: store.clone(),
        inbox: store.clone(),
        dead_letters: store.clone(),
        old_runs: store.clone(),
        traffic: store.clone(),
        audit: store.clone(),
        schedules: store.clone(),
        webhooks: store.clone(),
        webhook_queue: store.clone(),
        sealing: store.clone(),
        keys: store,
        clock,
        shared: None,
    })
}

/// Seals what older programs have stored in clear, and finds out now rather than at some call that a key is missing.
async fn seal_what_is_in_clear(store: &dyn KeptSecrets) -> anyhow::Result<()> {
    let found = store.reseal(Reseal::Clear).await.context("what is kept encrypted cannot be used")?;
    if found.clear > 0 {
        tracing::info!(secrets = found.clear, "encrypted credentials that were stored in clear");
    }
    Ok(())
}

/// What a rotation has found, and under which key everything is now.
pub(super) struct Rotated {
    pub(super) key: String,
    pub(super) counts: Resealed,
}

/// Seals every secret under the current key.
pub(super) async fn rotate_secrets(place: &SecretsPlace) -> anyhow::Result<Rotated> {
    let keyring = keyring::of(place)?;
    let vault = AeadVault::new(&keyring);
    let store: Box<dyn KeptSecrets> = if let Some(url) = &place.database_url {
        Box::new(PgStore::connect(url, vault).await.context("the database cannot be used")?)
    } else {
        let store = SqliteStore::open(&place.data, vault);
        Box::new(store.with_context(|| format!("cannot open the store in {}", place.data.display()))?)
    };
    let resealed = store.reseal(Reseal::NotCurrent).await;
    let counts = resealed.context("not everything can be encrypted anew")?;
    Ok(Rotated { key: keyring.current().id().to_owned(), counts })
}

/// The store's lock says that nobody else is alive, so whoever owns runs is dead.
async fn take_over(store: &SqliteStore, clock: &dyn Clock) -> anyhow::Result<()> {
    for dead in store.owners().await.context("cannot read who owned runs")? {
        let runs = RunLeases::release(store, dead, clock.now()).await.context("cannot take over unfinished runs")?;
        tracing::info!(runs, executor.id = %dead, "taking over the runs of a process that is gone");
    }
    Ok(())
}

/// What stands before the reason why there is no database.
const CANNOT_BE_USED: &str = "the database cannot be used";

/// The shortest and the longest pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// A database, and how it is opened.
#[derive(Clone, Copy)]
pub(super) struct Database<'a> {
    pub(super) url: &'a str,
    /// Whether its schema is brought up to date before.
    pub(super) migrate: bool,
    /// See [`PgSettings::announce`].
    pub(super) announce: bool,
    /// See [`PgSettings::accept_newer`].
    pub(super) accept_newer: bool,
    /// For how long it is waited for.
    pub(super) patience: Duration,
}

/// Waits for a database that is away for as long as that may pass: who is started together comes up in any order.
async fn opened(database: Database<'_>, vault: &Arc<dyn Vault>) -> anyhow::Result<PgStore> {
    let (until, mut pause) = (Instant::now() + database.patience, FIRST_PAUSE);
    loop {
        let error = match open(database, vault).await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !is_away(database.url, &error).await {
            return Err(error);
        }
        let left_seconds = left.as_secs();
        tracing::warn!(
            left_seconds,
            "the database is not there yet ({error:#}); waiting for it, {left_seconds} s at most"
        );
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

async fn open(database: Database<'_>, vault: &Arc<dyn Vault>) -> anyhow::Result<PgStore> {
    let Database { url, migrate, announce, accept_newer, .. } = database;
    if migrate {
        match PgStore::check_before_migration(url).await {
            // There is nothing that this program could add.
            Err(ConnectError::Newer { .. }) if accept_newer => {}
            checked => {
                checked?;
                migration::up(url).await?;
            }
        }
    }
    Ok(PgStore::connect_with(url, PgSettings { announce, accept_newer }, Arc::clone(vault)).await?)
}

/// What a migration that broke off says does not tell whether the database has gone; the database does.
async fn is_away(url: &str, error: &anyhow::Error) -> bool {
    match error.downcast_ref::<ConnectError>() {
        Some(error) => error.is_passing(),
        None => PgStore::check_before_migration(url).await.is_err_and(|error| error.is_passing()),
    }
}

/// What is wrong with where the database is said to be, before anything is made for it. It is said as the one who connects says it.
pub(super) fn check_url(url: Option<&str>) -> anyhow::Result<()> {
    url.map_or(Ok(()), adapters_postgres::check_url).context(CANNOT_BE_USED)
}

/// Connects to the store of several processes.
pub(super) async fn in_database(database: Database<'_>, vault: Arc<dyn Vault>) -> anyhow::Result<Store> {
    let store = Arc::new(opened(database, &vault).await.context(CANNOT_BE_USED)?);
    seal_what_is_in_clear(&*store).await?;
    let clock = SteeredClock::start(&*store).await.context("the database does not say what time it is")?;
    Ok(Store {
        accounts: store.clone(),
        agents: store.clone(),
        workflows: store.clone(),
        transactions: store.clone(),
        journal: store.clone(),
        runs: store.clone(),
        feed: store.clone(),
        leases: store.clone(),
        inbox: store.clone(),
        dead_letters: store.clone(),
        old_runs: store.clone(),
        traffic: store.clone(),
        audit: store.clone(),
        webhooks: store.clone(),
        webhook_queue: store.clone(),
        schedules: store.clone(),
        sealing: store.clone(),
        keys: store.clone(),
        clock: clock.clone(),
        shared: Some(Shared {
            fleet: store.clone(),
            outbox: store.clone(),
            external: store.clone(),
            doorbell: store.clone(),
            connections: (*store).clone(),
            time: store,
            steered: clock,
        }),
    })
}
