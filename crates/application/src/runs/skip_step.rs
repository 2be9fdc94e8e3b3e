//! Gives a step of a run its output instead of its agent: one that is under way or waits, or the one at which the run stopped.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{RunId, StepPath},
    payload::Payload,
    ports::{Appended, Clock, Engine, IdGenerator, InboxNote, Overloaded, RunInbox, Runs, StoreError},
    runs::{CannotSkip, InboxMessage, Resumption, Run, RunEngine, RunState, RunStatus, skippable},
};

use super::resuming::{Named, NotResumed, Resuming};
use crate::{Ports, done_before::DoneBefore, plans::PlanCache};

/// Why a step is not skipped.
#[derive(Debug, thiserror::Error)]
pub enum SkipStepError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// The run is over, and nothing of it is left to be done.
    #[error("Can only skip steps of runs that have not completed. Current status: {}", .0.as_str())]
    Over(RunStatus),
    /// The existing executor looks after it, and skips nothing.
    #[error("Run '{0}' is looked after by the existing executor, which skips nothing")]
    External(RunId),
    /// The step is not one to be skipped.
    #[error("Cannot skip it: {0}")]
    Step(#[from] CannotSkip),
    /// Too many commits are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Skips steps.
pub struct SkipStep {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
    inbox: Arc<dyn RunInbox>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    resuming: Resuming,
    done_before: DoneBefore,
}

impl SkipStep {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            plans: ports.plans.clone(),
            inbox: ports.inbox.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            resuming: Resuming::new(ports),
            done_before: DoneBefore::new(ports),
        }
    }

    /// Skips the step; a run that had failed or was cancelled goes on after it. The owner of a live run decides, so a step that
    /// ends by itself meanwhile keeps its own output.
    pub async fn execute(
        &self,
        id: &RunId,
        path: &StepPath,
        output: Payload,
        by: &Actor,
    ) -> Result<Run, SkipStepError> {
        let ids = Named::of(&*self.ids, None, id);
        let run = self.runs.get(id).await?.ok_or_else(|| SkipStepError::NotFound(id.clone()))?;
        if self.done_before.told(ids.entry).await? {
            return Ok(run);
        }
        if run.engine == RunEngine::External {
            return Err(SkipStepError::External(id.clone()));
        }
        let history = self.runs.history(id).await?;
        let state = RunState::fold(&history).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let plan = self.plans.get(state.plan()).await?;
        match state.status() {
            RunStatus::Completed => Err(SkipStepError::Over(RunStatus::Completed)),
            RunStatus::Failed | RunStatus::Cancelled => {
                skippable(&plan, &state, path)?;
                self.resume(run, Resumption::Skipping { path: path.clone(), output }, ids, by).await
            }
            RunStatus::Pending | RunStatus::Running => {
                skippable(&plan, &state, path)?;
                self.tell(run, InboxMessage::Skip { path: path.clone(), output, by: by.name.clone() }, ids, by).await
            }
        }
    }

    async fn tell(&self, run: Run, message: InboxMessage, ids: Named, by: &Actor) -> Result<Run, SkipStepError> {
        let dedupe = ids.commit.to_string();
        let (at, name) = (self.clock.now(), Some(run.workflow_name.as_str()));
        let entry = AuditEntry::of_message(ids.entry, by, &run.id, name, &message, at);
        let note = InboxNote { run: run.id.clone(), dedupe, message, at };
        match self.inbox.append(&note, entry.map(Arc::new)).await? {
            Appended::Waiting => {
                self.engine.ring();
                Ok(run)
            }
            Appended::Over(status) => Err(SkipStepError::Over(status)),
            Appended::Gone => Err(SkipStepError::NotFound(run.id)),
        }
    }

    async fn resume(&self, run: Run, what: Resumption, ids: Named, by: &Actor) -> Result<Run, SkipStepError> {
        let id = run.id.clone();
        self.resuming.resume(run, what, ids, by).await.map_err(|refused| match refused {
            NotResumed::Gone => SkipStepError::NotFound(id),
            NotResumed::Overtaken(status) => SkipStepError::Over(status),
            NotResumed::Overloaded(error) => error.into(),
            NotResumed::Store(error) => error.into(),
        })
    }
}
