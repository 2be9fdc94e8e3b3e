//! The feed of runs: every change of a run's status, in one order, for whoever follows all runs.

use async_trait::async_trait;

use super::StoreError;
use crate::{Timestamp, ids::FeedPlace, runs::RunChange};

/// A piece of the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedSlice {
    /// Changes in their order.
    pub changes: Vec<RunChange>,
    /// Whether some that came before them, and after the place that was asked for, may have been forgotten.
    pub missed: bool,
}

/// Reads the changes of runs' statuses. Each is added by the transaction that makes it, however it is made: a start adds the run's
/// first status. What changes no status adds nothing.
///
/// A reader that goes on from the place of the last change that it was given MUST be given each later change once, and those of
/// one run in the order in which they happened, though transactions are over in another order than they began. A change MAY be
/// held back while older transactions that change runs are not over; others MUST NOT hold it back.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RunFeed: Send + Sync {
    /// The changes after a place, at most so many.
    async fn after(&self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError>;

    /// Where the feed ends now: whoever reads on from here is given only what is yet to be told.
    async fn end(&self) -> Result<FeedPlace, StoreError>;

    /// Forgets changes that are older than a time and not after a place, the oldest first and at most so many; answers how many.
    async fn forget(&self, before: Timestamp, up_to: FeedPlace, limit: usize) -> Result<u64, StoreError>;
}

/// Follows the feed of runs with one reader for all who follow it.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait FeedWatch: Send + Sync {
    /// Begins to follow, until the answer is dropped.
    fn follow(&self) -> Box<dyn FollowedFeed>;
}

/// A feed that is followed.
#[async_trait]
pub trait FollowedFeed: Send + Sync {
    /// The changes after a place, in order, each once; at most so many. Waits while there are none, and then answers them soon.
    /// Dropping the future loses nothing.
    async fn after(&mut self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError>;
}
