//! The place of the chaos: PostgreSQL and Kafka of its own, agents that write down who calls them, and the servers.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use dev_services::{Brokers, Durability, Kafka, KafkaOptions, Postgres, Shutdown, write_secret_keys};
use e2e_tests::{DemoAgents, Topics};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{
    api::Api,
    ledger::Ledger,
    schedule::{APIS, EXECUTORS, RELAYS, Victim},
    slot::Slot,
};

/// How long a server may take until it is ready.
const READY: Duration = Duration::from_mins(1);

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// Everything that runs. Dropping it ends it; the files stay.
pub(crate) struct Site {
    executors: Vec<Arc<Mutex<Slot>>>,
    apis: Vec<Arc<Mutex<Slot>>>,
    relays: Vec<Arc<Mutex<Slot>>>,
    /// The REST APIs.
    pub(crate) doors: Vec<Api>,
    urls: Vec<String>,
    logs: Vec<PathBuf>,
    pub(crate) agents: DemoAgents,
    pub(crate) topics: Topics,
    pub(crate) postgres: Arc<Mutex<Postgres>>,
    pub(crate) kafka: Arc<Mutex<Kafka>>,
    pub(crate) database_url: String,
    // The folder is this program's until all has ended.
    _lock: File,
}

impl Site {
    /// Starts everything in a folder, whose files of an earlier run are removed.
    pub(crate) async fn start(folder: &Path, lease: Duration) -> anyhow::Result<Self> {
        let lock = emptied(folder)?;
        let (home, other) = (folder.join("postgres"), folder.join("kafka"));
        let postgres = spawn_blocking(move || Postgres::in_folder(&home, Durability::On));
        let kafka = spawn_blocking(move || Kafka::start(&other, Brokers::One, KafkaOptions::default()));
        let (postgres, kafka) = (postgres.await?.context("PostgreSQL"), kafka.await?.context("Kafka"));
        let (mut postgres, kafka) = (postgres?, kafka?);
        let database_url = prepare(&mut postgres).await?;
        let topics = Topics::new(&kafka.bootstrap(), "");
        let keys = folder.join("secret.keys");
        write_secret_keys(&keys)?;
        let keys = keys.to_string_lossy();
        let arguments = |role: &str| {
            let lease = lease.as_secs().to_string();
            let own = ["--role", role, "--database-url", &database_url, "--lease-seconds", &lease];
            let own = [&own[..], &["--secret-keys-file", &keys]].concat();
            [own.into_iter().map(str::to_owned).collect(), topics.arguments()].concat()
        };
        let logs = folder.join("logs");
        fs::create_dir_all(&logs)?;
        let slots = |role: &str, count: usize| {
            let names = (1..=count).map(|number| format!("{role}-{number}"));
            names.map(|name| Slot::new(name, arguments(role), &logs)).collect::<anyhow::Result<Vec<_>>>()
        };
        let (mut apis, mut executors) = (slots("api", APIS)?, slots("executor", EXECUTORS)?);
        let mut relays = slots("relay", RELAYS)?;
        let doors = apis.iter().map(|slot| Api::at(&slot.url())).collect::<anyhow::Result<_>>()?;
        // The first one brings the schema up to date.
        apis[0].start()?;
        ready(&apis[0].url()).await?;
        let mut rest = apis[1..].iter_mut().chain(&mut executors).chain(&mut relays);
        rest.try_for_each(Slot::start)?;
        let all = || apis.iter().chain(&executors).chain(&relays);
        let (urls, logs) = (all().map(Slot::url).collect(), all().map(Slot::log).collect());
        let shared = |slots: Vec<Slot>| slots.into_iter().map(|slot| Arc::new(Mutex::new(slot))).collect();
        let site = Self {
            executors: shared(executors),
            apis: shared(apis),
            relays: shared(relays),
            doors,
            urls,
            logs,
            agents: DemoAgents::start().await,
            topics,
            postgres: Arc::new(Mutex::new(postgres)),
            kafka: Arc::new(Mutex::new(kafka)),
            database_url,
            _lock: lock,
        };
        site.is_ready().await?;
        Ok(site)
    }

    /// Waits until every server is.
    pub(crate) async fn is_ready(&self) -> anyhow::Result<()> {
        for url in &self.urls {
            ready(url).await?;
        }
        Ok(())
    }

    /// The place of a server.
    pub(crate) fn slot(&self, victim: Victim) -> Option<Arc<Mutex<Slot>>> {
        let slot = match victim {
            Victim::Executor(number) => &self.executors[number],
            Victim::Api(number) => &self.apis[number],
            Victim::Relay(number) => &self.relays[number],
            Victim::Broker | Victim::Database => return None,
        };
        Some(Arc::clone(slot))
    }

    /// Starts those again that have ended by themselves: a server that cannot reach PostgreSQL when it starts gives up, and
    /// whoever runs it starts it again.
    pub(crate) fn mend(&self, ledger: &Ledger) -> anyhow::Result<()> {
        for slot in self.executors.iter().chain(&self.apis).chain(&self.relays) {
            // Whoever holds it is at it.
            let Ok(mut slot) = slot.try_lock() else { continue };
            if let Some(status) = slot.ended() {
                let role = slot.name.split('-').next().unwrap_or_default();
                let what = format!("{role} ({status})");
                ledger.note(|entries| *entries.ended.entry(what).or_default() += 1);
                slot.start()?;
            }
        }
        Ok(())
    }

    /// Lines of the servers' logs that hold a text.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let logs = self.logs.iter().filter_map(|log| fs::read_to_string(log).ok());
        logs.flat_map(|log| log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

/// An empty folder that no other chaos run works in. Servers of a run that was killed are ended.
fn emptied(folder: &Path) -> anyhow::Result<File> {
    let cannot = || format!("cannot use {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    let lock = File::create(folder.with_extension("lock")).with_context(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("another chaos run works in {}", folder.display()),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Postgres::stop_in(&folder.join("postgres"))?;
    Kafka::stop_in(&folder.join("kafka"));
    fs::remove_dir_all(folder).with_context(cannot)?;
    fs::create_dir_all(folder).with_context(cannot)?;
    Ok(lock)
}

/// A database; and the server notes when each commit happened, which is what the checker holds calls against.
async fn prepare(postgres: &mut Postgres) -> anyhow::Result<String> {
    let url = postgres.create_database("orrery")?;
    run(&url, "ALTER SYSTEM SET track_commit_timestamp = on").await?;
    postgres.stop(Shutdown::Fast)?;
    postgres.start()?;
    Ok(url)
}

async fn run(url: &str, statement: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn ready(url: &str) -> anyhow::Result<()> {
    let api = Api::at(url)?;
    let ready = async {
        while !api.is_ready().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(READY, ready).await.with_context(|| format!("{url} is not ready after {READY:?}"))
}
