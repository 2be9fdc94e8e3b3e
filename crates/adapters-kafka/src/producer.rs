//! Sends single records and says what became of them.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
    types::RDKafkaErrorCode as Code,
};

use crate::{client::Listening, measures};

/// A record on its way out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// Why a record was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// No broker will ever take it.
    Refused(String),
    /// No broker has acknowledged it. It may have arrived all the same.
    Unavailable(String),
}

/// The idempotent producer.
pub(crate) struct Producer {
    properties: ClientConfig,
    listening: Listening,
    /// Replaced after a fatal error, which ends the life of an idempotent producer.
    current: RwLock<FutureProducer<Listening>>,
    queue_timeout: Duration,
}

impl Producer {
    pub(crate) fn new(properties: ClientConfig, listening: Listening) -> Result<Self, KafkaError> {
        let current = RwLock::new(properties.create_with_context(listening.clone())?);
        Ok(Self { properties, listening, current, queue_timeout: Duration::from_secs(5) })
    }

    /// Sends a record and waits for its acknowledgement.
    pub(crate) async fn send(&self, record: Outgoing<'_>) -> Result<(), NotSent> {
        let Outgoing { topic, key, value, headers } = record;
        let producer = self.current();
        let record =
            FutureRecord { topic, partition: None, payload: value, key, timestamp: None, headers: owned(&headers) };
        let sent = producer.send(record, self.queue_timeout).await;
        let Err((error, _)) = sent else {
            metrics::counter!(measures::SENT, "topic" => topic.to_owned()).increment(1);
            return Ok(());
        };
        if producer.client().fatal_error().is_some() {
            self.replace(&producer);
        }
        let not_sent = self.not_sent(topic, &error);
        let outcome = match not_sent {
            NotSent::Refused(_) => "refused",
            NotSent::Unavailable(_) => "unavailable",
        };
        metrics::counter!(measures::NOT_SENT, "topic" => topic.to_owned(), "outcome" => outcome).increment(1);
        Err(not_sent)
    }

    /// The client, for questions to brokers.
    pub(crate) fn current(&self) -> FutureProducer<Listening> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until everything is acknowledged or given up. Blocks.
    pub(crate) fn flush(&self, timeout: Duration) {
        // What is not acknowledged by then has an owner who was told so.
        let _ = self.current().flush(timeout);
    }

    fn not_sent(&self, topic: &str, error: &KafkaError) -> NotSent {
        let code = error.rdkafka_error_code();
        let reason = format!("the topic {topic}: {}", code.map_or_else(|| error.to_string(), |code| code.to_string()));
        match code {
            Some(
                Code::MessageSizeTooLarge
                | Code::InvalidMessage
                | Code::InvalidMessageSize
                | Code::InvalidRecord
                | Code::InvalidTimestamp
                | Code::PolicyViolation,
            ) => NotSent::Refused(reason),
            // A record that was given up says only that its time was over.
            Some(Code::MessageTimedOut) => {
                let known = self.listening.complaints.latest();
                NotSent::Unavailable(known.map_or(reason, |problem| problem.to_string()))
            }
            _ => NotSent::Unavailable(reason),
        }
    }

    fn replace(&self, dead: &FutureProducer<Listening>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes second finds it done.
        if current.client().native_ptr() != dead.client().native_ptr() {
            return;
        }
        let reason = dead.client().fatal_error().map(|(_, reason)| reason).unwrap_or_default();
        match self.properties.create_with_context(self.listening.clone()) {
            Ok(new) => {
                tracing::error!(reason, "the Kafka producer is beyond help and replaced");
                *current = new;
            }
            Err(error) => tracing::error!(reason, %error, "the Kafka producer is beyond help and cannot be replaced"),
        }
    }
}

fn owned(headers: &[(String, Vec<u8>)]) -> Option<OwnedHeaders> {
    let insert = |owned: OwnedHeaders, (key, value): &(String, Vec<u8>)| {
        owned.insert(Header { key, value: Some(value.as_slice()) })
    };
    (!headers.is_empty()).then(|| headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), insert))
}

/// Shared by everything that sends.
pub(crate) type SharedProducer = Arc<Producer>;
