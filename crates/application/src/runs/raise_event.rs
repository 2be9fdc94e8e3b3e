//! Tells runs that something has happened that their steps wait for.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, BulkId, RunId, StepPath},
    payload::Payload,
    ports::{Appended, Clock, Engine, IdGenerator, InboxNote, RunInbox, Runs, StoreError},
    runs::{Run, RunStatus},
};

use crate::{Ports, done_before::DoneBefore};

/// The most bytes that an event may carry: a run may have to keep it.
pub const MAX_EVENT_BYTES: usize = 64 << 10;

/// The most steps that one event reaches.
pub const MAX_RECEIVERS: usize = 1000;

/// Something that has happened.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What; as steps of type `wait_for_event` name it.
    pub name: String,
    /// What is known about it.
    pub data: Payload,
    /// Tells it from others, so that it counts once, however often it is sent; minted where there is none.
    pub id: Option<String>,
}

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum RaiseEventError {
    /// There is no run with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// It is over.
    #[error("Only pending and running runs can be told of events. Current status: {}", .0.as_str())]
    Over(RunStatus),
    /// The existing executor looks after it, and knows no events.
    #[error("Run '{0}' is looked after by the existing executor, which knows no events")]
    External(RunId),
    /// It carries more than a run keeps.
    #[error("The event's data has {0} bytes, more than the limit of {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who raises an event, and whether it goes to many.
#[derive(Clone, Copy)]
struct Doer<'a> {
    by: &'a Actor,
    bulk: Option<BulkId>,
}

/// Tells runs of events.
pub struct RaiseEvent {
    runs: Arc<dyn Runs>,
    inbox: Arc<dyn RunInbox>,
    engine: Arc<dyn Engine>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    done_before: DoneBefore,
}

impl RaiseEvent {
    /// Wires the use case to its ports.
    pub fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            inbox: ports.inbox.clone(),
            engine: ports.engine.clone(),
            ids: ports.ids.clone(),
            clock: ports.clock.clone(),
            done_before: DoneBefore::new(ports),
        }
    }

    /// Tells one run. A step that waits for it goes on; if none does yet, the run keeps it for the one that will.
    pub async fn to_run(&self, run: &RunId, event: NewEvent, by: &Actor) -> Result<Run, RaiseEventError> {
        let (event, entry) = (self.checked(event)?, AuditId::new(self.ids.unique()));
        let row = self.runs.get(run).await?.ok_or_else(|| RaiseEventError::NotFound(run.clone()))?;
        if self.done_before.told(entry).await? {
            return Ok(row);
        }
        match self.tell(run.clone(), None, &event, entry, Doer { by, bulk: None }).await? {
            Appended::Waiting => {
                self.engine.ring();
                Ok(row)
            }
            Appended::Over(status) => Err(RaiseEventError::Over(status)),
            Appended::Gone => Err(RaiseEventError::External(run.clone())),
        }
    }

    /// Tells every step that waits for such an event with this correlation, at most [`MAX_RECEIVERS`]; answers the runs. Who
    /// does not wait yet is not told.
    pub async fn to_all(&self, correlation: &str, event: NewEvent, by: &Actor) -> Result<Vec<RunId>, RaiseEventError> {
        let event = self.checked(event)?;
        let bulk = BulkId::new(self.ids.unique());
        let waiting = self.inbox.waiting_for(&event.name, correlation, MAX_RECEIVERS).await?;
        let mut told = self.told_before(bulk, by).await?;
        for (run, path) in waiting {
            let entry = AuditId::new(bulk.member(run.as_str(), path.as_str()));
            let doer = Doer { by, bulk: Some(bulk) };
            let appended = self.tell(run.clone(), Some(path), &event, entry, doer).await?;
            if appended == Appended::Waiting && !told.contains(&run) {
                told.push(run);
            }
        }
        if !told.is_empty() {
            self.engine.ring();
        }
        Ok(told)
    }

    /// The runs that were told by an attempt that could not answer, each once.
    async fn told_before(&self, bulk: BulkId, by: &Actor) -> Result<Vec<RunId>, StoreError> {
        let mut told: Vec<RunId> = Vec::new();
        for run in self.done_before.among(bulk, by).await? {
            told.extend(RunId::parse(run.as_str()).ok().filter(|run| !told.contains(run)));
        }
        Ok(told)
    }

    fn checked(&self, mut event: NewEvent) -> Result<NewEvent, RaiseEventError> {
        let bytes = event.data.text().len();
        if bytes > MAX_EVENT_BYTES {
            return Err(RaiseEventError::TooLarge(bytes));
        }
        event.id.get_or_insert_with(|| self.ids.unique().to_string());
        Ok(event)
    }

    async fn tell(
        &self,
        run: RunId,
        path: Option<StepPath>,
        event: &NewEvent,
        entry: AuditId,
        doer: Doer<'_>,
    ) -> Result<Appended, StoreError> {
        let id = event.id.as_deref().unwrap_or_default();
        let note = InboxNote::event(run, path, &event.name, event.data.clone(), id, self.clock.now());
        let entry = AuditEntry::of_message(entry, doer.by, &note.run, None, &note.message, note.at);
        self.inbox.append(&note, entry.map(|entry| Arc::new(entry.among(doer.bulk)))).await
    }
}
