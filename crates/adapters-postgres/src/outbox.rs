//! The outbox: read from its beginning, never from where it was left, because what commits late has a low number.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, ExecutorId},
    ports::{Backlog, HeldShard, MAX_BACKLOG, Outbox, QueuedMessage, SHARDS, Shard, StoreError},
};
use sqlx::PgConnection;

use crate::{
    PgStore,
    codec::{count, parsed, signed, sound},
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl Outbox for PgStore {
    async fn hold(&self, relay: ExecutorId, most: usize, drives: bool) -> Result<Vec<HeldShard>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let hold = || async {
            let query = sqlx::query_as(include_str!("sql/hold_shards.sql")).bind(relay.uuid()).bind(most).bind(drives);
            let held: Vec<(i16, i64)> = query.fetch_all(self.pool()).await?;
            held.into_iter().map(held_shard).collect()
        };
        Ok(retried(hold).await?)
    }

    async fn oldest(&self, shards: &[Shard], limit: usize) -> Result<Vec<QueuedMessage>, StoreError> {
        let shards = shards.iter().map(|shard| number(*shard)).collect::<Outcome<Vec<_>>>()?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let oldest = sqlx::query_as(include_str!("sql/oldest_messages.sql")).bind(shards).bind(limit);
        let oldest: Vec<(i16, i64, String)> = oldest.fetch_all(self.leases()).await.map_err(Failure::from)?;
        Ok(oldest.into_iter().map(queued).collect::<Outcome<_>>()?)
    }

    async fn delivered(&self, messages: &[(HeldShard, Vec<u64>)]) -> Result<Vec<Shard>, StoreError> {
        let (mut shards, mut epochs, mut shards_of_ids, mut ids) = (vec![], vec![], vec![], vec![]);
        for (held, messages) in messages {
            let shard = number(held.shard)?;
            shards.push(shard);
            epochs.push(signed(held.epoch.get())?);
            shards_of_ids.extend(messages.iter().map(|_| shard));
            ids.extend(messages.iter().map(|id| signed(*id)).collect::<Outcome<Vec<_>>>()?);
        }
        let delivered = sqlx::query_scalar(include_str!("sql/delivered.sql")).bind(shards).bind(epochs);
        let held: Vec<i16> =
            delivered.bind(shards_of_ids).bind(ids).fetch_all(self.leases()).await.map_err(Failure::from)?;
        Ok(held.into_iter().map(shard).collect::<Outcome<_>>()?)
    }

    async fn give_back(&self, relay: ExecutorId, keep: usize) -> Result<(), StoreError> {
        let give_back = sqlx::query(include_str!("sql/give_back_shards.sql")).bind(relay.uuid());
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        give_back.bind(keep).execute(self.pool()).await.map_err(Failure::from)?;
        Ok(())
    }

    /// A shard's first message by number is its oldest but for what was committed out of turn, within a moment.
    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let shards = (0..SHARDS).map(|shard| sound("shard", i16::try_from(shard).ok())).collect::<Outcome<Vec<_>>>()?;
        let limit = i64::try_from(MAX_BACKLOG).unwrap_or(i64::MAX);
        let backlog = sqlx::query_as(include_str!("sql/outbox_backlog.sql")).bind(shards).bind(limit);
        let (waiting, oldest): (i64, Option<Timestamp>) =
            backlog.fetch_one(self.leases()).await.map_err(Failure::from)?;
        Ok(Backlog { waiting: count(waiting)?, oldest })
    }
}

fn number(shard: Shard) -> Outcome<i16> {
    sound("shard", i16::try_from(shard.number()).ok())
}

fn shard(number: i16) -> Outcome<Shard> {
    sound("shard", u16::try_from(number).ok().and_then(Shard::new))
}

fn held_shard((number, epoch): (i16, i64)) -> Outcome<HeldShard> {
    Ok(HeldShard { shard: shard(number)?, epoch: Epoch::new(count(epoch)?) })
}

fn queued((number, id, payload): (i16, i64, String)) -> Outcome<QueuedMessage> {
    let message = parsed("message", serde_json::from_str(&payload))?;
    Ok(QueuedMessage { shard: shard(number)?, id: count(id)?, message })
}

/// A message on its way into the outbox.
pub(crate) struct Announcement {
    pub(crate) shard: Shard,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) payload: String,
}

/// Puts messages into the outbox, in their order. A run's messages get rising numbers because their commits wait for each
/// other at the run's head.
pub(crate) async fn put(connection: &mut PgConnection, messages: &[Announcement]) -> Outcome<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let shards = messages.iter().map(|message| number(message.shard)).collect::<Outcome<Vec<_>>>()?;
    sqlx::query(include_str!("sql/announce.sql"))
        .bind(shards)
        .bind(messages.iter().map(|message| message.kind.as_str()).collect::<Vec<_>>())
        .bind(messages.iter().map(|message| message.key.as_str()).collect::<Vec<_>>())
        .bind(messages.iter().map(|message| message.payload.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
