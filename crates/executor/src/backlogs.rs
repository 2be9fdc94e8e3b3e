//! Tells how much waits: runs for an executor, messages for a relay.
//!
//! Not those who work on a queue tell it but every process beside it too: a queue is to be seen above all when nobody works on it.
//! Nothing is done about it here.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{
    Timestamp,
    ports::{Backlog, Clock, Outbox, RunLeases, StoreError},
};
use tokio_util::sync::CancellationToken;

/// How often the queues are looked at. Counting costs the store a few milliseconds at worst.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks at the queues for as long as it is not told to stop.
pub struct BacklogTeller {
    leases: Arc<dyn RunLeases>,
    outbox: Option<Arc<dyn Outbox>>,
    clock: Arc<dyn Clock>,
}

impl BacklogTeller {
    /// A teller of the runs that wait, and of the messages where there is an outbox.
    pub fn new(leases: Arc<dyn RunLeases>, outbox: Option<Arc<dyn Outbox>>, clock: Arc<dyn Clock>) -> Self {
        Self { leases, outbox, clock }
    }

    /// Looks at them until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // What the store's absence means is told by whoever needs it; the last values stand until it is back.
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "it is not known how much waits");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Looks once.
    pub async fn look(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let runs = self.leases.backlog(now).await?;
        metrics::gauge!("orrery_runs_waiting").set(number(runs));
        metrics::gauge!("orrery_runs_oldest_waiting_seconds").set(age(runs, now));
        let Some(outbox) = &self.outbox else { return Ok(()) };
        let messages = outbox.backlog().await?;
        metrics::gauge!("orrery_outbox_waiting").set(number(messages));
        metrics::gauge!("orrery_outbox_oldest_seconds").set(age(messages, self.clock.now()));
        Ok(())
    }
}

fn number(backlog: Backlog) -> u32 {
    u32::try_from(backlog.waiting).unwrap_or(u32::MAX)
}

/// In seconds. Who has just come may be younger than the last look at the clock.
fn age(backlog: Backlog, now: Timestamp) -> f64 {
    backlog.oldest.map_or(0.0, |oldest| (now - oldest).max(TimeDelta::zero()).as_seconds_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).expect("a time")
    }

    #[test]
    fn a_queue_is_as_old_as_what_has_waited_longest() {
        let waiting = |oldest| Backlog { waiting: 3, oldest: Some(at(oldest)) };
        assert!((age(waiting(100), at(160)) - 60.0).abs() < 1e-9);
        assert!(age(waiting(100), at(99)).abs() < 1e-9, "clocks differ by a little");
        assert!(age(Backlog::default(), at(99)).abs() < 1e-9);
    }
}
