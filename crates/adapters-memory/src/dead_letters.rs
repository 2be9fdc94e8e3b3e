//! The dead letters.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeadLetterId, RunId, StepPath},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder},
    ports::{DeadLetterCounts, DeadLetters, StoreError},
    runs::{
        AdvanceRun, DeadLetter, DeadLetterEntry, DeadLetterFilter, DeadLetterLeft, DeadLetterStatus, Replay, Run,
        StepExecution,
    },
};

use crate::{MemoryStore, lists::page_of};

/// The entries, by their ids.
#[derive(Default)]
pub(crate) struct DeadLetterTable(pub(crate) BTreeMap<DeadLetterId, DeadLetterEntry>);

impl DeadLetterTable {
    /// Does what an accepted commit of a run says.
    pub(crate) fn change(&mut self, run: &Run, advance: &AdvanceRun) {
        for letter in &advance.outward.dead_letters {
            let entry = self.0.entry(letter.id).or_insert_with(|| new_entry(run, letter, advance.at));
            entry.last_run = run.id.clone();
            entry.last = letter.clone();
            entry.last_failed_at = advance.at;
            entry.failure_count += 1;
            entry.status = DeadLetterStatus::PendingReplay;
        }
        for id in &advance.outward.resolved {
            self.0.remove(id);
        }
    }

    /// What others are told of an accepted commit.
    pub(crate) fn told(&self, advance: &AdvanceRun) -> Vec<DeadLetterLeft> {
        let letters = advance.outward.dead_letters.iter();
        letters.filter_map(|letter| Some(DeadLetterLeft::of(advance, letter, self.0.get(&letter.id)?))).collect()
    }

    fn count(&self, status: DeadLetterStatus) -> u64 {
        EXACT_TOTAL.min(self.0.values().filter(|entry| entry.status == status).count() as u64)
    }
}

fn new_entry(run: &Run, letter: &DeadLetter, at: Timestamp) -> DeadLetterEntry {
    DeadLetterEntry {
        run: run.id.clone(),
        last_run: run.id.clone(),
        workflow: run.workflow.clone(),
        workflow_name: run.workflow_name.clone(),
        workflow_version: run.workflow_version,
        last: letter.clone(),
        first_failed_at: at,
        last_failed_at: at,
        failure_count: 0,
        status: DeadLetterStatus::PendingReplay,
        replay: None,
    }
}

#[async_trait]
impl DeadLetters for MemoryStore {
    async fn get(&self, id: DeadLetterId) -> Result<Option<DeadLetterEntry>, StoreError> {
        Ok(self.lock().runs.dead_letters.0.get(&id).cloned())
    }

    async fn list(
        &self,
        filter: &DeadLetterFilter,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<DeadLetterEntry>, StoreError> {
        let state = self.lock();
        let found = state.runs.dead_letters.0.values().filter(|entry| filter.matches(entry));
        Ok(page_of(found, DeadLetterEntry::cursor, order, &page))
    }

    async fn attempts(&self, run: &RunId, path: &StepPath) -> Result<Vec<StepExecution>, StoreError> {
        let state = self.lock();
        let rows = state.runs.get(run).map(|entry| entry.steps.values());
        Ok(rows.into_iter().flatten().filter(|row| row.path == *path).cloned().collect())
    }

    async fn claim(
        &self,
        id: DeadLetterId,
        seen: Option<Replay>,
        replay: &Replay,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let state = &mut *self.lock();
        let entry = state.runs.dead_letters.0.get_mut(&id);
        let Some(entry) = entry.filter(|entry| entry.replay.as_ref().map(|r| &r.run) == seen.as_ref().map(|r| &r.run))
        else {
            return Ok(false);
        };
        state.audit.check(audit)?;
        entry.status = DeadLetterStatus::Replayed;
        entry.replay = Some(replay.clone());
        state.audit.add([audit]);
        Ok(true)
    }

    async fn give_back(
        &self,
        id: DeadLetterId,
        replay: &Replay,
        before: Option<Replay>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let state = &mut *self.lock();
        let entry = state.runs.dead_letters.0.get_mut(&id);
        if let Some(entry) = entry.filter(|entry| entry.replay.as_ref().is_some_and(|r| r.run == replay.run)) {
            state.audit.check(audit)?;
            entry.status = DeadLetterStatus::PendingReplay;
            entry.replay = before;
            state.audit.add([audit]);
        }
        Ok(())
    }

    async fn delete(&self, id: DeadLetterId, audit: &AuditEntry) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if state.runs.dead_letters.0.contains_key(&id) {
            state.audit.check(audit)?;
        }
        let was_there = state.runs.dead_letters.0.remove(&id).is_some();
        state.audit.add(was_there.then_some(audit));
        Ok(was_there)
    }

    async fn delete_older(&self, than: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let table = &mut state.runs.dead_letters.0;
        let mut old: Vec<_> = table.values().filter(|entry| entry.last_failed_at < than).collect();
        old.sort_by_key(|entry| (entry.last_failed_at, entry.last.id));
        let ids: Vec<DeadLetterId> = old.iter().take(limit).map(|entry| entry.last.id).collect();
        Ok(ids.iter().filter(|id| table.remove(id).is_some()).count() as u64)
    }

    async fn count(&self) -> Result<DeadLetterCounts, StoreError> {
        let table = &self.lock().runs.dead_letters;
        Ok(DeadLetterCounts {
            pending: table.count(DeadLetterStatus::PendingReplay),
            replayed: table.count(DeadLetterStatus::Replayed),
        })
    }
}
