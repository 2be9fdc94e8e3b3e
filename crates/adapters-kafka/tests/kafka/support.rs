//! Brokers, topics of a test's own, and ways to look into them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use adapters_kafka::{Groups, KafkaBus, KafkaConfig, Topics};
use dev_services::SharedKafka;
use domain::{Timestamp, ids::RunId, payload::Payload, ports::Clock};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;
use tokio::{runtime::Handle, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// It is always the same time.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-22T12:00:00.5Z".parse().expect("a time")
    }
}

/// A test's place on a broker.
pub(crate) struct Place {
    pub(crate) config: KafkaConfig,
    pub(crate) bus: KafkaBus,
    /// What was spawned; ends with the test.
    pub(crate) background: JoinSet<()>,
    /// Whether others use the broker too.
    is_shared: bool,
}

impl Drop for Place {
    /// Leaves nothing on a broker that others use: after some thousand partitions it does little else than keep them.
    fn drop(&mut self) {
        self.background.abort_all();
        if self.is_shared {
            let mut config = ClientConfig::new();
            let admin: AdminClient<DefaultClientContext> =
                config.set("bootstrap.servers", &self.config.brokers).create().expect("a client");
            let topics = topics(&mut self.config.topics).map(|name| name.clone());
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let deleting = admin.delete_topics(&names, &AdminOptions::new());
            // Those that were never made cannot be removed.
            let _ = tokio::task::block_in_place(|| Handle::current().block_on(deleting));
        }
    }
}

impl Place {
    /// Topics of its own with three partitions each on the broker that all tests share.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut KafkaConfig)) -> Self {
        let kafka = tokio::task::spawn_blocking(SharedKafka::get).await.expect("no panic").expect("a broker");
        let mut config = config(kafka.bootstrap(), &kafka.topic_prefix());
        change(&mut config);
        let mut place = Self::at(config);
        place.is_shared = true;
        place.bus.prepare_topics().await.expect("topics");
        place
    }

    /// As it is configured; makes nothing.
    pub(crate) fn at(config: KafkaConfig) -> Self {
        let bus = KafkaBus::connect(config.clone(), Arc::new(Noon)).expect("sound settings");
        Self { config, bus, background: JoinSet::new(), is_shared: false }
    }

    /// Runs something until the token is cancelled or the test ends.
    pub(crate) fn run<F>(&mut self, make: impl FnOnce(CancellationToken) -> F) -> CancellationToken
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        self.background.spawn(make(shutdown.clone()));
        shutdown
    }

    /// Ends what was spawned as a crash would: nothing is finished, nothing more is acknowledged than was.
    pub(crate) async fn crash(&mut self) {
        self.background.shutdown().await;
    }

    pub(crate) async fn send(&self, topic: &str, key: &str, value: impl Into<Option<&str>>) -> i32 {
        send(&self.config.brokers, topic, key, value.into(), None).await
    }

    /// So many records of a topic, all partitions, each partition in order.
    pub(crate) async fn records(&self, topic: &str, count: usize) -> Vec<Seen> {
        records(&self.config.brokers, topic, count).await
    }

    /// How many records of a topic a group has acknowledged.
    pub(crate) fn acknowledged(&self, group: &str, topic: &str) -> i64 {
        let consumer = reader(&self.config.brokers, group);
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition(topic, partition.id());
        }
        let committed = consumer.committed_offsets(list, PATIENCE).expect("offsets");
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        committed.elements().iter().map(|p| offset(p.offset())).sum()
    }
}

fn topics(topics: &mut Topics) -> [&mut String; 8] {
    [
        &mut topics.execution_requests,
        &mut topics.cancellation_requests,
        &mut topics.events,
        &mut topics.tasks,
        &mut topics.results,
        &mut topics.monitoring,
        &mut topics.run_events,
        &mut topics.dead_letters,
    ]
}

/// Settings with topics and groups of their own.
pub(crate) fn config(brokers: &str, prefix: &str) -> KafkaConfig {
    let mut config = KafkaConfig::new(brokers);
    let Groups { requests, events, bridge, results } = &mut config.groups;
    for name in topics(&mut config.topics).into_iter().chain([requests, events, bridge, results]) {
        name.insert_str(0, prefix);
    }
    config.topic_shape.partitions = 3;
    config.send_timeout = Duration::from_secs(10);
    config.drain_timeout = Duration::from_secs(5);
    config.refresh_interval = Duration::from_secs(1);
    config
}

/// A record as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.value.as_deref().expect("a value")).expect("JSON")
    }
}

fn reader(brokers: &str, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "50");
    config.create().expect("a consumer")
}

pub(crate) async fn records(brokers: &str, topic: &str, count: usize) -> Vec<Seen> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        let consumer = reader(&brokers, "a-test-that-looks");
        let deadline = Instant::now() + PATIENCE;
        let mut list = TopicPartitionList::new();
        // A busy broker may not know yet that it has just made the topic.
        while list.count() == 0 {
            assert!(Instant::now() < deadline, "there is no topic {topic}");
            let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).expect("metadata");
            for partition in metadata.topics()[0].partitions() {
                list.add_partition_offset(&topic, partition.id(), Offset::Beginning).expect("a partition");
            }
        }
        consumer.assign(&list).expect("an assignment");
        let mut seen = Vec::new();
        while seen.len() < count {
            assert!(Instant::now() < deadline, "only {} of {count} records on {topic}: {seen:#?}", seen.len());
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                seen.push(looked_at(&message));
            }
        }
        seen.sort_by_key(|record| (record.partition, record.offset));
        seen
    });
    reading.await.expect("no panic")
}

fn looked_at(message: &impl Message) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Seen {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(text),
        value: message.payload().map(text),
        headers: headers.map(|h| (h.key.to_owned(), text(h.value.unwrap_or_default()))).collect(),
    }
}

/// Sends one record as a foreign producer does; answers its partition.
pub(crate) async fn send(
    brokers: &str,
    topic: &str,
    key: &str,
    value: Option<&str>,
    header: Option<(&str, &str)>,
) -> i32 {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("partitioner", "murmur2_random").set("linger.ms", "0");
    let producer: FutureProducer = config.create().expect("a producer");
    let headers = header.map(|(key, value)| OwnedHeaders::new().insert(Header { key, value: Some(value) }));
    let mut record = FutureRecord::to(topic).key(key);
    record.payload = value;
    record.headers = headers;
    producer.send(record, PATIENCE).await.expect("delivered").partition
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came true: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn run_id(number: u32) -> RunId {
    RunId::parse(&format!("run-0199f0aa-1111-7222-8333-{number:012}")).expect("an id")
}

pub(crate) fn payload(value: Value) -> Payload {
    Payload::new(value).expect("storable")
}
