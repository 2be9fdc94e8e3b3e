//! The store as one executor reaches it: over a line that may be cut. Everything that decides who looks after a run goes over
//! such a line, and a witness listens.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use adapters_memory::MemoryStore;
use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, ExecutorId, RunId},
    ports::{Attendance, Backlog, Claimed, Duties, Fleet, LifeSign, RunLeases, StoreError},
};

use crate::tenures::Tenures;

/// What all lines share.
pub(crate) type Witness = Arc<Mutex<Tenures>>;

pub(crate) fn listen(witness: &Witness) -> MutexGuard<'_, Tenures> {
    witness.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Line {
    store: MemoryStore,
    witness: Witness,
    cut: AtomicBool,
}

impl Line {
    pub(crate) fn new(store: MemoryStore, witness: Witness) -> Self {
        Self { store, witness, cut: AtomicBool::new(false) }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    fn store(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_cut() { Err(StoreError::Unavailable("the line is cut".to_owned())) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl Fleet for Line {
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<Vec<LifeSign>, StoreError> {
        self.store()?.join(member, duties).await
    }

    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError> {
        self.store()?.beat(member).await
    }

    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError> {
        self.store()?.life_signs().await
    }

    async fn bury(&self, sign: LifeSign) -> Result<bool, StoreError> {
        self.store()?.bury(sign).await
    }

    async fn leave(&self, member: ExecutorId) -> Result<(), StoreError> {
        self.store()?.leave(member).await
    }
}

#[async_trait]
impl RunLeases for Line {
    async fn claim(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let claimed = self.store()?.claim(executor, limit, now).await?;
        let mut tenures = listen(&self.witness);
        for run in &claimed {
            tenures.begins(&run.run, executor, run.epoch);
        }
        Ok(claimed)
    }

    async fn take_ended(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        let ended = self.store()?.take_ended(executor).await?;
        for (run, epoch) in &ended {
            listen(&self.witness).ends(run, *epoch);
        }
        Ok(ended)
    }

    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError> {
        let released = self.store()?.release(executor, now).await?;
        listen(&self.witness).all_end(executor);
        Ok(released)
    }

    async fn owned(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        self.store()?.owned(executor).await
    }

    async fn give_back(&self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Result<(), StoreError> {
        self.store()?.give_back(executor, runs, now).await?;
        for (run, epoch) in runs {
            listen(&self.witness).ends(run, *epoch);
        }
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError> {
        self.store()?.owners().await
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        self.store()?.backlog(now).await
    }

    async fn attendance(&self, run: &RunId) -> Result<Option<Attendance>, StoreError> {
        self.store()?.attendance(run).await
    }

    async fn unattended(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.store()?.unattended(since).await
    }
}
