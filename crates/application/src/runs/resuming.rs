//! Making a run live again that is over: what retries, reruns and skips have in common.

use std::sync::Arc;

use domain::{
    Timestamp,
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, BulkId, CommitId, RunId},
    ports::{Clock, Engine, IdGenerator, Overloaded, RunWriter, Runs, StoreError},
    runs::{CommitOutcome, ResumeRun, Resumption, Run, RunCommit, RunStatus},
};

use super::origin::came_from;
use crate::Ports;

/// Why a run is not live again.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotResumed {
    #[error("there is no such run")]
    Gone,
    /// Somebody else was quicker.
    #[error("the run is {} by now", .0.as_str())]
    Overtaken(RunStatus),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a change of a run is called: by its commit, or as a message, and in the audit log. Attempts to make the same change take
/// the same names, and before they look at the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) commit: CommitId,
    pub(super) entry: AuditId,
}

impl Named {
    /// New names; for one of many runs, those that belong to it.
    pub(super) fn of(ids: &dyn IdGenerator, bulk: Option<BulkId>, run: &RunId) -> Self {
        let (commit, entry) = match bulk {
            Some(bulk) => (bulk.member(run.as_str(), "commit"), bulk.member(run.as_str(), "entry")),
            None => (ids.unique(), ids.unique()),
        };
        Self { commit: CommitId::new(commit), entry: AuditId::new(entry) }
    }
}

pub(super) struct Resuming {
    runs: Arc<dyn Runs>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
}

impl Resuming {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// Resumes the run; whoever claims it does what is to be done.
    pub(super) async fn resume(&self, run: Run, what: Resumption, ids: Named, by: &Actor) -> Result<Run, NotResumed> {
        self.resume_among(run, what, ids, by, None).await
    }

    /// The same as one of many.
    pub(super) async fn resume_among(
        &self,
        run: Run,
        what: Resumption,
        ids: Named,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Run, NotResumed> {
        let (id, at, commit) = (run.id.clone(), self.clock.now(), ids.commit);
        let from = came_from(&*self.runs, &id).await;
        let entry = AuditEntry::of_resume(ids.entry, by, &run, &what, at).among(bulk);
        let resume =
            ResumeRun { what, commit, run: id.clone(), at, by: by.name.clone(), from, audit: Some(Arc::new(entry)) };
        let engine = Arc::clone(&self.engine);
        match self.writer.write_then(RunCommit::Resume(resume), Box::new(move |_| engine.ring())).await? {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => Ok(accepted(run, at)),
            CommitOutcome::Gone => Err(NotResumed::Gone),
            CommitOutcome::Unstorable => Err(StoreError::Corrupt("the store refused the commit".to_owned()).into()),
            CommitOutcome::Absorbed | CommitOutcome::Fenced | CommitOutcome::Moved | CommitOutcome::Duplicate => {
                let now = self.runs.get(&id).await?.map_or(RunStatus::Pending, |run| run.status);
                Err(NotResumed::Overtaken(now))
            }
        }
    }
}

/// The run as it was accepted; by now it may be further.
pub(super) fn accepted(run: Run, updated_at: Timestamp) -> Run {
    let status = RunStatus::Pending;
    Run {
        status,
        paused: false,
        updated_at,
        completed_at: None,
        cancelled_at: None,
        cancelled_by: None,
        error: None,
        output: None,
        ..run
    }
}
