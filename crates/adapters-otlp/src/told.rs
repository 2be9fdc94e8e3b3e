//! A collector that is away is told in the log: once when it goes, from time to time while it stays away, once when it is back.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// How often it is told while nothing changes.
const AGAIN: Duration = Duration::from_mins(1);

/// An exporter of which the failures are told.
pub(crate) struct Told<E> {
    exporter: E,
    /// Not told as it is in errors: it may hold a password.
    endpoint: String,
    away: Mutex<Away>,
}

/// What has been lost since the collector was last there.
#[derive(Default)]
struct Away {
    lost: usize,
    told: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum News {
    Away { lost: usize },
    Back { lost: usize },
}

impl Away {
    /// What is to be said, now that so many spans were sent or lost.
    fn after(&mut self, is_sent: bool, spans: usize, now: Instant) -> Option<News> {
        if is_sent {
            let before = std::mem::take(self);
            return before.told.map(|_| News::Back { lost: before.lost });
        }
        self.lost += spans;
        let is_due = self.told.is_none_or(|told| now.duration_since(told) >= AGAIN);
        is_due.then(|| {
            self.told = Some(now);
            News::Away { lost: self.lost }
        })
    }
}

impl<E> Told<E> {
    pub(crate) fn new(exporter: E, endpoint: String) -> Self {
        Self { exporter, endpoint, away: Mutex::default() }
    }

    fn tell(&self, done: &OTelSdkResult, spans: usize) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match (away.after(done.is_ok(), spans, Instant::now()), done) {
            (Some(News::Away { lost }), Err(error)) => {
                let error = error.to_string().replace(&self.endpoint, "the collector");
                tracing::warn!(%error, lost, "spans cannot be sent to the collector of --otlp-endpoint");
            }
            (Some(News::Back { lost }), _) => tracing::info!(lost, "spans are sent to the collector again"),
            _ => {}
        }
    }
}

impl<E> fmt::Debug for Told<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let done = self.exporter.export(batch).await;
        self.tell(&done, spans);
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_is_away_is_told_when_it_goes_now_and_then_and_when_it_is_back() {
        let begin = Instant::now();
        let mut away = Away::default();
        assert_eq!(away.after(true, 5, begin), None, "nothing has happened");
        assert_eq!(away.after(false, 3, begin), Some(News::Away { lost: 3 }));
        assert_eq!(away.after(false, 4, begin + AGAIN / 2), None, "that is known");
        assert_eq!(away.after(false, 1, begin + AGAIN), Some(News::Away { lost: 8 }));
        assert_eq!(away.after(false, 1, begin + AGAIN), None);
        assert_eq!(away.after(true, 1, begin + AGAIN), Some(News::Back { lost: 9 }));
        assert_eq!(away.after(true, 1, begin + AGAIN), None);
        assert_eq!(away.after(false, 1, begin + AGAIN), Some(News::Away { lost: 1 }), "it has gone again");
    }
}
