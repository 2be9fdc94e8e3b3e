//! Does a step of a run that is over anew, with all that follows it. The results before it stay.

use std::sync::Arc;

use domain::{
    access::Actor,
    ids::{RunId, StepPath},
    ports::{IdGenerator, Overloaded, Runs, StoreError},
    runs::{CannotRerun, Rerun, Resumption, Run, RunEngine, RunState, RunStatus},
};

use super::resuming::{Named, NotResumed, Resuming};
use crate::{Ports, done_before::DoneBefore, plans::PlanCache};

/// Why nothing is done anew.
#[derive(Debug, thiserror::Error)]
pub enum RerunRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// It is not over.
    #[error("Can only rerun steps of runs that are over. Current status: {}", .0.as_str())]
    NotOver(RunStatus),
    /// The existing executor looks after it, and knows no reruns.
    #[error("Run '{0}' was executed by the existing executor, which knows no reruns")]
    External(RunId),
    /// The step is not one to begin from.
    #[error("Cannot rerun from there: {0}")]
    Step(#[from] CannotRerun),
    /// Too many commits are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reruns runs from a step.
pub struct RerunRun {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
    ids: Arc<dyn IdGenerator>,
    resuming: Resuming,
    done_before: DoneBefore,
}

impl RerunRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            plans: ports.plans.clone(),
            ids: ports.ids.clone(),
            resuming: Resuming::new(ports),
            done_before: DoneBefore::new(ports),
        }
    }

    /// Reruns the run from a step that it has reached. Its agents are called anew, also those that had answered.
    pub async fn execute(&self, id: &RunId, from: &StepPath, by: &Actor) -> Result<Run, RerunRunError> {
        let ids = Named::of(&*self.ids, None, id);
        let run = self.runs.get(id).await?.ok_or_else(|| RerunRunError::NotFound(id.clone()))?;
        if self.done_before.told(ids.entry).await? {
            return Ok(run);
        }
        if run.engine == RunEngine::External {
            return Err(RerunRunError::External(id.clone()));
        }
        if !run.status.is_terminal() {
            return Err(RerunRunError::NotOver(run.status));
        }
        let history = self.runs.history(id).await?;
        let state = RunState::fold(&history).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let plan = self.plans.get(state.plan()).await?;
        let rerun = Rerun::of(&plan, &state, from)?;
        self.resuming.resume(run, Resumption::From(rerun), ids, by).await.map_err(|refused| match refused {
            NotResumed::Gone => RerunRunError::NotFound(id.clone()),
            NotResumed::Overtaken(status) => RerunRunError::NotOver(status),
            NotResumed::Overloaded(error) => error.into(),
            NotResumed::Store(error) => error.into(),
        })
    }
}
