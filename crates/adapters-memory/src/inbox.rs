//! The inboxes of runs.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{ExecutorId, InboxId, RunId, StepPath},
    ports::{Appended, InboxNote, Mail, RunInbox, StoreError},
    runs::{InboxEntry, InboxMessage},
};

use crate::{
    MemoryStore,
    store::State,
    table::{Head, RunTable},
};

/// What waits for one run.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    made: u64,
    waiting: BTreeMap<InboxId, (String, InboxMessage)>,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn entries(&self) -> Vec<InboxEntry> {
        self.waiting.iter().map(|(id, (_, message))| InboxEntry { id: *id, message: message.clone() }).collect()
    }

    pub(crate) fn drain(&mut self, drained: &[InboxId]) {
        self.waiting.retain(|id, _| !drained.contains(id));
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn put(&mut self, note: &InboxNote) {
        if self.waiting.values().all(|(dedupe, _)| *dedupe != note.dedupe) {
            self.made += 1;
            self.waiting.insert(InboxId::new(self.made), (note.dedupe.clone(), note.message.clone()));
        }
    }
}

#[async_trait]
impl RunInbox for MemoryStore {
    async fn append(&self, note: &InboxNote, audit: Option<Arc<AuditEntry>>) -> Result<Appended, StoreError> {
        let mut state = self.lock();
        let waiting = |state: &State| state.runs.get(&note.run).map_or(0, |entry| entry.inbox.len());
        let before = waiting(&state);
        if audit.as_ref().is_some_and(|entry| state.audit.holds(entry.id)) && state.runs.is_live(&note.run) {
            return Ok(Appended::Waiting);
        }
        let appended = state.runs.tell(note);
        if waiting(&state) > before {
            state.audit.add(audit.as_deref());
        }
        Ok(appended)
    }

    async fn mail_for(&self, executor: ExecutorId, limit: usize) -> Result<Vec<Mail>, StoreError> {
        Ok(self.mail_now(executor, limit))
    }

    async fn waiting_for(
        &self,
        event: &str,
        correlation: &str,
        limit: usize,
    ) -> Result<Vec<(RunId, StepPath)>, StoreError> {
        let state = self.lock();
        let waits = state.runs.entries().flat_map(|entry| {
            let fits = |(_, (name, of)): &(&StepPath, &(String, String))| name == event && of == correlation;
            entry.waits.iter().filter(fits).map(|(path, _)| (entry.run.id.clone(), path.clone()))
        });
        Ok(waits.take(limit).collect())
    }

    /// Everything is rung for at once here.
    async fn rouse(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

impl RunTable {
    fn is_live(&self, run: &RunId) -> bool {
        self.get(run).is_some_and(|entry| !entry.head.phase.is_terminal())
    }

    pub(crate) fn tell(&mut self, note: &InboxNote) -> Appended {
        let Some(entry) = self.get_mut(&note.run) else { return Appended::Gone };
        let head = entry.head;
        if head.phase.is_terminal() {
            return Appended::Over(entry.run.status);
        }
        entry.inbox.put(note);
        if head.owner.is_none() {
            let wake_at = Some(head.wake_at.map_or(note.at, |at| at.min(note.at)));
            self.set_head(&note.run, Head { wake_at, ..head });
        }
        Appended::Waiting
    }
}

impl MemoryStore {
    /// [`RunInbox::append`], at once.
    pub fn append_now(&self, note: &InboxNote) -> Appended {
        self.lock().runs.tell(note)
    }

    /// [`RunInbox::mail_for`], at once.
    pub fn mail_now(&self, executor: ExecutorId, limit: usize) -> Vec<Mail> {
        let state = self.lock();
        let mail = state.runs.owned_by(executor).filter_map(|run| {
            let entry = state.runs.get(run)?;
            let waits = !entry.inbox.is_empty();
            waits.then(|| Mail { run: run.clone(), epoch: entry.head.epoch, entries: entry.inbox.entries() })
        });
        mail.take(limit).collect()
    }
}
