//! Clearing away runs that ended long ago.

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Runs that ended long ago. They belong together in families: a run that no other run has started which is still there, all that
/// it has started, and so on.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OldRuns: Send + Sync {
    /// Removes so many families at most, those first whose first run changed last the longest ago: the runs' rows, events, steps,
    /// data and mail. Answers how many runs are gone.
    ///
    /// MUST leave a family whole unless each of its runs is over, has no owner, and changed last before this time; and if a dead
    /// letter names any of them, or a schedule has started it last. A commit to a run that is gone MUST be answered with `Gone`.
    /// What is told of runs elsewhere stays: the audit log, the feed, dead letters, deliveries of webhooks. Of several who do this
    /// at once, some may remove nothing.
    async fn remove_ended(&self, before: Timestamp, families: usize) -> Result<u64, StoreError>;
}
