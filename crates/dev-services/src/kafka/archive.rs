//! What Java has learned about Kafka's classes, kept in a file: with it a broker starts in half the time and with half the
//! work. It is made once, from a broker that lives for a moment.

use std::{fs, path::Path, time::Duration};

use super::{
    broker::Broker,
    libs::KafkaLibs,
    settings::{self, KafkaOptions, Ports},
    wire,
};
use crate::{ServiceError, ports, process};

/// How long that broker may take to answer.
const START: Duration = Duration::from_secs(90);

/// Any UUID in base 64.
const CLUSTER: &str = "b3JyZXJ5LWFyY2hpdmUtMQ";

/// Makes the archive unless it is there. A Java that cannot make one leaves an empty file, which no Java uses.
pub(super) fn make(libs: &KafkaLibs) -> Result<(), ServiceError> {
    let archive = libs.archive();
    if archive.exists() {
        return Ok(());
    }
    let (folder, part) = (archive.with_extension("broker"), archive.with_extension("part"));
    let learned = learn(libs, &folder, &part);
    // What stays is in nobody's way.
    let _removed = fs::remove_dir_all(&folder);
    learned?;
    let cannot = || ServiceError::io(format!("write {}", archive.display()));
    if part.exists() {
        fs::rename(&part, &archive).map_err(cannot())
    } else {
        fs::write(&archive, "").map_err(cannot())
    }
}

fn learn(libs: &KafkaLibs, folder: &Path, into: &Path) -> Result<(), ServiceError> {
    super::kill_in(folder);
    for old in [folder, into] {
        let _removed = if old.is_dir() { fs::remove_dir_all(old) } else { fs::remove_file(old) };
    }
    let options = KafkaOptions::default();
    let ports =
        [Ports { plain: ports::free()?, controller: ports::free()?, sasl: ports::free()?, tls: ports::free()? }];
    let mut broker = Broker::new(folder, 0);
    broker.configure(&settings::properties(0, &ports, &options, None, &broker.data()))?;
    broker.format(libs, CLUSTER, &options).finish()?;
    broker.start(libs.learning_java(options.heap_mb, into))?;
    let address = format!("127.0.0.1:{}", ports[0].plain);
    let answers = process::until(START, || {
        let lives = wire::metadata(&address, None).is_ok_and(|metadata| !metadata.brokers.is_empty());
        (lives || broker.process().is_none()).then_some(lives)
    });
    // A first topic, for the classes of logs.
    let topic = answers.filter(|lives| *lives).map(|_| wire::create_topic(&address, "first", 1, 1));
    broker.stop();
    topic.unwrap_or(Err(ServiceError::NotReady { what: "a first broker".into(), within: START, log: broker.log() }))
}
