//! Sealing rows in the order in which they become visible, and clearing away old ones.

use std::{fmt::Display, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::{Block, Mac, Mark, MarkKind, Place, SealableRow, check_block, continue_chain, note_is_due, sign_is_due},
    ports::{AuditSeal, AuditSealing, Sealed, StoreError},
};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction};

use super::{
    ROW, blocks, mark,
    open::{Look, Open},
    put_mark, row, rows_in,
};
use crate::{
    PgStore,
    codec::{parsed, signed},
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl AuditSealing for PgStore {
    async fn seal(
        &self,
        with: Arc<dyn AuditSeal>,
        seen: u64,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Sealed>, StoreError> {
        Ok(retried(|| self.seal_once(&*with, seen, now, limit)).await?)
    }

    async fn forget(
        &self,
        with: Arc<dyn AuditSeal>,
        before: Timestamp,
        now: Timestamp,
        blocks: usize,
    ) -> Result<u64, StoreError> {
        Ok(retried(|| self.forget_once(&*with, before, now, blocks)).await?)
    }
}

/// The row of the chain, locked.
struct Locked {
    settled: Place,
    open: Open,
    noted_at: Option<Timestamp>,
}

impl PgStore {
    async fn seal_once(
        &self,
        with: &dyn AuditSeal,
        seen: u64,
        now: Timestamp,
        limit: usize,
    ) -> Outcome<Option<Sealed>> {
        let mut transaction = self.pool().begin().await?;
        let Some(chain) = lock(&mut transaction).await? else { return Ok(None) };
        let head = mark(&mut transaction, MarkKind::Head).await?;
        let over = horizon(&mut transaction, "xmin").await?;
        let late = late_rows(&mut transaction, &chain.open, limit).await?;
        let new = new_rows(&mut transaction, chain.settled, limit.saturating_sub(late.len()).max(1)).await?;
        let next = horizon(&mut transaction, "xmax").await?;

        let [late_places, new_places] = [&late, &new].map(|rows| rows.iter().map(|row| row.place).collect::<Vec<_>>());
        let look = Look { late: &late_places, new: &new_places, over, next, is_cut: late.len() >= limit };
        let before = chain.open.clone();
        let open = chain.open.after(&look, chain.settled, now);
        let rows: Vec<SealableRow> = late.into_iter().chain(new).collect();
        let made = continue_chain(with, head.as_ref(), seen, now, &rows).map_err(broken)?;
        let to_be_noted = made.head.seals > 0 && note_is_due(chain.noted_at, now);
        if rows.is_empty() && open == before && !to_be_noted && !sign_is_due(head.map(|head| head.at), now) {
            // Now, and not when the connection is used next: until then, whoever seals next would find the chain locked.
            transaction.rollback().await?;
            return Ok(Some(Sealed { rows: 0, head: made.head, to_be_noted: false }));
        }
        if let Some(block) = &made.block {
            add_block(&mut transaction, block).await?;
        }
        put_mark(&mut transaction, MarkKind::Head, &made.head).await?;
        let settled = new_places.last().copied().unwrap_or(chain.settled);
        sqlx::query("UPDATE audit_chain SET settled = $1, open = $2, noted_at = $3")
            .bind(settled)
            .bind(open.stored()?)
            .bind(if to_be_noted { Some(now) } else { chain.noted_at })
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(Sealed { rows: rows.len(), head: made.head, to_be_noted }))
    }

    /// A block is looked at before it goes: the checkpoint must not vouch for what somebody has changed.
    async fn forget_once(&self, with: &dyn AuditSeal, before: Timestamp, now: Timestamp, limit: usize) -> Outcome<u64> {
        let mut transaction = self.pool().begin().await?;
        if lock(&mut transaction).await?.is_none() {
            return Ok(0);
        }
        let last = mark(&mut transaction, MarkKind::Head).await?.map_or(0, |head| head.block);
        let (mut number, mut seals, mut mac) = mark(&mut transaction, MarkKind::Checkpoint)
            .await?
            .map_or((0, 0, Mac::default()), |checkpoint| (checkpoint.block, checkpoint.seals, checkpoint.mac));
        let mut removed = 0;
        for block in blocks(&mut transaction, number, limit).await? {
            if block.at >= before || block.number >= last {
                break;
            }
            let rows = rows_in(&mut transaction, &block.places).await?;
            mac = check_block(with, &block, (seals, mac), &rows).map_err(broken)?;
            remove(&mut transaction, &block).await?;
            (number, seals) = (block.number, seals + block.places.len() as u64);
            removed += block.places.len() as u64;
        }
        if removed > 0 {
            let checkpoint = Mark::sign(MarkKind::Checkpoint, with, number, seals, mac, now);
            put_mark(&mut transaction, MarkKind::Checkpoint, &checkpoint).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }
}

fn broken(reason: impl Display) -> Failure {
    Failure::Corrupt(format!("{reason}; `orrery audit verify` says more"))
}

/// Whoever holds this row seals; nobody waits for it.
async fn lock(transaction: &mut Transaction<'_, Postgres>) -> Outcome<Option<Locked>> {
    let held: Option<(Place, Value, Option<Timestamp>)> =
        sqlx::query_as("SELECT settled, open, noted_at FROM audit_chain FOR UPDATE SKIP LOCKED")
            .fetch_optional(&mut **transaction)
            .await?;
    let Some((settled, open, noted_at)) = held else { return Ok(None) };
    Ok(Some(Locked { settled, open: Open::read(open)?, noted_at }))
}

/// An end of the snapshot that a statement sees at this moment.
async fn horizon(connection: &mut PgConnection, end: &str) -> Outcome<u64> {
    let select = match end {
        "xmin" => "SELECT pg_snapshot_xmin(pg_current_snapshot())::text",
        _ => "SELECT pg_snapshot_xmax(pg_current_snapshot())::text",
    };
    let number: String = sqlx::query_scalar(select).fetch_one(connection).await?;
    parsed("transaction number", number.parse())
}

async fn late_rows(connection: &mut PgConnection, open: &Open, limit: usize) -> Outcome<Vec<SealableRow>> {
    let ranges = open.ranges();
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let (from, to): (Vec<Place>, Vec<Place>) = ranges.into_iter().unzip();
    let select = format!(
        "SELECT {ROW} FROM unnest($1::bigint[], $2::bigint[]) AS gap (a, b)
         JOIN audit_logs ON place BETWEEN gap.a AND gap.b ORDER BY place LIMIT $3"
    );
    let select = sqlx::query(sqlx::AssertSqlSafe(select)).bind(from).bind(to);
    let rows = select.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(connection).await?;
    rows.iter().map(row).collect()
}

async fn new_rows(connection: &mut PgConnection, settled: Place, limit: usize) -> Outcome<Vec<SealableRow>> {
    let select = format!("SELECT {ROW} FROM audit_logs WHERE place > $1 ORDER BY place LIMIT $2");
    let select = sqlx::query(sqlx::AssertSqlSafe(select)).bind(settled);
    let rows = select.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(connection).await?;
    rows.iter().map(row).collect()
}

async fn add_block(connection: &mut PgConnection, block: &Block) -> Outcome<()> {
    let macs: Vec<u8> = block.macs.iter().flat_map(|mac| *mac.bytes()).collect();
    let insert = "INSERT INTO audit_blocks (number, first_seal, sealed_at, key_id, places, macs)
                  VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(insert)
        .bind(signed(block.number)?)
        .bind(signed(block.first)?)
        .bind(block.at)
        .bind(&block.key)
        .bind(&block.places)
        .bind(macs)
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(connection: &mut PgConnection, block: &Block) -> Outcome<()> {
    let rows = sqlx::query("DELETE FROM audit_logs WHERE place = ANY ($1)").bind(&block.places);
    rows.execute(&mut *connection).await?;
    let seals = sqlx::query("DELETE FROM audit_blocks WHERE number = $1").bind(signed(block.number)?);
    seals.execute(connection).await?;
    Ok(())
}
