//! A member of a consumer group: takes records, has them dealt with, and stores the offsets that may be acknowledged.
//! librdkafka commits what is stored: each second, before a partition is given back, and at the end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer},
    error::{KafkaError, KafkaResult},
    statistics::Statistics,
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    lag,
    lanes::Lanes,
    offsets::Offsets,
    record::{Order, Record, RecordHandler},
    work::Work,
};
use crate::{
    backoff::Backoff,
    client::{self, Listening},
    measures,
    producer::SharedProducer,
};

/// How long the group does not hear of a consumer that has its hands full. After that it pauses its partitions, so that it can
/// go on listening without being given anything, and is not taken for dead (`max.poll.interval.ms`).
const DEAF: Duration = Duration::from_secs(2);

/// Everything that a member is made of.
pub(crate) struct Consumption {
    pub(crate) properties: ClientConfig,
    pub(crate) topics: Vec<String>,
    pub(crate) order: Order,
    pub(crate) max_in_flight: usize,
    pub(crate) drain_timeout: Duration,
    pub(crate) producer: SharedProducer,
    pub(crate) dead_letters: String,
    pub(crate) listening: Listening,
}

/// Why a consumer cannot go on; a new one can.
struct Broken(String);

/// Consumes until the shutdown, whatever happens to brokers meanwhile.
pub(crate) async fn consume(consumption: &Consumption, handler: &dyn RecordHandler, shutdown: &CancellationToken) {
    let mut backoff = Backoff::new();
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let Err(Broken(reason)) = life_of_a_consumer(consumption, handler, shutdown).await else { return };
        if began.elapsed() > Duration::from_mins(1) {
            backoff = Backoff::new();
        }
        tracing::error!(kafka.topics = ?consumption.topics, reason, "the consumer is beyond help and replaced");
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(backoff.next()) => {}
        }
    }
}

async fn life_of_a_consumer(
    consumption: &Consumption,
    handler: &dyn RecordHandler,
    shutdown: &CancellationToken,
) -> Result<(), Broken> {
    let context = Membership { listening: consumption.listening.clone(), offsets: Mutex::default() };
    let consumer: StreamConsumer<Membership> =
        consumption.properties.create_with_context(context).map_err(|e| Broken(without_value(&e)))?;
    let topics: Vec<&str> = consumption.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(|e| Broken(e.to_string()))?;
    let member = Member { consumer: Arc::new(consumer), max_in_flight: consumption.max_in_flight };
    let work = Work { handler, producer: &consumption.producer, dead_letters: &consumption.dead_letters, shutdown };
    let mut lanes = Lanes::new(consumption.order);
    let mut working = FuturesUnordered::new();
    let mut hands = Hands::Free;
    let mut seldom = Seldom::default();
    let end = loop {
        if hands == Hands::Free && lanes.len() >= member.max_in_flight {
            hands = Hands::Full(Instant::now() + DEAF);
        } else if hands != Hands::Free && lanes.len() <= member.max_in_flight / 2 {
            member.listen_again(hands);
            hands = Hands::Free;
        }
        tokio::select! {
            () = shutdown.cancelled() => break Ok(()),
            Some((record, is_settled)) = working.next(), if !working.is_empty() => {
                if is_settled {
                    member.settled(&record);
                }
                working.extend(lanes.leave(&record).map(|next| work.settle(next)));
            }
            received = member.consumer.recv(), if !matches!(hands, Hands::Full(_)) => match received {
                Ok(message) => {
                    let record = member.taken(&message);
                    working.extend(lanes.enter(record).map(|record| work.settle(record)));
                    if hands == Hands::Paused {
                        // From a partition that was assigned meanwhile.
                        member.pause();
                    }
                }
                Err(KafkaError::MessageConsumptionFatal(code)) => break Err(Broken(code.to_string())),
                Err(error) => seldom.log(&consumption.topics, &error),
            },
            () = until(hands), if matches!(hands, Hands::Full(_)) => {
                member.pause();
                hands = Hands::Paused;
            }
        }
    };
    let drained = timeout(consumption.drain_timeout, async {
        while let Some((record, is_settled)) = working.next().await {
            if is_settled {
                member.settled(&record);
            }
        }
    });
    if drained.await.is_err() {
        tracing::warn!(kafka.topics = ?consumption.topics, records = working.len(), "records are given up half-done, for the next consumer");
    }
    drop(working);
    // What is stored is committed, and the group is left.
    if !client::let_go(member).await {
        let topics = &consumption.topics;
        tracing::warn!(kafka.topics = ?topics, "the group was not left in order; the last records may come again");
    }
    end
}

/// Whether more records can be taken.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hands {
    Free,
    /// Not for the moment, and the group does not hear of us until then.
    Full(Instant),
    /// Not for a while: partitions are paused.
    Paused,
}

async fn until(hands: Hands) {
    if let Hands::Full(at) = hands {
        sleep_until(at).await;
    }
}

struct Member {
    consumer: Arc<StreamConsumer<Membership>>,
    max_in_flight: usize,
}

impl Member {
    fn taken(&self, message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
        let record = Record::of(message);
        self.consumer.context().offsets().begin(&record.topic, record.partition, record.offset);
        metrics::counter!(measures::RECEIVED, "topic" => record.topic.clone()).increment(1);
        record
    }

    fn settled(&self, record: &Record) {
        let position = self.consumer.context().offsets().finish(&record.topic, record.partition, record.offset);
        let Some(position) = position else { return };
        let mut list = TopicPartitionList::new();
        let stored = list.add_partition_offset(&record.topic, record.partition, Offset::Offset(position));
        if let Err(error) = stored.and_then(|()| self.consumer.store_offsets(&list)) {
            // The partition was taken away this very moment; its records come again.
            tracing::debug!(kafka.topic = record.topic, kafka.partition = record.partition, %error, "an offset is not stored");
        }
    }

    fn pause(&self) {
        tracing::info!(records = self.max_in_flight, "no more records are taken until some of these are dealt with");
        if let Err(error) = self.consumer.assignment().and_then(|all| self.consumer.pause(&all)) {
            tracing::warn!(%error, "partitions cannot be paused");
        }
    }

    fn listen_again(&self, hands: Hands) {
        if hands == Hands::Paused
            && let Err(error) = self.consumer.assignment().and_then(|all| self.consumer.resume(&all))
        {
            tracing::warn!(%error, "partitions cannot be resumed");
        }
    }
}

/// Follows which partitions are ours.
struct Membership {
    listening: Listening,
    offsets: Mutex<Offsets>,
}

impl Membership {
    fn offsets(&self) -> std::sync::MutexGuard<'_, Offsets> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listening.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        lag::tell(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listening.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let describe = |list: &TopicPartitionList| {
            list.elements().iter().map(|p| format!("{}/{}", p.topic(), p.partition())).collect::<Vec<_>>().join(" ")
        };
        match rebalance {
            Rebalance::Assign(list) => tracing::debug!(kafka.partitions = describe(list), "partitions are assigned"),
            Rebalance::Revoke(list) => {
                tracing::debug!(kafka.partitions = describe(list), "partitions are taken away");
                let mut offsets = self.offsets();
                list.elements().iter().for_each(|gone| offsets.forget(gone.topic(), gone.partition()));
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the group cannot share its partitions out"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "offsets are not committed; their records may come again");
        }
    }
}

/// Says the same thing once in half a minute.
#[derive(Default)]
struct Seldom(Option<(String, Instant)>);

impl Seldom {
    fn log(&mut self, topics: &[String], error: &KafkaError) {
        let text = error.to_string();
        let is_old = self.0.as_ref().is_some_and(|(said, at)| *said == text && at.elapsed() < Duration::from_secs(30));
        if !is_old {
            tracing::warn!(kafka.topics = ?topics, error = text, "nothing can be consumed at the moment");
            self.0 = Some((text, Instant::now()));
        }
    }
}

/// An error of a setting shows its value, which may be a secret.
pub(crate) fn without_value(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, setting, _) => format!("the setting {setting}: {description}"),
        other => other.to_string(),
    }
}
