//! Who is alive.

use async_trait::async_trait;
use domain::{
    ids::ExecutorId,
    ports::{Duties, Fleet, LifeSign, StoreError},
};

use crate::MemoryStore;

#[async_trait]
impl Fleet for MemoryStore {
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<Vec<LifeSign>, StoreError> {
        let mut state = self.lock();
        let rivals: Vec<_> = state.fleet.values().filter(|sign| sign.duties.exclude(duties)).copied().collect();
        if rivals.is_empty() {
            state.fleet.entry(member).or_insert(LifeSign { member, duties, beat: 0 });
        }
        Ok(rivals)
    }

    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let Some(sign) = state.fleet.get_mut(&member) else { return Ok(false) };
        sign.beat += 1;
        Ok(true)
    }

    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError> {
        Ok(self.lock().fleet.values().copied().collect())
    }

    async fn bury(&self, sign: LifeSign) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if state.fleet.get(&sign.member).is_some_and(|last| last.beat == sign.beat) {
            state.fleet.remove(&sign.member);
        }
        Ok(!state.fleet.contains_key(&sign.member))
    }

    async fn leave(&self, member: ExecutorId) -> Result<(), StoreError> {
        self.lock().fleet.remove(&member);
        Ok(())
    }
}
