//! The audit log: its rows, and reading them. How they are sealed is in `chain.rs`.

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::{AuditCursor, AuditEntry, AuditFilter, AuditPage, AuditRecord, EntityId},
    ids::{AuditId, BulkId},
    ports::{AuditLog, DONE_BEFORE, StoreError},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, QueryBuilder, types::chrono::NaiveDateTime};
use uuid::Uuid;

use crate::{
    PgStore,
    failure::{Failure, Outcome},
};

/// Writes entries, in the transaction of what they tell of. For a single one that is there, see [`done_before`].
pub(crate) async fn write(connection: &mut PgConnection, entries: &[&AuditEntry]) -> Outcome<()> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("sql/audit.sql"))
        .bind(column(entries, |entry| entry.id.uuid()))
        .bind(column(entries, |entry| entry.entity.kind.as_str()))
        .bind(column(entries, |entry| entry.entity.id.uuid()))
        .bind(column(entries, |entry| entry.action.as_str()))
        .bind(column(entries, |entry| entry.by.name.as_str()))
        .bind(column(entries, |entry| entry.changes.text()))
        .bind(column(entries, |entry| entry.at))
        .bind(column(entries, key))
        .bind(column(entries, |entry| entry.entity.name.as_deref()))
        .bind(column(entries, |entry| entry.by.credential.as_deref()))
        .bind(column(entries, |entry| entry.by.request.as_deref()))
        .bind(column(entries, |entry| entry.by.address.map(|address| address.to_string())))
        .bind(column(entries, |entry| entry.bulk.map(BulkId::uuid)))
        .execute(connection)
        .await?;
    Ok(())
}

/// That an entry is there already is a conflict, for those who write one.
pub(crate) fn done_before(failure: Failure) -> Failure {
    failure.or_conflict(DONE_BEFORE)
}

/// The id of the thing as a text, where it does not follow from its UUID.
fn key(entry: &AuditEntry) -> Option<&str> {
    let id = &entry.entity.id;
    let follows = EntityId::of_old(entry.entity.kind.as_str(), id.uuid()) == *id;
    (!follows).then(|| id.as_str())
}

fn column<'a, T>(entries: &[&'a AuditEntry], value: impl Fn(&'a AuditEntry) -> T) -> Vec<T> {
    entries.iter().map(|entry| value(entry)).collect()
}

/// The same for a unit of work.
pub(crate) async fn record(transaction: &DatabaseTransaction, entry: &AuditEntry) -> Outcome<u64> {
    let values: [sea_orm::Value; 13] = [
        entry.id.uuid().into(),
        entry.entity.kind.as_str().into(),
        entry.entity.id.uuid().into(),
        entry.action.as_str().into(),
        entry.by.name.as_str().into(),
        entry.changes.text().into(),
        entry.at.into(),
        key(entry).into(),
        entry.entity.name.clone().into(),
        entry.by.credential.clone().into(),
        entry.by.request.clone().into(),
        entry.by.address.map(|address| address.to_string()).into(),
        entry.bulk.map(BulkId::uuid).into(),
    ];
    let insert = Statement::from_sql_and_values(DbBackend::Postgres, include_str!("sql/audit_one.sql"), values);
    Ok(transaction.execute_raw(insert).await?.rows_affected())
}

/// A row of the table, of the old system too, with the columns of [`wanted`].
type Row = (
    i64,
    Uuid,
    String,
    Uuid,
    String,
    Option<String>,
    Option<Value>,
    NaiveDateTime,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Uuid>,
);

#[async_trait]
impl AuditLog for PgStore {
    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<AuditCursor>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        let mut query = wanted(filter, before);
        // One more than is wanted tells whether more follows.
        query.push(" ORDER BY created_at DESC, place DESC LIMIT ").push_bind(i64::from(size) + 1);
        let rows: Vec<Row> = query.build_query_as().fetch_all(self.pool()).await.map_err(Failure::from)?;
        let is_last = rows.len() <= size as usize;
        let found: Vec<(i64, AuditRecord)> = rows.into_iter().take(size as usize).map(record_of).collect();
        let next = found.last().filter(|_| !is_last).map(|(place, row)| AuditCursor { at: row.at, place: *place });
        Ok(AuditPage { rows: found.into_iter().map(|(_, row)| row).collect(), next })
    }

    async fn holds(&self, ids: &[AuditId]) -> Result<bool, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let select = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM audit_logs WHERE id = ANY ($1))").bind(ids);
        Ok(select.fetch_one(self.pool()).await.map_err(Failure::from)?)
    }
}

/// The translation of [`AuditFilter::matches`].
fn wanted(filter: &AuditFilter, before: Option<AuditCursor>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT place, id, entity_type, entity_id, action, user_id, changes, created_at, entity_key, entity_name, credential,
                request_id, address, bulk_id
         FROM audit_logs WHERE true",
    );
    if let Some(id) = &filter.entity_id {
        query.push(" AND entity_id = ").push_bind(id.uuid());
    }
    if let Some(user) = &filter.user {
        query.push(" AND user_id COLLATE \"C\" = ").push_bind(user.clone());
    }
    if let Some(action) = &filter.action {
        query.push(" AND action = ").push_bind(action.clone());
    }
    if let Some(kind) = &filter.entity_kind {
        query.push(" AND entity_type = ").push_bind(kind.clone());
    }
    if filter.leaves_starts_out() {
        query.push(" AND action <> 'execute'");
    }
    let naive = |at: Timestamp| at.naive_utc();
    if let Some(since) = filter.since {
        query.push(" AND created_at >= ").push_bind(naive(since));
    }
    if let Some(until) = filter.until {
        query.push(" AND created_at <= ").push_bind(naive(until));
    }
    if let Some(before) = before {
        query.push(" AND (created_at, place) < (").push_bind(naive(before.at));
        query.push(", ").push_bind(before.place).push(")");
    }
    query
}

/// The row with its place.
fn record_of(row: Row) -> (i64, AuditRecord) {
    let (place, id, kind, entity_id, action, user, changes, created_at, key, name, credential, request, address, bulk) =
        row;
    let entity_id = match &key {
        Some(key) => EntityId::new(key),
        None => EntityId::of_old(&kind, entity_id),
    };
    let record = AuditRecord {
        id: AuditId::new(id),
        at: created_at.and_utc(),
        user,
        credential,
        request,
        address,
        action,
        entity_kind: kind,
        entity_id,
        entity_name: name,
        // The old system writes the JSON value null for nothing (contract 4.2).
        changes: changes.filter(|changes| !changes.is_null()),
        bulk: bulk.map(BulkId::new),
    };
    (place, record)
}
