//! The store as a whole: its state, its lock and the calls that need no future.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    Timestamp,
    ids::{ExecutorId, RunId, Seq},
    ports::{Claimed, LifeSign, TrafficTable},
    runs::{CancelRun, CommitOutcome, EventRecord, Run, RunCommit, RunEnded, StepExecution},
};

use crate::{audit::AuditTable, idempotency::KeyTable, management::Management, outbox::Messages, table::RunTable};

/// Agents, workflows and runs in memory, behind every storage port. Clones share one state.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) management: Management,
    pub(crate) runs: RunTable,
    pub(crate) fleet: BTreeMap<ExecutorId, LifeSign>,
    pub(crate) messages: Messages,
    pub(crate) traffic: TrafficTable,
    pub(crate) audit: AuditTable,
    pub(crate) keys: KeyTable,
    announces: bool,
}

impl State {
    fn commit(&mut self, commit: &RunCommit) -> CommitOutcome {
        let is_new = self.runs.get(commit.run()).is_none();
        if commit.audit().is_some_and(|entry| self.audit.holds(entry.id)) && !self.runs.has(commit) {
            return CommitOutcome::Unstorable;
        }
        let outcome = self.runs.commit(commit);
        if outcome == CommitOutcome::Committed {
            self.audit.add(commit.audit());
        }
        if self.announces
            && is_new
            && let (RunCommit::Adopt(adopt), Some(entry)) = (commit, self.runs.get(commit.run()))
        {
            let (run, by) = (&entry.run, entry.run.cancelled_by.clone());
            let cancel = by.map(|by| CancelRun {
                commit: adopt.commit,
                run: run.id.clone(),
                at: adopt.at,
                by,
                reason: run.error.as_ref().and_then(|error| error.strip_prefix("Cancelled: ")).map(str::to_owned),
                ahead: true,
                from: None,
                audit: None,
            });
            self.messages.extend(RunEnded::of_adoption(adopt, cancel.as_ref(), entry.head.seq));
        }
        if self.announces && outcome == CommitOutcome::Committed {
            if let RunCommit::Advance(advance) = commit {
                self.messages.extend(self.runs.dead_letters.told(advance));
            }
            let last = self.runs.get(commit.run()).map(|entry| entry.head.seq);
            if let Some(news) = last.and_then(|last| RunEnded::of(commit, last)) {
                self.messages.put(news.into());
            }
        }
        outcome
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that puts what others are to be told of a run into its outbox.
    pub fn announcing() -> Self {
        let store = Self::default();
        store.lock().announces = true;
        store
    }

    /// [`RunJournal::commit`](domain::ports::RunJournal::commit), at once.
    pub fn commit_now(&self, batch: &[RunCommit]) -> Vec<CommitOutcome> {
        let mut state = self.lock();
        batch.iter().map(|commit| state.commit(commit)).collect()
    }

    /// [`RunLeases::claim`](domain::ports::RunLeases::claim), at once.
    pub fn claim_now(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Vec<Claimed> {
        self.lock().runs.claim(executor, limit, now)
    }

    /// Looks at a run's row, its events and its ended attempts where they lie, for whoever looks so often that copies would
    /// cost too much; none if there is no such run. Nothing else can be asked of the store meanwhile.
    pub fn look_at<T>(
        &self,
        run: &RunId,
        look: impl FnOnce(&Run, &[EventRecord], &BTreeMap<Seq, StepExecution>) -> T,
    ) -> Option<T> {
        let state = self.lock();
        let entry = state.runs.get(run)?;
        Some(look(&entry.run, &entry.history, &entry.steps))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic can only come from a broken invariant, and then the test that caused it has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("runs", &self.lock().runs.len()).finish_non_exhaustive()
    }
}
