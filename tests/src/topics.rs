//! Kafka as a stranger sees it: a foreign producer of requests, and a reader of everything that a topic holds.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    metadata::{MetadataPartition, MetadataTopic},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;
use tokio::task::spawn_blocking;

/// How long a broker may take for an answer, and a topic until it holds what it must.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a look waits for the next record.
const LOOK: Duration = Duration::from_millis(50);

/// Topics with a name before theirs, so that tests on one broker do not meet.
#[derive(Debug, Clone)]
pub struct Topics {
    brokers: String,
    prefix: String,
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its key.
    pub key: String,
    /// Its value, which is JSON on all our topics.
    pub value: Value,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
}

impl Record {
    /// A text in its value.
    pub fn text(&self, member: &str) -> &str {
        self.value[member].as_str().unwrap_or_else(|| panic!("no text '{member}' in {}", self.value))
    }
}

impl Topics {
    /// The topics of some brokers whose names begin with a prefix.
    pub fn new(brokers: &str, prefix: &str) -> Self {
        Self { brokers: brokers.to_owned(), prefix: prefix.to_owned() }
    }

    /// Where the brokers are.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// A topic's or a group's full name, from the name that it has by default.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What a server has to be told to use them.
    pub fn arguments(&self) -> Vec<String> {
        const NAMES: [(&str, &str); 12] = [
            ("--kafka-execution-topic", "workflow.execution.requests"),
            ("--kafka-cancellation-topic", "workflow.cancellation.requests"),
            ("--kafka-events-topic", "workflow.events"),
            ("--kafka-tasks-topic", "orchestrator.tasks.http"),
            ("--kafka-results-topic", "results.topic"),
            ("--kafka-monitoring-topic", "workflow.monitoring.updates"),
            ("--kafka-run-events-topic", "workflow.run.events"),
            ("--kafka-dlq-topic", "workflow.dlq"),
            ("--kafka-dead-letter-topic", "workflow.dead.letters"),
            ("--kafka-group", "execution-consumer-group"),
            ("--kafka-events-group", "orrery-events"),
            ("--kafka-bridge-group", "external-agent-executor-group"),
        ];
        let names = NAMES.into_iter().flat_map(|(flag, name)| [flag.to_owned(), self.name(name)]);
        let rest = ["--kafka-partitions", "3", "--kafka-brokers", &self.brokers].map(str::to_owned);
        names.chain(rest).collect()
    }

    /// Sends records to a topic as a foreign producer does, in order; returns when they are acknowledged.
    pub async fn send(&self, topic: &str, records: &[(String, Value)]) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("partitioner", "murmur2_random");
        config.set("enable.idempotence", "true");
        let producer: FutureProducer = config.create().expect("a producer");
        let topic = self.name(topic);
        let mut sent = Vec::new();
        for (key, value) in records {
            let text = value.to_string();
            let record = FutureRecord::to(&topic).key(key).payload(&text);
            sent.push(producer.send_result(record).unwrap_or_else(|(error, _)| panic!("the queue takes it: {error}")));
        }
        for sent in sent {
            sent.await.expect("the producer lives").expect("the broker takes it");
        }
    }

    /// Everything that a topic holds, once there is enough of it: each partition in order. Waits for a minute.
    pub async fn read(
        &self,
        topic: &str,
        what: &str,
        enough: impl Fn(&[Record]) -> bool + Send + 'static,
    ) -> Vec<Record> {
        let (brokers, topic, what) = (self.brokers.clone(), self.name(topic), what.to_owned());
        let read = move || {
            let deadline = Instant::now() + PATIENCE;
            let consumer = reader(&brokers, "tests-that-look");
            assign(&consumer, &topic, deadline);
            let mut records = Vec::new();
            loop {
                while let Some(Ok(message)) = consumer.poll(LOOK) {
                    records.push(record(&message));
                }
                if enough(&records) && records.len() >= held(&consumer, &topic) {
                    break;
                }
                let seen = records.len();
                assert!(Instant::now() < deadline, "waited in vain for this on {topic}: {what}; it holds {seen}");
            }
            records.sort_by_key(|record| (record.partition, record.offset));
            records
        };
        spawn_blocking(read).await.expect("the reader")
    }

    /// How many records of a topic a group has not acknowledged yet.
    pub async fn lag(&self, group: &str, topic: &str) -> i64 {
        let (brokers, group, topic) = (self.brokers.clone(), self.name(group), self.name(topic));
        let ask = move || {
            let consumer = reader(&brokers, &group);
            let mut list = TopicPartitionList::new();
            for partition in partitions(&consumer, &topic) {
                list.add_partition(&topic, partition);
            }
            let committed = consumer.committed_offsets(list, PATIENCE).expect("offsets");
            let lag = committed.elements().into_iter().map(|partition| {
                let (low, high) = watermarks(&consumer, &topic, partition.partition());
                high - if let Offset::Offset(offset) = partition.offset() { offset } else { low }
            });
            lag.sum()
        };
        spawn_blocking(ask).await.expect("an answer")
    }
}

fn reader(brokers: &str, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "50");
    config.create().expect("a consumer")
}

/// The partitions of a topic; none if it does not exist.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the brokers know their topics");
    metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect()
}

fn assign(consumer: &BaseConsumer, topic: &str, deadline: Instant) {
    let found = loop {
        let found = partitions(consumer, topic);
        if !found.is_empty() {
            break found;
        }
        assert!(Instant::now() < deadline, "there is no topic {topic}");
        // Nothing is assigned: this only waits.
        assert!(consumer.poll(LOOK).is_none_or(|record| record.is_err()), "a record of no topic");
    };
    let mut list = TopicPartitionList::new();
    for partition in found {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&list).expect("an assignment");
}

fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    consumer.fetch_watermarks(topic, partition, PATIENCE).expect("the broker knows where a partition ends")
}

/// How many records a topic holds; nothing of it is ever removed in a test.
fn held(consumer: &BaseConsumer, topic: &str) -> usize {
    let count = |partition| {
        let (low, high) = watermarks(consumer, topic, partition);
        usize::try_from(high - low).unwrap_or(0)
    };
    partitions(consumer, topic).into_iter().map(count).sum()
}

fn record(message: &impl Message) -> Record {
    let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
    let value = serde_json::from_slice(message.payload().unwrap_or_default()).expect("the record is JSON");
    Record { key, value, partition: message.partition(), offset: message.offset() }
}
