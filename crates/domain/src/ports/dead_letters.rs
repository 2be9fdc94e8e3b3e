//! The dead letters: read, replayed, and cleared away. They are written by the commits of runs only.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeadLetterId, RunId, StepPath},
    page::{Page, PageRequest, SortOrder},
    runs::{DeadLetterEntry, DeadLetterFilter, Replay, StepExecution},
};

/// How many dead letters there are; of each kind, at most [`EXACT_TOTAL`](crate::page::EXACT_TOTAL) are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeadLetterCounts {
    /// Those that nobody has had done after all.
    pub pending: u64,
    /// Those for which a run was started.
    pub replayed: u64,
}

/// Steps that have failed for good. An accepted [`AdvanceRun`](crate::runs::AdvanceRun) adds one for each of its
/// [`Outward::dead_letters`](crate::runs::Outward::dead_letters), in the same transaction: with the run's workflow, the
/// commit's time and status `pending_replay`. One that is there already keeps its run, its workflow, its first time and its
/// replay; the run and the letter of the last failure and its time are changed, it has failed once more and it is
/// `pending_replay` again. Those that the commit has [resolved](crate::runs::Outward::resolved) are gone.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// An entry.
    async fn get(&self, id: DeadLetterId) -> Result<Option<DeadLetterEntry>, StoreError>;

    /// A page of the entries that [`DeadLetterFilter::matches`], sorted by the time of the last failure, ties by id in the same
    /// direction.
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<DeadLetterEntry>, StoreError>;

    /// The rows of a step's ended attempts, in the order of their dispatch.
    async fn attempts(&self, run: &RunId, path: &StepPath) -> Result<Vec<StepExecution>, StoreError>;

    /// Writes down that a run is going to do an entry's work; the entry is `replayed` then. MUST change nothing, and answer
    /// `false`, if there is no such entry, or if it does not have the replay any more that the caller has seen: of two who
    /// replay an entry at once, one does. What the audit log tells of it is written in the same transaction, if anything is
    /// changed; so it is by the next two. `Conflict(`[`DONE_BEFORE`](super::DONE_BEFORE)`)` if it is told there already.
    async fn claim(
        &self,
        id: DeadLetterId,
        seen: Option<Replay>,
        replay: &Replay,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Takes a claim back whose run was not started: an entry with this replay is `pending_replay` again and has the one that
    /// it had before.
    async fn give_back(
        &self,
        id: DeadLetterId,
        replay: &Replay,
        before: Option<Replay>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;

    /// Removes an entry; answers whether it was there.
    async fn delete(&self, id: DeadLetterId, audit: &AuditEntry) -> Result<bool, StoreError>;

    /// Removes entries that failed last before a time, the oldest first and at most so many; answers how many.
    async fn delete_older(&self, than: Timestamp, limit: usize) -> Result<u64, StoreError>;

    /// How many there are.
    async fn count(&self) -> Result<DeadLetterCounts, StoreError>;
}
