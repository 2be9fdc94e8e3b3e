//! The keeper of answers: forgets the answers to requests that were sent with a key long ago.
//!
//! Every process with an API has one. What one of them removes the others do not find any more; nothing is agreed on.

use std::{sync::Arc, time::Duration};

use application::once::Once;
use domain::ports::StoreError;
use tokio_util::sync::CancellationToken;

/// How often old answers are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How many are removed in one transaction.
const SLICE: usize = 1_000;

/// Forgets old answers for as long as it is not told to stop.
pub struct AnswerKeeper {
    once: Arc<Once>,
}

impl AnswerKeeper {
    /// A keeper of what is kept here.
    pub fn new(once: Arc<Once>) -> Self {
        Self { once }
    }

    /// Looks for old answers until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.forget(&stop).await {
                Ok(0) => {}
                Ok(removed) => {
                    crate::measures::removed("answers", removed);
                    tracing::debug!(removed, "answers to requests with keys are forgotten");
                }
                Err(error) => tracing::warn!(%error, "old answers could not be forgotten; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn forget(&self, stop: &CancellationToken) -> Result<u64, StoreError> {
        let mut all = 0;
        while !stop.is_cancelled() {
            let removed = self.once.forget(SLICE).await?;
            all += removed;
            if removed < SLICE as u64 {
                break;
            }
        }
        Ok(all)
    }
}
