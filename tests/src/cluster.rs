//! Several processes on one PostgreSQL and one Kafka: servers that all tests share, or a test's own, which it may stop, kill
//! and start again.

use std::sync::{Arc, Mutex, PoisonError};

use dev_services::{Brokers, Database, Durability, Kafka, KafkaOptions, Postgres, SharedKafka, write_secret_keys};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

use crate::{Orrery, Topics, demo_agents::DemoAgents, eventually};

/// How many clusters a test binary has at once: each is half a dozen processes, and CI has two cores.
static CLUSTERS: Semaphore = Semaphore::const_new(2);

/// Which PostgreSQL a cluster gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostgresFor {
    /// A database of its own on the server that all tests share.
    Everybody,
    /// A server of its own.
    OneTest(Durability),
}

/// Which Kafka a cluster gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaFor {
    /// Topics of its own on the broker that all tests share.
    Everybody,
    /// Brokers of its own.
    OneTest(Brokers),
}

/// Two services, demo agents that count their calls, and how to start processes on them. Declare it before what is started
/// on it, so that it is dropped last.
pub struct Cluster {
    /// The demo agents.
    pub agents: DemoAgents,
    /// Kafka, as a stranger sees it.
    pub topics: Topics,
    /// More arguments for every process.
    arguments: Vec<String>,
    database_url: String,
    folder: TempDir,
    kafka: Option<Arc<Mutex<Kafka>>>,
    postgres: Option<Arc<Mutex<Postgres>>>,
    _database: Option<Database>,
    _permit: SemaphorePermit<'static>,
}

impl Cluster {
    /// On the servers that all tests share.
    pub async fn new() -> Self {
        Self::with(PostgresFor::Everybody, KafkaFor::Everybody).await
    }

    /// On these servers.
    pub async fn with(postgres: PostgresFor, kafka: KafkaFor) -> Self {
        let permit = CLUSTERS.acquire().await.expect("the semaphore is never closed");
        let (database, postgres, database_url) = match postgres {
            PostgresFor::Everybody => {
                let database = Database::new(None).await;
                let url = database.url().to_owned();
                (Some(database), None, url)
            }
            PostgresFor::OneTest(durability) => {
                let (server, url) = blocking(move || {
                    let server = Postgres::temporary(durability).expect("a PostgreSQL of one's own");
                    let url = server.create_database("orrery").expect("a database");
                    (server, url)
                })
                .await;
                (None, Some(Arc::new(Mutex::new(server))), url)
            }
        };
        let (kafka, topics) = match kafka {
            KafkaFor::Everybody => {
                let kafka = blocking(|| SharedKafka::get().expect("a Kafka that all tests share")).await;
                (None, Topics::new(kafka.bootstrap(), &kafka.topic_prefix()))
            }
            KafkaFor::OneTest(brokers) => {
                let start = move || Kafka::temporary(brokers, KafkaOptions::default()).expect("a Kafka of one's own");
                let kafka = blocking(start).await;
                let topics = Topics::new(&kafka.bootstrap(), "");
                (Some(Arc::new(Mutex::new(kafka))), topics)
            }
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let keys = folder.path().join("keys");
        write_secret_keys(&keys).expect("the keys can be written");
        let (agents, arguments) = (DemoAgents::start().await, Vec::new());
        Self { agents, topics, arguments, database_url, folder, kafka, postgres, _database: database, _permit: permit }
    }

    /// The same, with further arguments for every process.
    pub fn for_all(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// The file with the keys that all processes share.
    pub fn keys(&self) -> String {
        self.folder.path().join("keys").to_string_lossy().into_owned()
    }

    /// The arguments of a process with a role.
    pub fn arguments(&self, role: &str) -> Vec<String> {
        let keys = self.keys();
        let own =
            ["--role", role, "--database-url", &self.database_url, "--secret-keys-file", &keys].map(str::to_owned);
        [&own[..], &self.topics.arguments(), &self.arguments].concat()
    }

    /// Starts a process with a role and waits until it is ready. Further arguments stand instead of those that a process
    /// gets anyway.
    pub async fn start(&self, role: &str, more: &[&str]) -> Orrery {
        let process = self.launch(role, more).await;
        eventually(&format!("the {role} is ready"), async || process.is_ready().await.then_some(())).await;
        process
    }

    /// Starts a process with a role and waits until it listens.
    pub async fn launch(&self, role: &str, more: &[&str]) -> Orrery {
        let arguments = self.arguments(role);
        // Each of ours has a value.
        let ours = arguments.chunks_exact(2).filter(|pair| !more.contains(&pair[0].as_str())).flatten();
        let arguments: Vec<_> = ours.map(String::as_str).chain(more.iter().copied()).collect();
        Orrery::launch(&arguments, self.folder.path()).await
    }

    /// The same for a process that makes the first key itself, if nobody has.
    pub async fn launch_without_key(&self, role: &str) -> Orrery {
        let arguments = self.arguments(role);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Orrery::launch_without_key(&arguments, self.folder.path()).await
    }

    /// How to connect to the database.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// A number that a query answers, from the database as it is.
    pub async fn number(&self, query: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database_url).await.expect("the database lets tests in");
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("a number");
        // Its end is nobody's concern.
        let _closed = connection.close().await;
        number
    }

    /// Rows of two texts that a query answers.
    pub async fn pairs(&self, query: &'static str) -> Vec<(String, String)> {
        let mut connection = PgConnection::connect(&self.database_url).await.expect("the database lets tests in");
        let rows = sqlx::query_as(query).fetch_all(&mut connection).await.expect("pairs of texts");
        let _closed = connection.close().await;
        rows
    }

    /// Begins a transaction with a statement, such as a lock; it ends when the connection is dropped.
    pub async fn begin(&self, statement: &'static str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.database_url).await.expect("the database lets tests in");
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.expect("a transaction");
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("the statement is sound");
        connection
    }

    /// Does something with the PostgreSQL of its own.
    pub async fn postgres<T: Send + 'static>(&self, act: impl FnOnce(&mut Postgres) -> T + Send + 'static) -> T {
        on(self.postgres.as_ref().expect("this cluster has a PostgreSQL of its own"), act).await
    }

    /// Does something with the Kafka of its own.
    pub async fn kafka<T: Send + 'static>(&self, act: impl FnOnce(&mut Kafka) -> T + Send + 'static) -> T {
        on(self.kafka.as_ref().expect("this cluster has a Kafka of its own"), act).await
    }
}

async fn on<S: Send + 'static, T: Send + 'static>(
    server: &Arc<Mutex<S>>,
    act: impl FnOnce(&mut S) -> T + Send + 'static,
) -> T {
    let server = Arc::clone(server);
    blocking(move || act(&mut server.lock().unwrap_or_else(PoisonError::into_inner))).await
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(act).await.expect("no panic")
}
