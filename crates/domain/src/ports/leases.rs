//! Who looks after a run. The store assigns runs; nothing else does.

use async_trait::async_trait;

use super::{Backlog, StoreError};
use crate::{
    Timestamp,
    ids::{Epoch, ExecutorId, RunId},
    payload::Payload,
    runs::{EventRecord, InboxEntry},
};

/// A run that an executor has taken, with all that is needed to go on with it but the outputs of its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The run.
    pub run: RunId,
    /// Its new epoch.
    pub epoch: Epoch,
    /// Its input.
    pub input: Payload,
    /// Its events.
    pub history: Vec<EventRecord>,
    /// What waits in its inbox, oldest first.
    pub inbox: Vec<InboxEntry>,
}

/// Whether anybody looks after a live run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendance {
    /// The executor that owns it.
    pub owner: Option<ExecutorId>,
    /// When it wants one, if it has none; none where only its inbox wakes it.
    pub wake_at: Option<Timestamp>,
}

/// The most runs that [`RunLeases::unattended`] counts.
pub const MAX_UNATTENDED: u64 = 10_000;

/// Claims and releases of runs.
#[async_trait]
pub trait RunLeases: Send + Sync {
    /// Takes at most `limit` live runs that have no owner and whose wake-up time has come, longest waiting first. Each
    /// claim MUST raise the run's epoch, and no run may be claimed by two executors.
    async fn claim(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError>;

    /// Gives back the runs that the executor owns and that have become terminal without it, by a cancellation: they have no
    /// owner afterwards, so each is answered once. The epoch says which ownership has ended: by the time the answer is
    /// looked at, the run may have been resumed and claimed anew.
    async fn take_ended(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError>;

    /// Gives back all runs of an executor that is gone or is about to be; live ones can be claimed at once. MUST raise
    /// their epochs, so that a late commit of that executor is fenced. Answers how many live runs were given back.
    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError>;

    /// The live runs that an executor owns, in any order.
    async fn owned(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError>;

    /// Gives back those of these runs that the executor owns alive under these epochs; they can be claimed at once, and their
    /// epochs MUST rise.
    async fn give_back(&self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Result<(), StoreError>;

    /// Whether anybody looks after a live run; none for a run that is over, or is not there.
    async fn attendance(&self, run: &RunId) -> Result<Option<Attendance>, StoreError>;

    /// How many live runs have no owner though they wanted one at this time or earlier; at most [`MAX_UNATTENDED`].
    async fn unattended(&self, since: Timestamp) -> Result<u64, StoreError>;

    /// The live runs that have no owner though they want one at this time: those that the next [`RunLeases::claim`] could take, and
    /// since when the first of them wants one.
    async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError>;

    /// The executors that own runs.
    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError>;
}
