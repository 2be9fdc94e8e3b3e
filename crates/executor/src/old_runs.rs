//! The keeper of runs: removes those that ended long ago, where somebody has said how long they are kept.
//!
//! Every executor has one; the store lets one at a time do it.

use std::{sync::Arc, time::Duration};

use domain::ports::{Clock, OldRuns, StoreError};
use tokio_util::sync::CancellationToken;

/// How often old runs are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How many families of runs are removed in one transaction, and the pause after it: others want the store, too.
const SLICE: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);

/// Removes old runs for as long as it is not told to stop.
pub struct OldRunKeeper {
    runs: Arc<dyn OldRuns>,
    clock: Arc<dyn Clock>,
    keep_for: Duration,
}

impl OldRunKeeper {
    /// A keeper that removes runs which ended longer ago than this.
    pub fn new(runs: Arc<dyn OldRuns>, clock: Arc<dyn Clock>, keep_for: Duration) -> Self {
        Self { runs, clock, keep_for }
    }

    /// Looks for old runs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.remove_old(&stop).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "runs that ended long enough ago are removed"),
                Err(error) => tracing::warn!(%error, "old runs could not be removed; trying again"),
            }
            let _ = stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
    }

    /// Removes, in slices, what is old enough by now; answers how many runs are gone.
    pub async fn remove_old(&self, stop: &CancellationToken) -> Result<u64, StoreError> {
        let keep = chrono::TimeDelta::from_std(self.keep_for).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = self.clock.now().checked_sub_signed(keep) else { return Ok(0) };
        let mut all = 0;
        while !stop.is_cancelled() {
            let removed = self.runs.remove_ended(before, SLICE).await?;
            if removed == 0 {
                break;
            }
            crate::measures::removed("runs", removed);
            all += removed;
            let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
        Ok(all)
    }
}
