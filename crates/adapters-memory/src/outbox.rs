//! The outbox and who relays which part of it.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, ExecutorId},
    ports::{Backlog, HeldShard, MAX_BACKLOG, Outbox, QueuedMessage, SHARDS, Shard, StoreError},
    runs::OutboxMessage,
};

use crate::MemoryStore;

/// The messages, and the shards that somebody has held.
#[derive(Default)]
pub(crate) struct Messages {
    made: u64,
    waiting: BTreeMap<(Shard, u64), OutboxMessage>,
    shards: BTreeMap<Shard, (Option<ExecutorId>, Epoch)>,
}

/// Since when a message waits: it is put there by what it tells of.
fn since(message: &OutboxMessage) -> Timestamp {
    match message {
        OutboxMessage::RunEnded(ended) => ended.timestamp,
        OutboxMessage::DeadLetterLeft(left) => left.last_failed_at,
    }
}

impl Messages {
    pub(crate) fn put(&mut self, message: OutboxMessage) {
        self.made += 1;
        self.waiting.insert((Shard::of(message.run().as_str()), self.made), message);
    }

    pub(crate) fn extend<M: Into<OutboxMessage>>(&mut self, messages: impl IntoIterator<Item = M>) {
        messages.into_iter().for_each(|message| self.put(message.into()));
    }

    fn hold(
        &mut self,
        relay: ExecutorId,
        most: usize,
        drives: bool,
        is_member: impl Fn(&ExecutorId) -> bool,
    ) -> Vec<HeldShard> {
        for shard in (0..=SHARDS).filter_map(Shard::new).filter(|shard| drives || *shard != Shard::EXTERNAL) {
            if self.held_by(relay).len() >= most {
                break;
            }
            let (owner, epoch) = self.shards.entry(shard).or_default();
            if *owner != Some(relay) && !owner.is_some_and(|owner| is_member(&owner)) {
                (*owner, *epoch) = (Some(relay), epoch.next());
            }
        }
        self.held_by(relay)
    }

    fn held_by(&self, relay: ExecutorId) -> Vec<HeldShard> {
        let held = self.shards.iter().filter(|(_, (owner, _))| *owner == Some(relay));
        held.map(|(shard, (_, epoch))| HeldShard { shard: *shard, epoch: *epoch }).collect()
    }

    fn oldest(&self, shard: Shard, limit: usize) -> impl Iterator<Item = QueuedMessage> {
        let waiting = self.waiting.range((shard, 0)..=(shard, u64::MAX)).take(limit);
        waiting.map(|((shard, id), message)| QueuedMessage { shard: *shard, id: *id, message: message.clone() })
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn hold(&self, relay: ExecutorId, most: usize, drives: bool) -> Result<Vec<HeldShard>, StoreError> {
        let mut state = self.lock();
        let members: HashSet<ExecutorId> = state.fleet.keys().copied().collect();
        Ok(state.messages.hold(relay, most, drives, |owner| members.contains(owner)))
    }

    async fn oldest(&self, shards: &[Shard], limit: usize) -> Result<Vec<QueuedMessage>, StoreError> {
        let state = self.lock();
        Ok(shards.iter().flat_map(|shard| state.messages.oldest(*shard, limit)).collect())
    }

    async fn delivered(&self, messages: &[(HeldShard, Vec<u64>)]) -> Result<Vec<Shard>, StoreError> {
        let mut state = self.lock();
        let mut still_held = Vec::new();
        for (held, ids) in messages {
            let now = state.messages.shards.get(&held.shard);
            if !now.is_some_and(|(owner, epoch)| owner.is_some() && *epoch == held.epoch) {
                continue;
            }
            for id in ids {
                state.messages.waiting.remove(&(held.shard, *id));
            }
            still_held.push(held.shard);
        }
        Ok(still_held)
    }

    async fn give_back(&self, relay: ExecutorId, keep: usize) -> Result<(), StoreError> {
        let mut state = self.lock();
        let held = state.messages.shards.values_mut().filter(|(owner, _)| *owner == Some(relay));
        held.skip(keep).for_each(|(owner, _)| *owner = None);
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let state = self.lock();
        let waiting = &state.messages.waiting;
        let oldest = waiting.values().map(since).min();
        Ok(Backlog { waiting: MAX_BACKLOG.min(waiting.len() as u64), oldest })
    }
}
