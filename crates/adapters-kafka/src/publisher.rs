//! The outbox's way out: ended runs, and steps that have failed for good.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use domain::{
    ports::{Delivery, Publisher, QueuedMessage},
    runs::OutboxMessage,
};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::{
    config::Topics,
    dead_letter::{self, DeadLetter},
    producer::{NotSent, Outgoing, SharedProducer},
    trace, wire,
};

/// After this, nothing more is begun or waited for; the port wants an end within a minute.
const PATIENCE: Duration = Duration::from_secs(50);

/// Sends the messages of the outbox, each to the topic of its kind and under the id of its run.
pub struct KafkaPublisher {
    producer: SharedProducer,
    topics: Topics,
}

impl KafkaPublisher {
    pub(crate) fn new(producer: SharedProducer, topics: Topics) -> Self {
        Self { producer, topics }
    }

    /// One message after the other: a record that is given up must not be overtaken by the next with its key.
    async fn publish_in_order(
        &self,
        messages: Vec<(usize, &QueuedMessage)>,
        deadline: Instant,
    ) -> Vec<(usize, Delivery)> {
        let mut deliveries = Vec::with_capacity(messages.len());
        let mut blocked: Option<String> = None;
        for (index, message) in messages {
            let delivery = match &blocked {
                Some(reason) => Delivery::Unavailable(reason_of_the_first(reason)),
                None => timeout_at(deadline, self.publish_one(message))
                    .await
                    .unwrap_or_else(|_| Delivery::Unavailable("the brokers take too long".to_owned())),
            };
            if let (Delivery::Unavailable(reason), None) = (&delivery, &blocked) {
                blocked = Some(reason.clone());
            }
            deliveries.push((index, delivery));
        }
        deliveries
    }

    async fn publish_one(&self, queued: &QueuedMessage) -> Delivery {
        let message = &queued.message;
        let (topic, value) = match message {
            OutboxMessage::RunEnded(ended) => (&self.topics.run_events, wire::run_ended(ended)),
            OutboxMessage::DeadLetterLeft(left) => (&self.topics.dlq, wire::dead_letter_left(left)),
        };
        let run = message.run().as_str();
        let parent = message.trace().named(message.event_id());
        let record = Outgoing {
            topic,
            key: Some(run.as_bytes()),
            value: Some(&value),
            headers: vec![(trace::HEADER.to_owned(), parent.to_string().into_bytes())],
        };
        let letter = DeadLetter {
            topic,
            key: record.key,
            value: record.value,
            headers: record.headers.clone(),
            ..DeadLetter::default()
        };
        match self.producer.send(record).await {
            Ok(()) => Delivery::Delivered,
            Err(NotSent::Unavailable(reason)) => Delivery::Unavailable(reason),
            Err(NotSent::Refused(reason)) => {
                let letter = DeadLetter { reason: &reason, ..letter };
                let kept = dead_letter::keep(&self.producer, &self.topics.dead_letters, &letter).await;
                kept.map_or_else(Delivery::Unavailable, |()| Delivery::Delivered)
            }
        }
    }
}

fn reason_of_the_first(reason: &str) -> String {
    format!("an earlier message of the run was not delivered: {reason}")
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn publish(&self, messages: &[QueuedMessage]) -> Vec<Delivery> {
        let deadline = Instant::now() + PATIENCE;
        let mut by_key: HashMap<&str, Vec<(usize, &QueuedMessage)>> = HashMap::new();
        for (index, message) in messages.iter().enumerate() {
            by_key.entry(message.message.run().as_str()).or_default().push((index, message));
        }
        let sent = join_all(by_key.into_values().map(|messages| self.publish_in_order(messages, deadline))).await;
        let mut deliveries: Vec<_> = sent.into_iter().flatten().collect();
        deliveries.sort_unstable_by_key(|(index, _)| *index);
        deliveries.into_iter().map(|(_, delivery)| delivery).collect()
    }
}
