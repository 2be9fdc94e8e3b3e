//! Watching runs: being told that one has moved, without asking the store for each.

use async_trait::async_trait;

use crate::{ids::RunId, runs::RunTip};

/// Tells when runs move. Only the last that is known of a run is told, not each step on the way; what has happened is read from
/// [`Runs`](super::Runs). It reads nothing for runs that nobody watches.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait RunWatch: Send + Sync {
    /// Begins to watch a run, until the answer is dropped.
    fn watch(&self, run: &RunId) -> Box<dyn WatchedRun>;
}

/// A run that is watched.
#[async_trait]
pub trait WatchedRun: Send + Sync {
    /// Waits until the run is known to stand elsewhere than the caller knows: at a later event, or at the same one with another
    /// status. What is told MUST be durable. A run that moved MUST be told of in the end, whoever moved it, and also if it
    /// moved before this was asked; soon after the commit if this process made it. Dropping the future loses nothing.
    async fn moved(&mut self, known: RunTip) -> RunTip;
}
