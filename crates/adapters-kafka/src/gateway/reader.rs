//! Reads the results of all tasks, whoever sent them, and gives those away that somebody here waits for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::ports::{AgentGateway, Clock};
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, StreamConsumer},
    error::KafkaError,
    metadata::{MetadataPartition, MetadataTopic},
    statistics::Statistics,
};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{tasks::KafkaAgentGateway, waiting::Waiting};
use crate::{
    backoff::Backoff,
    client::{self, Listening},
    measures,
    producer::SharedProducer,
    wire,
};

/// How long brokers may take to answer a question about partitions.
const ANSWER: Duration = Duration::from_secs(5);

/// What a gateway over topics is made of.
pub(crate) struct Parts {
    pub(crate) properties: ClientConfig,
    pub(crate) tasks: String,
    pub(crate) results: String,
    pub(crate) margin: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) refresh_interval: Duration,
    pub(crate) producer: SharedProducer,
    pub(crate) listening: Listening,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Gives the results of tasks to the calls of its [`KafkaAgentGateway`] that wait for them.
///
/// It reads every partition of the topic from where it ends at the start, and commits nothing. What comes for nobody is
/// counted and dropped.
pub struct KafkaResults {
    properties: ClientConfig,
    topic: String,
    max_bytes: usize,
    refresh_interval: Duration,
    listening: Listening,
    waiting: Arc<Waiting>,
    can_hear: watch::Sender<bool>,
}

/// A gateway, and what reads the results of its calls. The cards of agents are asked for by another gateway.
pub(crate) fn gateway(parts: Parts, cards: Arc<dyn AgentGateway>) -> (KafkaAgentGateway, KafkaResults) {
    let (sender, can_hear) = watch::channel(false);
    let waiting = Arc::new(Waiting::default());
    let results = KafkaResults {
        properties: parts.properties,
        topic: parts.results,
        max_bytes: parts.max_bytes,
        refresh_interval: parts.refresh_interval,
        listening: parts.listening,
        waiting: Arc::clone(&waiting),
        can_hear: sender,
    };
    let gateway = KafkaAgentGateway {
        producer: parts.producer,
        topic: parts.tasks,
        margin: parts.margin,
        waiting,
        can_hear,
        clock: parts.clock,
        cards,
    };
    (gateway, results)
}

impl KafkaResults {
    /// Reads until the shutdown, whatever happens to brokers meanwhile.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            let trouble = match self.properties.create_with_context(Reader(self.listening.clone())) {
                Ok(consumer) => {
                    let consumer: Arc<StreamConsumer<Reader>> = Arc::new(consumer);
                    let trouble = tokio::select! {
                        () = shutdown.cancelled() => None,
                        trouble = self.read(&consumer) => Some(trouble),
                    };
                    self.can_hear.send_replace(false);
                    client::let_go(consumer).await;
                    trouble
                }
                Err(error) => Some(crate::consumer::without_value(&error)),
            };
            let Some(trouble) = trouble else { return };
            if backoff.still_grows() {
                tracing::error!(
                    kafka.topic = self.topic,
                    reason = trouble,
                    "the reader of results is beyond help and replaced"
                );
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// Ends only with a reason to begin anew.
    async fn read(&self, consumer: &Arc<StreamConsumer<Reader>>) -> String {
        let known = Arc::new(Mutex::new(BTreeSet::new()));
        let mut backoff = Backoff::new();
        // The same client asks again: a new one would have to find the brokers first.
        while let Err(reason) = self.assign(consumer, &known).await {
            if backoff.still_grows() {
                tracing::warn!(kafka.topic = self.topic, reason, "results cannot be read at the moment");
            }
            tokio::time::sleep(backoff.next()).await;
        }
        self.can_hear.send_replace(true);
        let mut look = tokio::time::interval(self.refresh_interval);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = consumer.recv() => match received {
                    Ok(message) => self.hand_over(message.payload()),
                    Err(KafkaError::MessageConsumptionFatal(code)) => return code.to_string(),
                    // It goes on where it was when the broker is back.
                    Err(error) => tracing::debug!(kafka.topic = self.topic, %error, "nothing can be read at the moment"),
                },
                _ = look.tick() => {
                    if let Err(reason) = self.assign(consumer, &known).await {
                        tracing::debug!(kafka.topic = self.topic, reason, "new partitions cannot be looked for");
                    }
                }
            }
        }
    }

    fn hand_over(&self, value: Option<&[u8]>) {
        metrics::counter!(measures::RECEIVED, "topic" => self.topic.clone()).increment(1);
        let wanted = match wire::read_result(value, self.max_bytes) {
            Ok(result) => self.waiting.answer(&result.correlation, &result.outcome),
            Err(unreadable) => {
                tracing::debug!(kafka.topic = self.topic, reason = %unreadable, "a result cannot be understood");
                false
            }
        };
        if !wanted {
            metrics::counter!(measures::RESULTS_IGNORED).increment(1);
        }
    }

    /// Takes all partitions that are not known yet: at the start from their end, later from their beginning.
    async fn assign(
        &self,
        consumer: &Arc<StreamConsumer<Reader>>,
        known: &Arc<Mutex<BTreeSet<i32>>>,
    ) -> Result<(), String> {
        let (consumer, known, topic) = (Arc::clone(consumer), Arc::clone(known), self.topic.clone());
        let assigning = tokio::task::spawn_blocking(move || {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            assign_new(&consumer, &topic, &mut known)
        });
        assigning.await.map_err(|e| e.to_string())?
    }
}

fn assign_new(consumer: &StreamConsumer<Reader>, topic: &str, known: &mut BTreeSet<i32>) -> Result<(), String> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER).map_err(|e| e.to_string())?;
    let partitions: BTreeSet<i32> =
        metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect();
    if partitions.is_empty() {
        return Err(format!("there is no topic {topic}"));
    }
    let mut new = TopicPartitionList::new();
    for partition in partitions.difference(known) {
        let from = if known.is_empty() {
            // Asked for now, and not left to "latest": a result that comes before the first fetch would be missed.
            let (_, end) = consumer.fetch_watermarks(topic, *partition, ANSWER).map_err(|e| e.to_string())?;
            Offset::Offset(end)
        } else {
            Offset::Beginning
        };
        new.add_partition_offset(topic, *partition, from).map_err(|e| e.to_string())?;
    }
    if new.count() > 0 {
        consumer.incremental_assign(&new).map_err(|e| e.to_string())?;
        tracing::debug!(kafka.topic = topic, partitions = new.count(), "results are read from more partitions");
        known.extend(partitions);
    }
    Ok(())
}

/// Is never given partitions by a group.
struct Reader(Listening);

impl ClientContext for Reader {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ConsumerContext for Reader {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, _: &rdkafka::consumer::Rebalance<'_>) {}
}
