//! The audit log: its rows, and reading them. How they are sealed is in `chain.rs`.

use async_trait::async_trait;
use domain::{
    audit::{AuditCursor, AuditEntry, AuditFilter, AuditPage, AuditRecord, EntityId},
    ids::{AuditId, BulkId},
    ports::{AuditLog, DONE_BEFORE, StoreError},
};
use rusqlite::{Connection, Row, params, params_from_iter};
use uuid::Uuid;

use crate::{
    SqliteStore,
    codec::{all, micros, parsed, text, time, uuid},
    failure::{Failure, Outcome},
    lists::Conditions,
};

const ROW: &str =
    "place, id, at, user_id, credential, request_id, address, action, entity_type, entity_key, entity_name,
    changes, bulk_id";

/// Writes an entry, in the transaction of what it tells of. A conflict if it is there.
pub(crate) fn write(connection: &Connection, entry: &AuditEntry) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit_logs (id, at, user_id, credential, request_id, address, action, entity_type, entity_id,
                                     entity_key, entity_name, changes, bulk_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            entry.id.uuid().as_bytes(),
            micros(entry.at),
            entry.by.name,
            entry.by.credential,
            entry.by.request,
            entry.by.address.map(|address| address.to_string()),
            entry.action.as_str(),
            entry.entity.kind.as_str(),
            entry.entity.id.uuid().as_bytes(),
            entry.entity.id.as_str(),
            entry.entity.name,
            entry.changes.text(),
            entry.bulk.map(|bulk| bulk.uuid().into_bytes()),
        ])
        .map_err(|error| Failure::from(error).or_conflict(DONE_BEFORE))?;
    Ok(())
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<AuditCursor>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        let conditions = conditions(filter, before);
        self.readers().read(move |connection| list(connection, &conditions, size)).await
    }

    async fn holds(&self, ids: &[AuditId]) -> Result<bool, StoreError> {
        let ids = ids.to_vec();
        let read = move |connection: &Connection| {
            let mut select = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM audit_logs WHERE id = ?1)")?;
            for id in &ids {
                if select.query_row([id.uuid().as_bytes()], |row| row.get(0))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        self.readers().read(read).await
    }
}

/// The translation of [`AuditFilter::matches`].
fn conditions(filter: &AuditFilter, before: Option<AuditCursor>) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(id) = &filter.entity_id {
        conditions.add("entity_id = ?", id.uuid().as_bytes().to_vec());
    }
    if let Some(user) = &filter.user {
        conditions.add("user_id = ?", user.clone());
    }
    if let Some(action) = &filter.action {
        conditions.add("action = ?", action.clone());
    }
    if let Some(kind) = &filter.entity_kind {
        conditions.add("entity_type = ?", kind.clone());
    }
    if filter.leaves_starts_out() {
        conditions.add_bare("action <> 'execute'");
    }
    if let Some(since) = filter.since {
        conditions.add("at >= ?", micros(since));
    }
    if let Some(until) = filter.until {
        conditions.add("at <= ?", micros(until));
    }
    if let Some(before) = before {
        conditions.add_pair("(at, place) < (?, ?)", micros(before.at), before.place);
    }
    conditions
}

fn list(connection: &Connection, conditions: &Conditions, size: u32) -> Outcome<AuditPage> {
    let sql = format!("SELECT {ROW} FROM audit_logs{} ORDER BY at DESC, place DESC LIMIT ?", conditions.sql());
    // One more than is wanted tells whether more follows.
    let values = conditions.limited(i64::from(size) + 1);
    let mut found = all(&mut *connection.prepare_cached(&sql)?, params_from_iter(values), record)?;
    let is_last = found.len() <= size as usize;
    found.truncate(size as usize);
    let next = found.last().filter(|_| !is_last).map(|(place, row)| AuditCursor { at: row.at, place: *place });
    Ok(AuditPage { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

fn record(row: &Row<'_>) -> Outcome<(i64, AuditRecord)> {
    let bulk: Option<Vec<u8>> = row.get(12)?;
    let bulk = bulk.map(|bytes| parsed("UUID", Uuid::from_slice(&bytes))).transpose()?;
    let record = AuditRecord {
        id: AuditId::new(uuid(row, 1)?),
        at: time(row, 2)?,
        user: row.get(3)?,
        credential: row.get(4)?,
        request: row.get(5)?,
        address: row.get(6)?,
        action: row.get(7)?,
        entity_kind: row.get(8)?,
        entity_id: EntityId::new(text(row, 9)?),
        entity_name: row.get(10)?,
        changes: Some(parsed("change", serde_json::from_str(text(row, 11)?))?),
        bulk: bulk.map(BulkId::new),
    };
    Ok((row.get(0).map_err(Failure::from)?, record))
}
