//! The broker that all tests of a run share: what `KAFKA_BROKERS` names, or a private one under `target/`.
//!
//! The private broker is started by the first process that needs it and left running for the next one; `cargo xtask test`
//! stops it at its end. Each start begins without topics: nobody removes those of earlier tests.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{
    cluster::{self, Brokers, Kafka},
    settings::KafkaOptions,
    wire,
};
use crate::{ServiceError, environment, lock::Lock, places};

const NAME: &str = "kafka/shared";

/// How to reach the shared broker.
#[derive(Debug, Clone)]
pub struct SharedKafka {
    bootstrap: String,
    is_private: bool,
}

impl SharedKafka {
    /// The shared broker, which runs when this returns.
    pub fn get() -> Result<Self, ServiceError> {
        static SHARED: Mutex<Option<SharedKafka>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let found = match environment::given_kafka() {
            Some(bootstrap) => Self { bootstrap, is_private: false },
            None => Self { bootstrap: started()?, is_private: true },
        };
        *shared = Some(found.clone());
        Ok(found)
    }

    /// Stops the private broker, if one runs; says whether it did.
    pub fn stop() -> Result<bool, ServiceError> {
        let folder = folder();
        if Kafka::running_in(&folder).is_none() {
            return Ok(false);
        }
        let _lock = Lock::of(&folder)?;
        Ok(Kafka::stop_in(&folder))
    }

    /// Where clients find it: `host:port`, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Whether the broker is the tests' own.
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// Makes a topic with as many copies as the cluster keeps anyway, and waits until each partition has a leader.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), ServiceError> {
        let brokers = wire::metadata(&self.bootstrap, None)?.brokers.len();
        let copies = if brokers >= 3 { 3 } else { 1 };
        cluster::create_topic(&self.bootstrap, name, partitions, copies)
    }

    /// How the names of a test's topics and groups begin; never the same twice, in no process.
    pub fn topic_prefix(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // Brokers that somebody else keeps have seen other machines' processes with this number.
        format!("test-{process}-{number}-{:08x}.", fastrand::u32(..))
    }
}

fn folder() -> PathBuf {
    let [folder, _] = places::candidates(NAME);
    folder
}

/// Where the private broker listens. One process starts it; the others wait meanwhile and find it running.
fn started() -> Result<String, ServiceError> {
    let folder = folder();
    let _lock = Lock::of(&folder)?;
    if let Some(bootstrap) = Kafka::running_in(&folder).filter(|bootstrap| wire::metadata(bootstrap, None).is_ok()) {
        return Ok(bootstrap);
    }
    // One that runs and does not answer is in nobody's use.
    super::kill_in(&folder);
    let _removed = fs::remove_dir_all(folder.join("broker-0"));
    let kafka = Kafka::start(&folder, Brokers::One, KafkaOptions::default())?;
    let bootstrap = kafka.bootstrap();
    kafka.leave_running();
    Ok(bootstrap)
}
