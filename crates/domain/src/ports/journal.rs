//! The run path: commits as values, written in groups.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ids::{RunId, Seq},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    runs::{
        CommitOutcome, EndedAttempt, EventRecord, NumberedEvent, Run, RunCommit, RunFilter, RunSort, RunTip,
        StepExecution,
    },
    workflows::VersionAddress,
};

/// The only way in which the state of a run changes.
#[async_trait]
pub trait RunJournal: Send + Sync {
    /// Makes a batch of commits durable, in one transaction, and answers one outcome for each, in order.
    ///
    /// * A commit is applied whole or not at all; the outcome of one MUST NOT depend on the others of the batch, but for
    ///   several commits to one run, which are applied in order.
    /// * `Start`: `Duplicate` if the run exists, `AlreadyApplied` if this very commit made it.
    /// * `Advance`: `Gone` without a run; `AlreadyApplied` if this very commit was applied before; `Fenced` if the
    ///   epoch differs; `Absorbed` if the run is terminal; `Moved` if the number of the last event differs. Checked in
    ///   this order.
    /// * `Cancel`: `Gone` without a run, `AlreadyApplied` for the same commit, `Absorbed` if the run is terminal;
    ///   otherwise its event gets the next number. The epoch and the owner stay.
    /// * `Resume`: `Gone` without a run, `AlreadyApplied` for the same commit, `Absorbed` unless the run is FAILED or
    ///   CANCELLED; otherwise its event gets the next number, the epoch rises, the run has no owner, wakes at the
    ///   commit's time and its row is PENDING without error, completion and cancellation.
    /// * `Adopt` of a run without events: `Committed` if it has no row, or one whose status
    ///   [`Adoption::takes`](crate::runs::Adoption::takes); its row, if
    ///   there is one, keeps its input; the steps at the front that have been completed are adopted with it. `Absorbed` if its
    ///   row has another status, or if the run was cancelled ahead: then it is CANCELLED. A run with events: `AlreadyApplied`
    ///   for the same commit; if its row says PENDING although it has ended (the old API asks for a retry in this way), it is
    ///   resumed as by `Resume` where it was FAILED or CANCELLED, or its row says COMPLETED again; `Duplicate` otherwise.
    /// * A `Cancel` with `ahead` of a run without a row is kept until the run is adopted; it is `Gone` all the same. A store that nobody
    ///   shares with another system may answer `Unstorable` to every `Adopt` and forget such a `Cancel`.
    /// * The entries that an accepted `Advance` has drained are no longer in the run's inbox; the inbox of a run that ends is
    ///   emptied. A run that is given back alive while there is something in its inbox is due at the commit's time.
    /// * An accepted `Advance` does what its [`Outward`](crate::runs::Outward) says: its children are started as by `Start`,
    ///   those that are there already stay as they are; its notes are in the inboxes of the runs that are live, once by
    ///   their `dedupe`, and such a run without an owner is due; its waits are found by
    ///   [`RunInbox::waiting_for`](super::RunInbox::waiting_for) until they are settled; its dead letters are among the
    ///   [`DeadLetters`](super::DeadLetters), and those that it has resolved are not.
    /// * A `Cancel` tells the run that started the run ([`CancelRun::tells_parent`](crate::runs::CancelRun::tells_parent)) and the
    ///   live runs that it has started ([`CancelRun::tells_child`](crate::runs::CancelRun::tells_child)), and ends its waits.
    /// * A commit that is `Committed` writes its [`audit`](crate::runs::RunCommit::audit) into the audit log, in the same
    ///   transaction; any other outcome writes none. One whose entry is there already is `Unstorable`.
    /// * `Unstorable`, for any of them: the commit's data is to blame, and it alone.
    /// * Anything but `Committed` changes nothing.
    ///
    /// An error means that the outcome of the whole batch is unknown; the same batch may be sent again.
    async fn commit(&self, batch: Arc<[RunCommit]>) -> Result<Vec<CommitOutcome>, StoreError>;
}

/// More commits are waiting than can be written soon, or the store cannot write at all at the moment; nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server can store no more at the moment; try again shortly")]
pub struct Overloaded;

/// What is done when the outcome of a commit is known.
pub type Then = Box<dyn FnOnce(CommitOutcome) + Send>;

/// Hands single commits to the journal's writer, which groups them with others.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RunWriter: Send + Sync {
    /// Waits until the commit is durable or refused. Only a commit that cannot even be queued is answered `Overloaded`.
    async fn write(&self, commit: RunCommit) -> Result<CommitOutcome, Overloaded> {
        self.write_then(commit, Box::new(|_| ())).await
    }

    /// The same, and `then` is told the outcome before anything that is committed later can be known to anybody. It MUST be
    /// told even if the caller has stopped waiting: a client that hangs up drops its future, not its run.
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded>;
}

/// Reading runs.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Runs: Send + Sync {
    /// A run.
    async fn get(&self, run: &RunId) -> Result<Option<Run>, StoreError>;

    /// A page of the runs that [`RunFilter::matches`], sorted, ties by id in the same direction.
    async fn list(
        &self,
        filter: &RunFilter,
        sort: RunSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Run>, StoreError>;

    /// How many PENDING and RUNNING runs there are of which [`VersionAddress::is_of`] is true.
    async fn live_of(&self, version: VersionAddress) -> Result<u64, StoreError>;

    /// The rows of a run's ended attempts, in the order of their dispatch. Attempts under way have none.
    async fn steps(&self, run: &RunId) -> Result<Vec<StepExecution>, StoreError>;

    /// The events of a run, in order; empty for an unknown run.
    async fn history(&self, run: &RunId) -> Result<Vec<EventRecord>, StoreError>;

    /// The events of a run after this number, in order, at most so many; none of an unknown run.
    async fn events(&self, run: &RunId, after: Seq, limit: u32) -> Result<Vec<NumberedEvent>, StoreError>;

    /// Where runs stand, in no order; an unknown run is left out. The number and the status of a run belong together.
    async fn tips(&self, runs: &[RunId]) -> Result<Vec<(RunId, RunTip)>, StoreError>;

    /// What the rows of ended attempts say beside their data, in no order; an attempt without a row is left out.
    async fn attempts(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<EndedAttempt>, StoreError>;

    /// The outputs of attempts, in the order of the question; an attempt without an output is left out.
    async fn outputs(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<(Seq, Payload)>, StoreError>;
}
