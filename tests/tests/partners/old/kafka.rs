//! The client settings of contract 3.2, as far as librdkafka has them.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;

/// How long a broker may take: longer than the ten seconds of the old producer, because machines that test are busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The topics and groups of contract 3.1, under names of a test's own.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) executions: String,
    pub(crate) cancellations: String,
    pub(crate) tasks: String,
    pub(crate) results: String,
    pub(crate) monitoring: String,
    pub(crate) group: String,
    pub(crate) bridge_group: String,
}

impl Names {
    pub(crate) fn of(topics: &e2e_tests::Topics) -> Self {
        Self {
            executions: topics.name("workflow.execution.requests"),
            cancellations: topics.name("workflow.cancellation.requests"),
            tasks: topics.name("orchestrator.tasks.http"),
            results: topics.name("results.topic"),
            monitoring: topics.name("workflow.monitoring.updates"),
            group: topics.name("execution-consumer-group"),
            bridge_group: topics.name("external-agent-executor-group"),
        }
    }
}

/// A producer as kafka-python's: acks=all, one record in flight, no compression, murmur2.
#[derive(Clone)]
pub(crate) struct Producer(FutureProducer);

impl Producer {
    pub(crate) fn new(brokers: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("acks", "all").set("max.in.flight", "1").set("linger.ms", "0");
        config.set("partitioner", "murmur2_random").set("compression.type", "none");
        Self(config.create().expect("a producer can be made"))
    }

    pub(crate) async fn send(&self, topic: &str, key: &str, value: &Value) {
        self.send_bytes(topic, key, Some(value.to_string().as_bytes())).await;
    }

    /// Anything at all; without a value, a tombstone.
    pub(crate) async fn send_bytes(&self, topic: &str, key: &str, value: Option<&[u8]>) {
        let mut record = FutureRecord::<str, [u8]>::to(topic).key(key);
        record.payload = value;
        self.0.send(record, PATIENCE).await.expect("the broker takes a record");
    }
}

/// A consumer as kafka-python's: auto-commit each second, from the earliest record, range then round-robin.
pub(crate) fn consumer(brokers: &str, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "true").set("auto.commit.interval.ms", "1000");
    config.set("session.timeout.ms", "10000").set("heartbeat.interval.ms", "3000");
    config.set("partition.assignment.strategy", "range,roundrobin").set("max.partition.fetch.bytes", "1048576");
    // Not a setting of the old system: nobody waits for new topics here.
    config.set("fetch.wait.max.ms", "100").set("topic.metadata.refresh.interval.ms", "1000");
    config
}
