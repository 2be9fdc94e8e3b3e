//! Retries a failed or cancelled run: what is finished stays finished, the rest is done after all (G5).

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{BulkId, RunId, StepId, WorkflowRef},
    ports::{Clock, Engine, IdGenerator, Overloaded, RunWriter, Runs, StoreError, Workflows},
    runs::{AdoptRun, Adoption, CommitOutcome, ResumeRun, Resumption, Run, RunCommit, RunEngine, RunState, RunStatus},
    workflows::ExecutableVersion,
};

use super::resuming::{Named, NotResumed, Resuming, accepted};
use crate::{External, Ports, done_before::DoneBefore, plans::PlanCache};

/// Why a run was not retried.
#[derive(Debug, thiserror::Error)]
pub enum RetryRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// It is not failed or cancelled.
    #[error("Can only retry failed or cancelled runs. Current status: {}", .0.as_str())]
    NotRetryable(RunStatus),
    /// The step to resume from is not the one at which the run stopped.
    #[error("The run stopped at step '{stopped}' and can only be resumed there, not from '{asked}'")]
    OtherStep {
        /// Where it stopped.
        stopped: String,
        /// What was asked for.
        asked: String,
    },
    /// The run was begun by another system, with a plan that is not a workflow here.
    #[error("The run's workflow '{0}' is not registered here, so that the run cannot be retried")]
    NoDefinition(WorkflowRef),
    /// The existing executor has not been told of the cancellation yet.
    #[error("Run '{0}' is still being cancelled by the existing executor; try again in a moment")]
    StillCancelling(RunId),
    /// Too many commits are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryRunError {
    fn of(refused: NotResumed, id: &RunId) -> Self {
        match refused {
            NotResumed::Gone => Self::NotFound(id.clone()),
            NotResumed::Overtaken(status) => Self::NotRetryable(status),
            NotResumed::Overloaded(error) => error.into(),
            NotResumed::Store(error) => error.into(),
        }
    }
}

/// Retries a run in place: the same run goes on.
pub struct RetryRun {
    runs: Arc<dyn Runs>,
    workflows: Arc<dyn Workflows>,
    plans: Arc<PlanCache>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    external: Option<External>,
    resuming: Resuming,
    done_before: DoneBefore,
}

impl RetryRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            workflows: ports.workflows.clone(),
            plans: ports.plans.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            external: ports.external.clone(),
            resuming: Resuming::new(ports),
            done_before: DoneBefore::new(ports),
        }
    }

    /// Resumes the run. `from`, if given, must be the step at which it stopped.
    pub async fn execute(&self, id: &RunId, from: Option<&StepId>, by: &Actor) -> Result<Run, RetryRunError> {
        self.execute_among(id, from, by, None).await
    }

    /// The same as one of many.
    pub(super) async fn execute_among(
        &self,
        id: &RunId,
        from: Option<&StepId>,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Run, RetryRunError> {
        let ids = Named::of(&*self.ids, bulk, id);
        let run = self.runs.get(id).await?.ok_or_else(|| RetryRunError::NotFound(id.clone()))?;
        if self.done_before.told(ids.entry).await? {
            return Ok(run);
        }
        if !matches!(run.status, RunStatus::Failed | RunStatus::Cancelled) {
            return Err(RetryRunError::NotRetryable(run.status));
        }
        match (run.engine, &self.external) {
            // The old system accepts a step to resume from and ignores it (contract 1.8).
            (RunEngine::External, Some(external)) if external.takes_new_runs => {
                self.retry_externally(external, run, ids, by, bulk).await
            }
            (RunEngine::External, _) => self.take_from_external(run, ids, by, bulk).await,
            (RunEngine::Orrery, _) => {
                if let Some(asked) = from {
                    self.check_step(id, asked).await?;
                }
                let resumed = self.resuming.resume_among(run, Resumption::Unfinished, ids, by, bulk).await;
                resumed.map_err(|refused| RetryRunError::of(refused, id))
            }
        }
    }

    /// Somebody else was quicker.
    async fn overtaken(&self, id: &RunId) -> Result<RetryRunError, StoreError> {
        let now = self.runs.get(id).await?.map_or(RunStatus::Pending, |run| run.status);
        Ok(RetryRunError::NotRetryable(now))
    }

    async fn retry_externally(
        &self,
        external: &External,
        run: Run,
        ids: Named,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Run, RetryRunError> {
        let (at, what, commit) = (self.clock.now(), Resumption::Unfinished, ids.commit);
        let entry = AuditEntry::of_resume(ids.entry, by, &run, &what, at).among(bulk);
        let (audit, by) = (Some(Arc::new(entry)), by.name.clone());
        let retry = ResumeRun { what, commit, run: run.id.clone(), at, by, from: None, audit };
        match external.runs.retry(&retry).await? {
            CommitOutcome::Committed => Ok(accepted(run, at)),
            CommitOutcome::Moved => Err(RetryRunError::StillCancelling(run.id)),
            _ => Err(self.overtaken(&run.id).await?),
        }
    }

    /// A run that the existing executor began is done here from now on; what it has completed is not done again.
    async fn take_from_external(
        &self,
        run: Run,
        ids: Named,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Run, RetryRunError> {
        let definition =
            self.begun_with(&run).await?.ok_or_else(|| RetryRunError::NoDefinition(run.workflow.clone()))?;
        let plan = self.plans.get(definition.plan).await?;
        let at = self.clock.now();
        let mut adopt = AdoptRun {
            commit: ids.commit,
            run: run.id.clone(),
            workflow: run.workflow.clone(),
            workflow_name: run.workflow_name.clone(),
            plan: plan.hash(),
            steps: plan.leading_agents(),
            input: run.input.clone(),
            at,
            cause: Adoption::Retry,
            from: by.trace,
            failure: None,
            audit: None,
        };
        let entry = AuditEntry::of_adoption(ids.entry, by, Action::Retry, Some(run.status), &adopt).among(bulk);
        adopt.audit = Some(Arc::new(entry));
        let engine = Arc::clone(&self.engine);
        match self.writer.write_then(RunCommit::Adopt(adopt), Box::new(move |_| engine.ring())).await? {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => {
                Ok(Run { engine: RunEngine::Orrery, plan: Some(plan.hash()), ..accepted(run, at) })
            }
            _ => Err(self.overtaken(&run.id).await?),
        }
    }

    /// The version that the run was begun with, whatever its status has become. Where nobody knows which one that was, it is
    /// what the row holds now, as in the old system.
    async fn begun_with(&self, run: &Run) -> Result<Option<ExecutableVersion>, StoreError> {
        let Some(id) = run.workflow.definition() else { return Ok(None) };
        if let Some(known) = run.workflow_version
            && let Some(found) = self.workflows.executable(id, Some(known)).await?
        {
            return Ok(Some(found));
        }
        let Some(row) = self.workflows.get(id).await? else { return Ok(None) };
        self.workflows.executable(id, Some(row.version)).await
    }

    async fn check_step(&self, id: &RunId, asked: &StepId) -> Result<(), RetryRunError> {
        let history = self.runs.history(id).await?;
        let state = RunState::fold(&history).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let stopped = state.current().map_or("", |path| path.as_str());
        if stopped == asked.as_str() {
            return Ok(());
        }
        Err(RetryRunError::OtherStep { stopped: stopped.to_owned(), asked: asked.to_string() })
    }
}
