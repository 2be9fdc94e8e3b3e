//! Runs that others asked for or began, as a commit.

use std::sync::Arc;

use super::{event::RunEvent, state::RunStatus};
use crate::{
    Timestamp,
    audit::AuditEntry,
    ids::{CommitId, PlanHash, RunId, Seq, StepId, WorkflowRef},
    payload::Payload,
    trace::TraceParent,
};

/// A run that a foreign producer asked for, or that the old executor began, is to be done by this system. It waits to be
/// claimed afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct AdoptRun {
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// The workflow, as the producer calls it; for a run that has no row.
    pub workflow: WorkflowRef,
    /// Its name.
    pub workflow_name: String,
    /// The plan that it is pinned to; already stored.
    pub plan: PlanHash,
    /// The plan's steps in the order in which they run: those at the front that the old executor has completed are not
    /// done again.
    pub steps: Vec<StepId>,
    /// The run's input; for a run whose row has none.
    pub input: Payload,
    /// When.
    pub at: Timestamp,
    /// Who asks, and therefore which runs without events are taken.
    pub cause: Adoption,
    /// From where it is asked for, if that belongs to a trace.
    pub from: Option<TraceParent>,
    /// Why the run cannot be done: then it is adopted and fails at once.
    pub failure: Option<String>,
    /// What the audit log tells of it, in the same transaction and only if it is `Committed`; none where no principal is behind
    /// it.
    pub audit: Option<Arc<AuditEntry>>,
}

/// Why a run is adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// A request from the bus: PENDING runs are taken, and those that nobody knows.
    Request,
    /// A retry by a person: FAILED and CANCELLED runs are taken.
    Retry,
}

impl Adoption {
    /// Whether a run without events is taken that has a row with this status.
    pub fn takes(self, status: RunStatus) -> bool {
        match self {
            Self::Request => status == RunStatus::Pending,
            Self::Retry => matches!(status, RunStatus::Failed | RunStatus::Cancelled),
        }
    }
}

impl AdoptRun {
    /// The first events, given how many steps at the front have been completed, and the status after them. The number of a
    /// `StepAdopted` event names the step's row from then on.
    pub fn events(&self, completed: usize) -> (Vec<RunEvent>, RunStatus) {
        let mut events = vec![RunEvent::Started { plan: self.plan, parent: None, starts_at: None, trace: self.from }];
        if let Some(error) = &self.failure {
            events.push(RunEvent::RunFailed { error: error.clone() });
            return (events, RunStatus::Failed);
        }
        let done = self.steps.iter().take(completed).zip(2..);
        events.extend(
            done.map(|(step, number)| RunEvent::StepAdopted { path: step.top_level(), execution: Seq::new(number) }),
        );
        (events, RunStatus::Pending)
    }

    /// How many steps at the front are completed, given for each step whether its last row says so.
    pub fn completed(&self, is_completed: impl Fn(&StepId) -> bool) -> usize {
        self.steps.iter().take_while(|step| is_completed(step)).count()
    }
}
