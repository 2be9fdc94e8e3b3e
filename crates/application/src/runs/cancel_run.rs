//! Cancels a run.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{BulkId, RunId},
    ports::{Clock, Engine, IdGenerator, Overloaded, RunWriter, Runs, StoreError},
    runs::{CancelRun as Cancellation, CommitOutcome, Run, RunCommit, RunStatus},
};

use super::{origin::came_from, resuming::Named};
use crate::{External, Ports};

/// Why a run was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// It is over.
    #[error("Can only cancel pending or running workflows. Current status: {}", .0.as_str())]
    NotCancellable(RunStatus),
    /// Too many commits are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Cancels a run.
pub struct CancelRun {
    runs: Arc<dyn Runs>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    external: Option<External>,
}

impl CancelRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            external: ports.external.clone(),
        }
    }

    /// Cancels the run, whatever its owner is doing; once this answers, no new agent call of it is committed (G6).
    pub async fn execute(&self, id: &RunId, reason: Option<String>, by: &Actor) -> Result<Run, CancelRunError> {
        self.execute_among(id, reason, by, None).await
    }

    /// The same as one of many.
    pub(super) async fn execute_among(
        &self,
        id: &RunId,
        reason: Option<String>,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Run, CancelRunError> {
        let ids = Named::of(&*self.ids, bulk, id);
        let mut cancellation = Cancellation {
            commit: ids.commit,
            run: id.clone(),
            at: self.clock.now(),
            by: by.name.clone(),
            reason,
            ahead: false,
            from: came_from(&*self.runs, id).await,
            audit: None,
        };
        let entry = AuditEntry::of_cancel(ids.entry, by, &cancellation).among(bulk);
        cancellation.audit = Some(Arc::new(entry));
        let engine = Arc::clone(&self.engine);
        let cancelled = id.clone();
        let ring = move |_| engine.cancelled(&cancelled);
        let mut outcome = self.writer.write_then(RunCommit::Cancel(cancellation.clone()), Box::new(ring)).await?;
        // A run without events may be the existing executor's.
        if let (CommitOutcome::Gone, Some(external)) = (outcome, &self.external) {
            outcome = external.runs.cancel(&cancellation).await?;
        }
        let run = self.runs.get(id).await?.ok_or_else(|| CancelRunError::NotFound(id.clone()))?;
        match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => Ok(run),
            CommitOutcome::Gone => Err(CancelRunError::NotFound(id.clone())),
            CommitOutcome::Unstorable => Err(StoreError::Corrupt("the store refused the commit".to_owned()).into()),
            CommitOutcome::Absorbed | CommitOutcome::Fenced | CommitOutcome::Moved | CommitOutcome::Duplicate => {
                Err(CancelRunError::NotCancellable(run.status))
            }
        }
    }
}
