//! Messages to others: written in the commit that caused them, relayed afterwards, in order.

use async_trait::async_trait;

use super::{Backlog, StoreError};
use crate::{
    ids::{Epoch, ExecutorId},
    runs::OutboxMessage,
};

/// How many shards the messages are spread over, by their key.
pub const SHARDS: u16 = 16;

/// A part of the messages: all those of the same keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// Not a part of the outbox: whoever holds it drives the external executor.
    pub const EXTERNAL: Self = Self(SHARDS);

    /// The shard of a key: equal keys, equal shards, on every machine and in every version.
    pub fn of(key: &str) -> Self {
        // FNV-1a: stable, and good enough to spread ids.
        let hash = key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(u16::try_from(hash % u64::from(SHARDS)).unwrap_or_default())
    }

    /// Reads [`Shard::number`] back.
    pub fn new(number: u16) -> Option<Self> {
        (number <= SHARDS).then_some(Self(number))
    }

    /// Its number: below [`SHARDS`] for those of the outbox.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// A shard in the hands of one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldShard {
    /// The shard.
    pub shard: Shard,
    /// Rises whenever the holder changes, and by nothing else.
    pub epoch: Epoch,
}

/// A message that waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The shard of its key.
    pub shard: Shard,
    /// Names it within its shard; later messages of a key have higher numbers.
    pub id: u64,
    /// What it says.
    pub message: OutboxMessage,
}

/// The messages that have not been relayed yet. A store puts one there in the very transaction that applies a commit for
/// which [`RunEnded::of`](crate::runs::RunEnded::of) or [`RunEnded::of_adoption`](crate::runs::RunEnded::of_adoption) has
/// something to say, and one before it for each dead letter that the commit leaves
/// ([`DeadLetterLeft::of`](crate::runs::DeadLetterLeft::of)), if it was opened to do so.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Gives a relay as many of the free shards as it takes for it to hold `most`, [`Shard::EXTERNAL`] only if it `drives`, and
    /// answers all that it holds. A shard is
    /// free if nobody holds it, or somebody who is no member of the [`Fleet`](super::Fleet). MUST raise the epoch of those
    /// that change hands.
    async fn hold(&self, relay: ExecutorId, most: usize, drives: bool) -> Result<Vec<HeldShard>, StoreError>;

    /// The oldest messages of some shards, at most so many of each, in one question: those of a shard stand in their order.
    async fn oldest(&self, shards: &[Shard], limit: usize) -> Result<Vec<QueuedMessage>, StoreError>;

    /// Removes messages that have been delivered, of several shards at once. Answers the shards that are still held so; those
    /// of the others, which have changed hands, stay.
    async fn delivered(&self, messages: &[(HeldShard, Vec<u64>)]) -> Result<Vec<Shard>, StoreError>;

    /// Gives shards back, all that the relay holds beyond `keep`.
    async fn give_back(&self, relay: ExecutorId, keep: usize) -> Result<(), StoreError>;

    /// How many messages wait, and since when the oldest of them does: within a moment of the commit that put it there.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_over_all_shards_and_stay_where_they_are() {
        let shards: std::collections::BTreeSet<_> = (0..400).map(|n| Shard::of(&format!("run-{n}"))).collect();
        assert_eq!(shards.len(), usize::from(SHARDS));
        assert_eq!(Shard::of("run-1").number(), Shard::of("run-1").number());
        assert!(!shards.contains(&Shard::EXTERNAL));
    }

    #[test]
    fn a_shard_is_read_back() {
        assert_eq!(Shard::new(SHARDS), Some(Shard::EXTERNAL));
        assert_eq!(Shard::new(SHARDS + 1), None);
    }
}
