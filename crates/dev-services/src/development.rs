//! The servers that a developer keeps running, under `target/services`: durable, on ports that stay the same, with data
//! that stays until the folder is removed. Tests never touch them.

use std::path::{Path, PathBuf};

use crate::{
    Brokers, Durability, Kafka, KafkaOptions, Postgres, ServiceError,
    lock::Lock,
    places::{self, User},
};

const POSTGRES: &str = "services/postgres";
const KAFKA: &str = "services/kafka";

/// The database that a developer works with.
const DATABASE: &str = "orrery";

/// Starts PostgreSQL unless it runs; says how to connect to the database `orrery`, which is there afterwards.
pub fn start_postgres() -> Result<String, ServiceError> {
    let folder = places::home(POSTGRES, User::for_servers())?;
    let _lock = Lock::of(&folder)?;
    let server = Postgres::in_folder(&folder, Durability::On)?;
    let url = server.create_database(DATABASE);
    // Also if there is no database yet: what runs is stopped by `stop_postgres`.
    server.leave_running();
    url
}

/// How to connect to the database `orrery`, if PostgreSQL runs.
pub fn running_postgres() -> Option<String> {
    let port = places::candidates(POSTGRES).iter().find_map(|folder| Postgres::running_in(folder))?;
    Some(format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}"))
}

/// Stops PostgreSQL; says whether it ran.
pub fn stop_postgres() -> Result<bool, ServiceError> {
    let mut ran = false;
    for folder in existing(POSTGRES) {
        let _lock = Lock::of(&folder)?;
        ran |= Postgres::stop_in(&folder)?;
    }
    Ok(ran)
}

/// Starts a Kafka broker unless it runs; says where clients find it.
pub fn start_kafka() -> Result<String, ServiceError> {
    let folder = kafka();
    let _lock = Lock::of(&folder)?;
    if let Some(bootstrap) = Kafka::running_in(&folder) {
        return Ok(bootstrap);
    }
    let kafka = Kafka::start(&folder, Brokers::One, KafkaOptions::default())?;
    let bootstrap = kafka.bootstrap();
    kafka.leave_running();
    Ok(bootstrap)
}

/// Where clients find the broker, if it runs.
pub fn running_kafka() -> Option<String> {
    Kafka::running_in(&kafka())
}

/// Stops the broker; says whether it ran.
pub fn stop_kafka() -> Result<bool, ServiceError> {
    let folder = kafka();
    if !folder.exists() {
        return Ok(false);
    }
    let _lock = Lock::of(&folder)?;
    Ok(Kafka::stop_in(&folder))
}

fn kafka() -> PathBuf {
    let [folder, _] = places::candidates(KAFKA);
    folder
}

fn existing(name: &str) -> impl Iterator<Item = PathBuf> {
    places::candidates(name).into_iter().filter(|folder| Path::exists(folder))
}
