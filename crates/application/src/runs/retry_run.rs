//! Retries a failed or cancelled run: what is finished stays finished, the rest is done after all (G5).

use std::sync::Arc;

use domain::{
    ids::{CommitId, RunId, StepId},
    ports::{Clock, Engine, IdGenerator, Overloaded, RunWriter, Runs, StoreError},
    runs::{CommitOutcome, ResumeRun, Run, RunCommit, RunState, RunStatus},
};

use crate::Ports;

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
    /// Too many commits are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Retries a run in place: the same run goes on.
pub struct RetryRun {
    runs: Arc<dyn Runs>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl RetryRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Resumes the run. `from`, if given, must be the step at which it stopped.
    pub async fn execute(&self, id: &RunId, from: Option<&StepId>, by: &str) -> Result<Run, RetryRunError> {
        let run = self.runs.get(id).await?.ok_or_else(|| RetryRunError::NotFound(id.clone()))?;
        if !matches!(run.status, RunStatus::Failed | RunStatus::Cancelled) {
            return Err(RetryRunError::NotRetryable(run.status));
        }
        if let Some(asked) = from {
            self.check_step(id, asked).await?;
        }
        let at = self.clock.now();
        let resume = ResumeRun { commit: CommitId::new(self.ids.unique()), run: id.clone(), at, by: by.to_owned() };
        let engine = Arc::clone(&self.engine);
        match self.writer.write_then(RunCommit::Resume(resume), Box::new(move |_| engine.ring())).await? {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => {
                // As it was accepted; by now it may be further.
                let (status, updated_at) = (RunStatus::Pending, at);
                Ok(Run {
                    status,
                    updated_at,
                    completed_at: None,
                    cancelled_at: None,
                    cancelled_by: None,
                    error: None,
                    ..run
                })
            }
            CommitOutcome::Gone => Err(RetryRunError::NotFound(id.clone())),
            CommitOutcome::Unstorable => Err(StoreError::Corrupt("the store refused the commit".to_owned()).into()),
            CommitOutcome::Absorbed | CommitOutcome::Fenced | CommitOutcome::Moved | CommitOutcome::Duplicate => {
                // Somebody else was quicker.
                let now = self.runs.get(id).await?.map_or(RunStatus::Pending, |run| run.status);
                Err(RetryRunError::NotRetryable(now))
            }
        }
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
