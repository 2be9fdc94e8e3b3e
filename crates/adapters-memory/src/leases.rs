//! Claims and releases.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, ExecutorId, RunId},
    ports::{Attendance, Backlog, Claimed, MAX_BACKLOG, MAX_UNATTENDED, RunLeases, StoreError},
};

use crate::{
    MemoryStore,
    table::{Head, RunTable},
};

#[async_trait]
impl RunLeases for MemoryStore {
    async fn claim(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        Ok(self.claim_now(executor, limit, now))
    }

    async fn take_ended(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        Ok(self.lock().runs.take_ended(executor))
    }

    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.lock().runs.release(executor, now))
    }

    async fn owned(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        Ok(self.lock().runs.owned(executor))
    }

    async fn give_back(&self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Result<(), StoreError> {
        self.lock().runs.give_back(executor, runs, now);
        Ok(())
    }

    async fn attendance(&self, run: &RunId) -> Result<Option<Attendance>, StoreError> {
        let store = self.lock();
        let head = store.runs.get(run).map(|entry| entry.head).filter(|head| !head.phase.is_terminal());
        Ok(head.map(|head| Attendance { owner: head.owner, wake_at: head.wake_at.filter(|_| head.owner.is_none()) }))
    }

    async fn unattended(&self, since: Timestamp) -> Result<u64, StoreError> {
        let limit = usize::try_from(MAX_UNATTENDED).unwrap_or(usize::MAX);
        Ok(self.lock().runs.ready(since).take(limit).count() as u64)
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let limit = usize::try_from(MAX_BACKLOG).unwrap_or(usize::MAX);
        let state = self.lock();
        let oldest = state.runs.ready(now).next().and_then(|run| state.runs.get(run)?.head.wake_at);
        Ok(Backlog { waiting: state.runs.ready(now).take(limit).count() as u64, oldest })
    }

    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError> {
        Ok(self.lock().runs.owners())
    }
}

impl RunTable {
    pub(crate) fn claim(&mut self, executor: ExecutorId, limit: usize, now: Timestamp) -> Vec<Claimed> {
        let ready: Vec<RunId> = self.ready(now).take(limit).cloned().collect();
        let claimed = ready.into_iter().filter_map(|run| {
            let head = self.get(&run)?.head;
            let head = Head { epoch: head.epoch.next(), owner: Some(executor), wake_at: None, ..head };
            self.set_head(&run, head);
            let entry = self.get(&run)?;
            let (input, history) = (entry.run.input.clone(), entry.history.clone());
            Some(Claimed { run, epoch: head.epoch, input, history, inbox: entry.inbox.entries() })
        });
        claimed.collect()
    }

    fn owned(&self, executor: ExecutorId) -> Vec<(RunId, Epoch)> {
        let heads = self.owned_by(executor).filter_map(|run| Some((run.clone(), self.get(run)?.head)));
        heads.filter(|(_, head)| !head.phase.is_terminal()).map(|(run, head)| (run, head.epoch)).collect()
    }

    fn give_back(&mut self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) {
        for (run, epoch) in runs {
            let Some(head) = self.get(run).map(|entry| entry.head) else { continue };
            if head.owner == Some(executor) && head.epoch == *epoch && !head.phase.is_terminal() {
                self.set_head(run, Head { epoch: head.epoch.next(), owner: None, wake_at: Some(now), ..head });
            }
        }
    }

    fn take_ended(&mut self, executor: ExecutorId) -> Vec<(RunId, Epoch)> {
        let heads = self.owned_by(executor).filter_map(|run| Some((run.clone(), self.get(run)?.head)));
        let ended: Vec<(RunId, Head)> = heads.filter(|(_, head)| head.phase.is_terminal()).collect();
        for (run, head) in &ended {
            self.set_head(run, Head { owner: None, ..*head });
        }
        ended.into_iter().map(|(run, head)| (run, head.epoch)).collect()
    }

    fn release(&mut self, executor: ExecutorId, now: Timestamp) -> u64 {
        let runs: Vec<RunId> = self.owned_by(executor).cloned().collect();
        let mut live = 0;
        for run in runs {
            let Some(head) = self.get(&run).map(|entry| entry.head) else { continue };
            live += u64::from(!head.phase.is_terminal());
            self.set_head(&run, Head { epoch: head.epoch.next(), owner: None, wake_at: Some(now), ..head });
        }
        live
    }
}
