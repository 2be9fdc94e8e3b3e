//! Sealing the audit log, and reading the chain.
//!
//! Rows are read and hashed beside the writer, which only has to write the finished block: one process has the folder, so nobody
//! else seals, and rows that are there never change.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::{
        Block, Continued, Mac, Mark, MarkKind, Place, SealableRow, canonical, check_block, continue_chain, note_is_due,
        sign_is_due,
    },
    ports::{AuditChain, AuditSeal, AuditSealing, ChainState, Sealed, StoreError},
};
use rusqlite::{Connection, Row, params, types::ValueRef};
use uuid::Uuid;

use crate::{
    SqliteStore,
    codec::{all, count, first, maybe_time, micros, parsed, signed, time},
    failure::{Failure, Outcome},
    readers::Readers,
};

/// Every column of a row but its place, in an order that never changes.
const ROW: &str = "place, id, at, user_id, credential, request_id, address, action, entity_type, entity_id, entity_key,
    entity_name, changes, bulk_id";

/// Reads the chain of a folder that a server may be using.
#[derive(Clone)]
pub struct SqliteChain(Arc<Readers>);

impl SqliteChain {
    /// The chain of the store in a folder; opened when it is read.
    pub fn in_folder(folder: &Path) -> Self {
        Self(Arc::new(Readers::new(folder.join("orrery.db"))))
    }
}

impl SqliteStore {
    /// The chain of this store.
    pub fn chain(&self) -> SqliteChain {
        SqliteChain(Arc::clone(self.readers()))
    }
}

#[async_trait]
impl AuditChain for SqliteChain {
    async fn state(&self) -> Result<ChainState, StoreError> {
        let state = |connection: &Connection| {
            Ok(ChainState {
                checkpoint: mark(connection, MarkKind::Checkpoint)?,
                head: mark(connection, MarkKind::Head)?,
                settled: settled(connection)?,
                open: Vec::new(),
            })
        };
        self.0.read(state).await
    }

    async fn blocks(&self, after: u64, limit: usize) -> Result<Vec<Block>, StoreError> {
        self.0.read(move |connection| blocks(connection, after, limit)).await
    }

    async fn rows(&self, places: &[Place]) -> Result<Vec<SealableRow>, StoreError> {
        let places = places.to_vec();
        self.0.read(move |connection| rows_in(connection, &places)).await
    }

    async fn places(&self, after: Place, limit: usize) -> Result<Vec<(Place, Timestamp)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let places = move |connection: &Connection| {
            let sql = "SELECT place, at FROM audit_logs WHERE place > ?1 ORDER BY place LIMIT ?2";
            all(&mut *connection.prepare_cached(sql)?, [after, limit], |row| Ok((row.get(0)?, time(row, 1)?)))
        };
        self.0.read(places).await
    }
}

#[async_trait]
impl AuditSealing for SqliteStore {
    async fn seal(
        &self,
        with: Arc<dyn AuditSeal>,
        seen: u64,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Sealed>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let next = self.readers().read(move |connection| next(connection, &*with, seen, now, limit)).await?;
        let Next { made, to_be_noted, is_needed } = next;
        let (rows, head) = (made.block.as_ref().map_or(0, |block| block.places.len()), made.head.clone());
        if is_needed {
            let work = move |connection: &Connection| write(connection, &made, to_be_noted.then_some(now));
            self.writer().work(move |session| session.transaction(work)).await?;
        }
        Ok(Some(Sealed { rows, head, to_be_noted }))
    }

    async fn forget(
        &self,
        with: Arc<dyn AuditSeal>,
        before: Timestamp,
        now: Timestamp,
        blocks: usize,
    ) -> Result<u64, StoreError> {
        let work = move |connection: &Connection| forget(connection, &*with, before, now, blocks);
        self.writer().work(move |session| session.transaction(work)).await
    }
}

/// How the chain goes on.
struct Next {
    made: Continued,
    to_be_noted: bool,
    /// Whether there is anything to be written.
    is_needed: bool,
}

fn next(connection: &Connection, with: &dyn AuditSeal, seen: u64, now: Timestamp, limit: i64) -> Outcome<Next> {
    let head = mark(connection, MarkKind::Head)?;
    let sql = format!("SELECT {ROW} FROM audit_logs WHERE place > ?1 ORDER BY place LIMIT ?2");
    let rows = all(&mut *connection.prepare_cached(&sql)?, [settled(connection)?, limit], row)?;
    let made = continue_chain(with, head.as_ref(), seen, now, &rows).map_err(broken)?;
    let noted_at =
        first(&mut *connection.prepare_cached("SELECT noted_at FROM audit_chain")?, [], |row| maybe_time(row, 0))?;
    let to_be_noted = made.head.seals > 0 && note_is_due(noted_at.flatten(), now);
    let is_needed = !rows.is_empty() || to_be_noted || sign_is_due(head.map(|head| head.at), now);
    Ok(Next { made, to_be_noted, is_needed })
}

fn write(connection: &Connection, made: &Continued, noted_at: Option<Timestamp>) -> Outcome<()> {
    if let Some(block) = &made.block {
        let places: Vec<u8> = block.places.iter().flat_map(|place| place.to_be_bytes()).collect();
        let macs: Vec<u8> = block.macs.iter().flat_map(|mac| *mac.bytes()).collect();
        connection
            .prepare_cached(
                "INSERT INTO audit_blocks (number, first_seal, sealed_at, key_id, places, macs) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![signed(block.number)?, signed(block.first)?, micros(block.at), block.key, places, macs])?;
        connection.prepare_cached("UPDATE audit_chain SET settled = ?1")?.execute([block.places.last()])?;
    }
    if let Some(at) = noted_at {
        connection.prepare_cached("UPDATE audit_chain SET noted_at = ?1")?.execute([micros(at)])?;
    }
    put_mark(connection, MarkKind::Head, &made.head)
}

/// A block is looked at before it goes: the checkpoint must not vouch for what somebody has changed.
fn forget(
    connection: &Connection,
    with: &dyn AuditSeal,
    before: Timestamp,
    now: Timestamp,
    limit: usize,
) -> Outcome<u64> {
    let last = mark(connection, MarkKind::Head)?.map_or(0, |head| head.block);
    let (mut number, mut seals, mut mac) = mark(connection, MarkKind::Checkpoint)?
        .map_or((0, 0, Mac::default()), |checkpoint| (checkpoint.block, checkpoint.seals, checkpoint.mac));
    let mut removed = 0;
    for block in blocks(connection, number, limit)? {
        if block.at >= before || block.number >= last {
            break;
        }
        mac = check_block(with, &block, (seals, mac), &rows_in(connection, &block.places)?).map_err(broken)?;
        for place in &block.places {
            connection.prepare_cached("DELETE FROM audit_logs WHERE place = ?1")?.execute([place])?;
        }
        connection.prepare_cached("DELETE FROM audit_blocks WHERE number = ?1")?.execute([signed(block.number)?])?;
        (number, seals) = (block.number, seals + block.places.len() as u64);
        removed += block.places.len() as u64;
    }
    if removed > 0 {
        let checkpoint = Mark::sign(MarkKind::Checkpoint, with, number, seals, mac, now);
        put_mark(connection, MarkKind::Checkpoint, &checkpoint)?;
    }
    Ok(removed)
}

fn broken(reason: impl std::fmt::Display) -> Failure {
    Failure::Corrupt(format!("{reason}; `orrery audit verify` says more"))
}

fn settled(connection: &Connection) -> Outcome<Place> {
    let settled =
        first(&mut *connection.prepare_cached("SELECT settled FROM audit_chain")?, [], |row| Ok(row.get(0)?))?;
    settled.ok_or_else(|| Failure::Corrupt("the row of the audit chain is missing".to_owned()))
}

fn name(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Head => "head",
        MarkKind::Checkpoint => "checkpoint",
    }
}

pub(crate) fn mark(connection: &Connection, kind: MarkKind) -> Outcome<Option<Mark>> {
    let sql = "SELECT block, seals, mac, at, key_id, signature FROM audit_marks WHERE kind = ?1";
    first(&mut *connection.prepare_cached(sql)?, [name(kind)], |row| {
        Ok(Mark {
            block: count(row, 0)?,
            seals: count(row, 1)?,
            mac: Mac::new(row.get(2)?),
            at: time(row, 3)?,
            key: row.get(4)?,
            signature: Mac::new(row.get(5)?),
        })
    })
}

fn put_mark(connection: &Connection, kind: MarkKind, mark: &Mark) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit_marks (kind, block, seals, mac, at, key_id, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (kind) DO UPDATE SET block = ?2, seals = ?3, mac = ?4, at = ?5, key_id = ?6, signature = ?7",
        )?
        .execute(params![
            name(kind),
            signed(mark.block)?,
            signed(mark.seals)?,
            mark.mac.bytes(),
            micros(mark.at),
            mark.key,
            mark.signature.bytes()
        ])?;
    Ok(())
}

fn blocks(connection: &Connection, after: u64, limit: usize) -> Outcome<Vec<Block>> {
    let sql = "SELECT number, first_seal, sealed_at, key_id, places, macs FROM audit_blocks
               WHERE number > ?1 ORDER BY number LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(&mut *connection.prepare_cached(sql)?, [signed(after)?, limit], |row| {
        let (places, macs): (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
        // What does not come out even is no block of ours, and is found to be none.
        Ok(Block {
            number: count(row, 0)?,
            first: count(row, 1)?,
            at: time(row, 2)?,
            key: row.get(3)?,
            places: places.as_chunks().0.iter().map(|place| Place::from_be_bytes(*place)).collect(),
            macs: macs.as_chunks().0.iter().map(|mac| Mac::new(*mac)).collect(),
        })
    })
}

fn rows_in(connection: &Connection, places: &[Place]) -> Outcome<Vec<SealableRow>> {
    let places = serde_json::to_string(places).map_err(|error| Failure::Unstorable(error.to_string()))?;
    let sql = format!("SELECT {ROW} FROM audit_logs WHERE place IN (SELECT value FROM json_each(?1))");
    all(&mut *connection.prepare_cached(&sql)?, [places], row)
}

fn row(row: &Row<'_>) -> Outcome<SealableRow> {
    let mut columns = Vec::with_capacity(13);
    for column in 1..14 {
        columns.push(match row.get_ref(column)? {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_be_bytes().to_vec()),
            ValueRef::Real(number) => Some(number.to_be_bytes().to_vec()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        });
    }
    let id = columns.first().and_then(Option::as_deref).and_then(|id| Uuid::from_slice(id).ok());
    let at =
        parsed("time", time(row, 2).map(|at| at.to_rfc3339()).or_else(|_| row.get(2).map(|at: i64| at.to_string())))?;
    let name = format!("{} of {at}", id.unwrap_or_default());
    let bytes = canonical(columns.iter().map(Option::as_deref));
    Ok(SealableRow { place: row.get(0)?, name, bytes })
}
