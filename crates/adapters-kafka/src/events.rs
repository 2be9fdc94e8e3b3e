//! Events of foreign producers, which runs may wait for.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ports::{EventHandler, Handled};
use tokio_util::sync::CancellationToken;

use crate::{
    consumer::{self, Consumption, Record, RecordHandler, Settled},
    wire,
};

/// Consumes events.
pub struct KafkaEvents {
    consumption: Consumption,
    max_bytes: usize,
}

impl KafkaEvents {
    pub(crate) fn new(consumption: Consumption, max_bytes: usize) -> Self {
        Self { consumption, max_bytes }
    }

    /// Gives events to the handler until the shutdown; then it waits for those under way, and leaves the group. Records with
    /// the same key come one after the other; a record is acknowledged when the handler is done with it, or when it is kept
    /// as a dead letter.
    pub async fn run(self, handler: Arc<dyn EventHandler>, shutdown: CancellationToken) {
        let events = Events { handler, max_bytes: self.max_bytes };
        consumer::consume(&self.consumption, &events, &shutdown).await;
    }
}

struct Events {
    handler: Arc<dyn EventHandler>,
    max_bytes: usize,
}

#[async_trait]
impl RecordHandler for Events {
    async fn handle(&self, record: &Record) -> Settled {
        let event = match wire::read_event(record.value.as_deref(), self.max_bytes, || place(record)) {
            Ok(event) => event,
            Err(unreadable) => return Settled::Poison(unreadable.to_string()),
        };
        match self.handler.event(event).await {
            Handled::Done => Settled::Done,
            Handled::Refused(reason) => Settled::Poison(reason),
            Handled::Later(reason) => Settled::Later(reason),
        }
    }
}

/// What a record without an id is told from others by: the same whenever it is given again.
fn place(record: &Record) -> String {
    format!("kafka/{}/{}/{}", record.topic, record.partition, record.offset)
}
