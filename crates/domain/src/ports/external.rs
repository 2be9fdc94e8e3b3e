//! Runs that the executor of the old system looks after. They have rows, but no events: their truth is what that executor
//! writes.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::StoreError;
use crate::{
    Timestamp,
    ids::RunId,
    runs::{CancelRun, CommitOutcome, ExternalRequest, ResumeRun, StartRun},
};

/// The runs of the external executor. What is `Committed` of the first three writes its entry into the audit log, in the same
/// transaction.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ExternalRuns: Send + Sync {
    /// Stores a PENDING run, and in the same transaction that its request is to be sent. The start's events, status and owner
    /// mean nothing here. `Committed`, or `Duplicate` if there is a run with its id.
    async fn start(&self, start: &StartRun) -> Result<CommitOutcome, StoreError>;

    /// Cancels a PENDING or RUNNING run that has no events, and wants the cancellation to be sent. `Committed`, `Gone` without
    /// such a run, or `Absorbed`.
    async fn cancel(&self, cancel: &CancelRun) -> Result<CommitOutcome, StoreError>;

    /// Makes a FAILED or CANCELLED run that has no events PENDING again, without error and cancellation, and wants its request
    /// to be sent. `Committed`, `Gone` without such a run, or `Absorbed`, also where nobody knows any more what the run
    /// executes; `Moved` while the executor has not been told of the run's cancellation yet: it would do the run twice.
    async fn retry(&self, retry: &ResumeRun) -> Result<CommitOutcome, StoreError>;

    /// What is to be sent next, oldest first, marked as sent at this time *before* it is: whoever crashes in between makes it
    /// late, never double.
    ///
    /// * A request to start is due once, and again every `patience` while the run is PENDING and no step of it has a row that
    ///   is younger than the request.
    /// * A cancellation is due once, and again every `patience` if steps of the run began or ended after it was sent
    ///   last, at most ten times, within an hour.
    async fn next_request(&self, now: Timestamp, patience: TimeDelta) -> Result<Option<ExternalRequest>, StoreError>;

    /// The bus has taken a request that was marked as sent.
    async fn told(&self, request: &ExternalRequest, now: Timestamp) -> Result<(), StoreError>;

    /// Since when a request of this run waits for the bus to take it; none where the executor has been told all.
    async fn undelivered(&self, run: &RunId) -> Result<Option<Timestamp>, StoreError>;

    /// A request that was marked as sent cannot be: it is due no more, and a PENDING run that it was to start is FAILED with
    /// the reason. Changes nothing if something else is wanted of the run by now.
    async fn refused(&self, request: &ExternalRequest, now: Timestamp, reason: &str) -> Result<(), StoreError>;

    /// Ends RUNNING runs that nobody works at any more: no change of the run or of a step for so long, open steps included. They
    /// become FAILED with a reason. Answers how many.
    async fn give_up_silent(&self, now: Timestamp, silence: TimeDelta) -> Result<u64, StoreError>;
}
