//! Pauses a run and lets it go on. Both are said to the run's owner, who alone decides; so both answer before they are so.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::RunId,
    ports::{Appended, Clock, Engine, IdGenerator, InboxNote, RunInbox, Runs, StoreError},
    runs::{InboxMessage, Run, RunStatus},
};

use super::resuming::Named;
use crate::{Ports, done_before::DoneBefore};

/// Why a run was neither paused nor let go on.
#[derive(Debug, thiserror::Error)]
pub enum PauseRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// It is over.
    #[error("Can only pause and unpause pending or running runs. Current status: {}", .0.as_str())]
    Over(RunStatus),
    /// The existing executor looks after it, and knows no pause.
    #[error("Run '{0}' is looked after by the existing executor, which knows no pause")]
    External(RunId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Pauses runs and lets them go on.
pub struct PauseRun {
    runs: Arc<dyn Runs>,
    inbox: Arc<dyn RunInbox>,
    engine: Arc<dyn Engine>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    done_before: DoneBefore,
}

impl PauseRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            inbox: ports.inbox.clone(),
            engine: ports.engine.clone(),
            ids: ports.ids.clone(),
            clock: ports.clock.clone(),
            done_before: DoneBefore::new(ports),
        }
    }

    /// What is under way is finished, nothing new is begun. Pausing a paused run changes nothing.
    pub async fn pause(&self, id: &RunId, by: &Actor) -> Result<Run, PauseRunError> {
        self.tell(id, InboxMessage::Pause { by: by.name.clone() }, by).await
    }

    /// The run goes on where it was paused. A run that is not paused simply goes on.
    pub async fn unpause(&self, id: &RunId, by: &Actor) -> Result<Run, PauseRunError> {
        self.tell(id, InboxMessage::Unpause { by: by.name.clone() }, by).await
    }

    async fn tell(&self, id: &RunId, message: InboxMessage, by: &Actor) -> Result<Run, PauseRunError> {
        // Each request is a message of its own: the last one counts.
        let ids = Named::of(&*self.ids, None, id);
        let run = self.runs.get(id).await?.ok_or_else(|| PauseRunError::NotFound(id.clone()))?;
        if self.done_before.told(ids.entry).await? {
            return Ok(run);
        }
        let dedupe = ids.commit.to_string();
        let at = self.clock.now();
        let name = Some(run.workflow_name.as_str());
        let entry = AuditEntry::of_message(ids.entry, by, id, name, &message, at);
        let note = InboxNote { run: id.clone(), dedupe, message, at };
        match self.inbox.append(&note, entry.map(Arc::new)).await? {
            Appended::Waiting => {
                self.engine.ring();
                Ok(run)
            }
            Appended::Over(status) => Err(PauseRunError::Over(status)),
            Appended::Gone => Err(PauseRunError::External(id.clone())),
        }
    }
}
