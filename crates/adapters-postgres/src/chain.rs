//! Sealing the audit log, and reading the chain.

mod open;
mod sealing;

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::{Block, Mac, Mark, MarkKind, Place, SealableRow, canonical},
    ports::{AuditChain, ChainState, StoreError},
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{
    PgStore,
    codec::{count, signed},
    failure::{Failure, Outcome},
};
use open::Open;

/// Every column of a row, the old system's `updated_at` too, as text and in an order that never changes.
const ROW: &str = "place, id::text, entity_type::text, entity_id::text, action::text, user_id::text, changes::text,
    to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(updated_at, 'YYYY-MM-DD HH24:MI:SS.US'), entity_key::text,
    entity_name::text, credential::text, request_id::text, address::text, bulk_id::text";

/// A mark as it is stored.
type MarkRow = (i64, i64, Vec<u8>, Timestamp, String, Vec<u8>);

/// A block as it is stored.
type BlockRow = (i64, i64, Timestamp, String, Vec<Place>, Vec<u8>);

#[async_trait]
impl AuditChain for PgStore {
    async fn state(&self) -> Result<ChainState, StoreError> {
        Ok(self.chain_state().await?)
    }

    async fn blocks(&self, after: u64, limit: usize) -> Result<Vec<Block>, StoreError> {
        let mut connection = self.pool().acquire().await.map_err(Failure::from)?;
        Ok(blocks(&mut connection, after, limit).await?)
    }

    async fn rows(&self, places: &[Place]) -> Result<Vec<SealableRow>, StoreError> {
        let mut connection = self.pool().acquire().await.map_err(Failure::from)?;
        Ok(rows_in(&mut connection, places).await?)
    }

    async fn places(&self, after: Place, limit: usize) -> Result<Vec<(Place, Timestamp)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select =
            "SELECT place, created_at AT TIME ZONE 'UTC' FROM audit_logs WHERE place > $1 ORDER BY place LIMIT $2";
        let select = sqlx::query_as(select).bind(after).bind(limit);
        Ok(select.fetch_all(self.pool()).await.map_err(Failure::from)?)
    }
}

impl PgStore {
    async fn chain_state(&self) -> Outcome<ChainState> {
        // One transaction, so that what is read in several statements belongs together.
        let mut transaction = self.pool().begin().await?;
        sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *transaction).await?;
        let (settled, open) =
            sqlx::query_as("SELECT settled, open FROM audit_chain").fetch_one(&mut *transaction).await?;
        let state = ChainState {
            checkpoint: mark(&mut transaction, MarkKind::Checkpoint).await?,
            head: mark(&mut transaction, MarkKind::Head).await?,
            settled,
            open: Open::read(open)?.ranges(),
        };
        transaction.commit().await?;
        Ok(state)
    }
}

fn name(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Head => "head",
        MarkKind::Checkpoint => "checkpoint",
    }
}

pub(crate) async fn mark(connection: &mut PgConnection, kind: MarkKind) -> Outcome<Option<Mark>> {
    let select = "SELECT block, seals, mac, at, key_id, signature FROM audit_marks WHERE kind = $1";
    let found: Option<MarkRow> = sqlx::query_as(select).bind(name(kind)).fetch_optional(connection).await?;
    let Some((block, seals, hash, at, key, signature)) = found else { return Ok(None) };
    Ok(Some(Mark { block: count(block)?, seals: count(seals)?, mac: mac(&hash), at, key, signature: mac(&signature) }))
}

/// A stored hash; one of another length is none that was ever made.
fn mac(bytes: &[u8]) -> Mac {
    bytes.try_into().map(Mac::new).unwrap_or_default()
}

async fn put_mark(connection: &mut PgConnection, kind: MarkKind, mark: &Mark) -> Outcome<()> {
    let put =
        "INSERT INTO audit_marks (kind, block, seals, mac, at, key_id, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (kind) DO UPDATE SET block = $2, seals = $3, mac = $4, at = $5, key_id = $6, signature = $7";
    sqlx::query(put)
        .bind(name(kind))
        .bind(signed(mark.block)?)
        .bind(signed(mark.seals)?)
        .bind(mark.mac.bytes().as_slice())
        .bind(mark.at)
        .bind(&mark.key)
        .bind(mark.signature.bytes().as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

async fn blocks(connection: &mut PgConnection, after: u64, limit: usize) -> Outcome<Vec<Block>> {
    let select = "SELECT number, first_seal, sealed_at, key_id, places, macs FROM audit_blocks
                  WHERE number > $1 ORDER BY number LIMIT $2";
    let select = sqlx::query_as(select).bind(signed(after)?).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows: Vec<BlockRow> = select.fetch_all(connection).await?;
    let block = |(number, first, at, key, places, macs): BlockRow| {
        // What does not come out even is no block of ours, and is found to be none.
        let macs = macs.as_chunks().0.iter().map(|mac| Mac::new(*mac)).collect();
        Ok(Block { number: count(number)?, first: count(first)?, at, key, places, macs })
    };
    rows.into_iter().map(block).collect()
}

async fn rows_in(connection: &mut PgConnection, places: &[Place]) -> Outcome<Vec<SealableRow>> {
    let select = format!("SELECT {ROW} FROM audit_logs WHERE place = ANY ($1)");
    let rows = sqlx::query(sqlx::AssertSqlSafe(select)).bind(places).fetch_all(connection).await?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Outcome<SealableRow> {
    let columns = (1..15).map(|column| row.try_get(column));
    let columns = columns.collect::<Result<Vec<Option<&str>>, sqlx::Error>>()?;
    let told = |column: usize| columns.get(column).copied().flatten().unwrap_or("?");
    let name = format!("{} of {}", told(0), told(6));
    let bytes = canonical(columns.iter().map(|column| column.map(str::as_bytes)));
    Ok(SealableRow { place: row.try_get(0)?, name, bytes })
}
