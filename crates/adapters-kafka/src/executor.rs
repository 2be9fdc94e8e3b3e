//! Requests to the executor of the old system.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    ports::{Asked, ExternalExecutor},
    runs::ExternalRequest,
};

use crate::{
    config::Topics,
    dead_letter::{self, DeadLetter},
    producer::{NotSent, Outgoing, SharedProducer},
    trace, wire,
};

/// The port wants an end within a minute.
const PATIENCE: Duration = Duration::from_secs(50);

/// Asks the old executor over the topics of requests. A plan that it would not accept is not sent, because it would log that
/// and drop it: the request becomes a dead letter.
pub struct KafkaExternalExecutor {
    producer: SharedProducer,
    topics: Topics,
}

impl KafkaExternalExecutor {
    pub(crate) fn new(producer: SharedProducer, topics: Topics) -> Self {
        Self { producer, topics }
    }

    async fn send(&self, request: &ExternalRequest) -> Asked {
        let (topic, kind) = match request {
            ExternalRequest::Start { .. } => (&self.topics.execution_requests, "start"),
            ExternalRequest::Cancel { .. } => (&self.topics.cancellation_requests, "cancel"),
        };
        let run = request.run().as_str();
        let encoded = wire::request(request);
        let headers = vec![(trace::HEADER.to_owned(), trace::parent(run, &format!("{kind}-{run}")).into_bytes())];
        let (key, value) = (Some(run.as_bytes()), Some(encoded.value.as_slice()));
        let reason = match encoded.refusal {
            Some(reason) => reason,
            None => match self.producer.send(Outgoing { topic, key, value, headers: headers.clone() }).await {
                Ok(()) => return Asked::Delivered,
                Err(NotSent::Unavailable(reason)) => return Asked::Unavailable(reason),
                Err(NotSent::Refused(reason)) => reason,
            },
        };
        let letter = DeadLetter { topic, place: None, key, value, headers, reason: &reason };
        let kept = dead_letter::keep(&self.producer, &self.topics.dead_letters, &letter).await;
        kept.map_or_else(Asked::Unavailable, |()| Asked::Refused(reason))
    }
}

#[async_trait]
impl ExternalExecutor for KafkaExternalExecutor {
    async fn request(&self, request: &ExternalRequest) -> Asked {
        let sent = tokio::time::timeout(PATIENCE, self.send(request)).await;
        sent.unwrap_or_else(|_| Asked::Unavailable("the brokers take too long".to_owned()))
    }
}
