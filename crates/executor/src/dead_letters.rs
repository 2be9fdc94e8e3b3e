//! The keeper of the dead letters: removes those that are old, and tells how many there are.
//!
//! Every executor has one. What one of them removes the others do not find any more; nothing is agreed on.

use std::{sync::Arc, time::Duration};

use domain::{
    ports::{Clock, DeadLetters, StoreError},
    runs::DeadLetterStatus,
};
use tokio_util::sync::CancellationToken;

/// How often the dead letters are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How many are removed in one transaction.
const SLICE: usize = 500;

/// Looks after the dead letters for as long as it is not told to stop.
pub struct DeadLetterKeeper {
    dead_letters: Arc<dyn DeadLetters>,
    clock: Arc<dyn Clock>,
    keep_for: Option<Duration>,
}

impl DeadLetterKeeper {
    /// A keeper that removes entries whose last failure is older than this; none keeps them all.
    pub fn new(dead_letters: Arc<dyn DeadLetters>, clock: Arc<dyn Clock>, keep_for: Option<Duration>) -> Self {
        Self { dead_letters, clock, keep_for }
    }

    /// Looks after them until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&stop).await {
                tracing::warn!(%error, "the dead letters could not be looked after; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let removed = self.remove_old(stop).await?;
        if removed > 0 {
            crate::measures::removed("dead_letters", removed);
            tracing::info!(removed, "dead letters that were old enough are removed");
        }
        let counts = self.dead_letters.count().await?;
        gauge(DeadLetterStatus::PendingReplay, counts.pending);
        gauge(DeadLetterStatus::Replayed, counts.replayed);
        Ok(())
    }

    async fn remove_old(&self, stop: &CancellationToken) -> Result<u64, StoreError> {
        let Some(oldest) = self.keep_for.and_then(|keep| self.clock.now().checked_sub_signed(delta(keep))) else {
            return Ok(0);
        };
        let mut all = 0;
        while !stop.is_cancelled() {
            let removed = self.dead_letters.delete_older(oldest, SLICE).await?;
            all += removed;
            if removed < SLICE as u64 {
                break;
            }
        }
        Ok(all)
    }
}

fn delta(keep: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(keep).unwrap_or(chrono::TimeDelta::MAX)
}

fn gauge(status: DeadLetterStatus, count: u64) {
    metrics::gauge!("orrery_dead_letters", "status" => status.as_str()).set(u32::try_from(count).unwrap_or(u32::MAX));
}
