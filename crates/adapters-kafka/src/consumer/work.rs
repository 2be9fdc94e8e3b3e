//! Deals with one record until it is settled, however long that takes.

use tokio_util::sync::CancellationToken;

use super::record::{Record, RecordHandler, Settled};
use crate::{
    backoff::Backoff,
    dead_letter::{self, DeadLetter},
    measures,
    producer::Producer,
};

/// What records are dealt with by.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) handler: &'a dyn RecordHandler,
    pub(super) producer: &'a Producer,
    pub(super) dead_letters: &'a str,
    pub(super) shutdown: &'a CancellationToken,
}

impl Work<'_> {
    /// The record, and whether it is settled; if not, the shutdown came first.
    pub(super) async fn settle(self, record: Record) -> (Record, bool) {
        let mut backoff = Backoff::new();
        loop {
            let trouble = match self.handler.handle(&record).await {
                Settled::Done => return (record, true),
                Settled::Later(reason) => reason,
                Settled::Poison(reason) => match self.bury(&record, &reason).await {
                    Ok(()) => return (record, true),
                    Err(reason) => reason,
                },
            };
            metrics::counter!(measures::POSTPONED, "topic" => record.topic.clone()).increment(1);
            if backoff.still_grows() {
                let Record { topic, partition, offset, .. } = &record;
                tracing::warn!(
                    kafka.topic = topic,
                    kafka.partition = partition,
                    kafka.offset = offset,
                    reason = trouble,
                    "a record cannot be dealt with now and is kept for later"
                );
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return (record, false),
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    async fn bury(self, record: &Record, reason: &str) -> Result<(), String> {
        let letter = DeadLetter {
            topic: &record.topic,
            place: Some((record.partition, record.offset)),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: record.headers.clone(),
            reason,
        };
        dead_letter::keep(self.producer, self.dead_letters, &letter).await
    }
}
