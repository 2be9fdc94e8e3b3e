//! Questions to brokers. They are asked by a client of their own, a consumer that consumes nothing: a producer that asks for
//! a topic makes it by that, with as many partitions as the brokers think right.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    statistics::Statistics,
};

use crate::{checkup::TopicState, client::Listening, status::BusProblem};

/// How long brokers may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// How many of its complaints are heard after a question.
const MOST_ERRORS: u32 = 100;

/// Asks brokers.
pub(crate) struct Questions {
    client: BaseConsumer<Asking>,
    listening: Listening,
}

impl Questions {
    pub(crate) fn new(properties: &ClientConfig, listening: Listening) -> Result<Self, KafkaError> {
        let mut properties = properties.clone();
        // Logs would wait for the next question; what they say, the producer's say as well.
        properties.set_log_level(RDKafkaLogLevel::Emerg);
        let client = BaseConsumer::from_config_and_context(&properties, Asking(listening.clone()))?;
        Ok(Self { client, listening })
    }

    /// How many partitions a topic has; none if it does not exist.
    pub(crate) async fn partitions(self: &Arc<Self>, topic: &str) -> Result<usize, BusProblem> {
        match self.topic(topic).await? {
            TopicState::There { partitions, .. } => Ok(partitions),
            TopicState::Missing | TopicState::Forbidden | TopicState::Troubled(_) => Ok(0),
        }
    }

    /// What brokers say of a topic.
    pub(crate) async fn topic(self: &Arc<Self>, topic: &str) -> Result<TopicState, BusProblem> {
        let (asker, topic) = (Arc::clone(self), topic.to_owned());
        let asking = tokio::task::spawn_blocking(move || asker.ask(&topic));
        match asking.await.unwrap_or(Err(KafkaError::Canceled)) {
            Ok(state) => {
                self.listening.complaints.forget();
                Ok(state)
            }
            Err(error) => Err(self.problem(&error)),
        }
    }

    /// What is behind an error: it may only say that time is over.
    pub(crate) fn problem(&self, error: &KafkaError) -> BusProblem {
        self.listening.complaints.latest().unwrap_or(BusProblem::Unreachable(error.to_string()))
    }

    fn ask(&self, topic: &str) -> Result<TopicState, KafkaError> {
        let answer = self.client.fetch_metadata(Some(topic), ANSWER);
        // Nobody else listens to what this client has to say; it consumes nothing, so that only errors come. A poll that
        // hears one and a poll that hears nothing look the same.
        (0..MOST_ERRORS).for_each(|_| drop(self.client.poll(Duration::ZERO)));
        let answer = answer?;
        let topic = answer.topics().iter().find(|found| found.name() == topic);
        Ok(topic.map_or(TopicState::Missing, TopicState::of))
    }
}

struct Asking(Listening);

impl ClientContext for Asking {
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

impl ConsumerContext for Asking {}
