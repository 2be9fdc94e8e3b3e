//! What a server of several processes needs, for a measurement: a PostgreSQL that syncs every commit, and a Kafka broker.
//!
//! Both are private and begin empty; a database server that somebody names is used instead of the private one. If the
//! measurement is interrupted, the private database server runs on until the next one.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use dev_services::{Brokers, Durability, Kafka, KafkaOptions, Postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The database that a measurement makes and drops.
const DATABASE: &str = "orrery_bench";

/// The services of a measurement. They end with this value.
pub(super) struct Services {
    kafka: Kafka,
    /// None if somebody named a database.
    _postgres: Option<Postgres>,
    /// Where databases are made and dropped.
    admin: String,
    /// The server's version and the settings that its figures depend on.
    pub(super) described: String,
    /// Two measurements at once would measure each other.
    _lock: File,
}

impl Services {
    /// Starts them, with their files in a folder.
    pub(super) async fn start(folder: &Path, named: Option<&str>) -> anyhow::Result<Self> {
        let lock = locked(&folder.join("lock"))?;
        let (postgres, admin) = if let Some(url) = named {
            (None, url.to_owned())
        } else {
            let server = private_postgres(&folder.join("postgres")).context("PostgreSQL cannot be had")?;
            let admin = server.url("postgres");
            (Some(server), admin)
        };
        let described = described(&admin).await?;
        let kafka = private_kafka(&folder.join("kafka")).context("Kafka cannot be had")?;
        Ok(Self { kafka, _postgres: postgres, admin, described, _lock: lock })
    }

    /// Where clients find the broker.
    pub(super) fn brokers(&self) -> String {
        self.kafka.bootstrap()
    }

    /// An empty database with the schema of this version, in place of the one before.
    pub(super) async fn fresh_database(&self) -> anyhow::Result<String> {
        self.drop_database().await?;
        run(&self.admin, &format!("CREATE DATABASE {DATABASE} TEMPLATE template0")).await?;
        let url = with_database(&self.admin, DATABASE);
        migration::up(&url).await.map_err(|error| anyhow::Error::msg(error.to_string()))?;
        Ok(url)
    }

    /// Leaves nothing behind in a database server that is somebody else's.
    pub(super) async fn drop_database(&self) -> anyhow::Result<()> {
        run(&self.admin, &format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")).await
    }
}

fn locked(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another measurement is under way ({} is locked)", path.display()),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What a measurement has left that was killed is ended and removed.
fn private_postgres(folder: &Path) -> anyhow::Result<Postgres> {
    Postgres::stop_in(folder)?;
    remove(folder)?;
    Ok(Postgres::in_folder(folder, Durability::On)?)
}

fn private_kafka(folder: &Path) -> anyhow::Result<Kafka> {
    if folder.exists() {
        Kafka::stop_in(folder);
    }
    remove(folder)?;
    Ok(Kafka::start(folder, Brokers::One, KafkaOptions::default())?)
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

async fn described(admin: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(admin).await.context("the database cannot be reached")?;
    let mut setting = async |name: &str| {
        let value = sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut connection);
        anyhow::Ok::<String>(value.await?)
    };
    let version = setting("server_version").await?;
    let (fsync, synchronous) = (setting("fsync").await?, setting("synchronous_commit").await?);
    let buffers = setting("shared_buffers").await?;
    let synced = fsync == "on" && synchronous != "off";
    ensure!(synced, "fsync is {fsync} and synchronous_commit is {synchronous}: commits there do not last");
    connection.close().await?;
    Ok(format!(
        "PostgreSQL {version} (fsync {fsync}, synchronous_commit {synchronous}, shared_buffers {buffers}), Kafka with one broker"
    ))
}

async fn run(url: &str, statement: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await.context("the database cannot be reached")?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The same server and user, another database.
fn with_database(url: &str, database: &str) -> String {
    let (place, settings) = url.split_once('?').map_or((url, None), |(place, settings)| (place, Some(settings)));
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let settings = settings.map(|settings| format!("?{settings}")).unwrap_or_default();
    format!("{scheme}://{host}/{database}{settings}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        let url = with_database("postgresql://me:secret@db:5432/mine?sslmode=require", "other");
        assert_eq!(url, "postgresql://me:secret@db:5432/other?sslmode=require");
        assert_eq!(with_database("postgres://db", "other"), "postgres://db/other");
    }

    #[test]
    fn a_second_measurement_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = locked(&path).expect("nobody else measures");
        assert!(locked(&path).is_err());
        drop(first);
        assert!(locked(&path).is_ok());
    }
}
