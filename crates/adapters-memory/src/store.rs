//! The store as a whole: its state, its lock and the calls that need no future.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    Timestamp,
    ids::ExecutorId,
    ports::Claimed,
    runs::{CommitOutcome, RunCommit},
};

use crate::{management::Management, table::RunTable};

/// Agents, workflows and runs in memory, behind every storage port. Clones share one state.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) management: Management,
    pub(crate) runs: RunTable,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// [`RunJournal::commit`](domain::ports::RunJournal::commit), at once.
    pub fn commit_now(&self, batch: &[RunCommit]) -> Vec<CommitOutcome> {
        let mut state = self.lock();
        batch.iter().map(|commit| state.runs.commit(commit)).collect()
    }

    /// [`RunLeases::claim`](domain::ports::RunLeases::claim), at once.
    pub fn claim_now(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Vec<Claimed> {
        self.lock().runs.claim(executor, limit, now)
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
