//! The audit log. It is not sealed: what is in memory is nobody else's to change.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{
    audit::{AuditCursor, AuditEntry, AuditFilter, AuditPage, AuditRecord},
    ids::AuditId,
    ports::{AuditLog, DONE_BEFORE, StoreError},
};

use crate::MemoryStore;

/// The rows, in the order in which they were written.
#[derive(Default)]
pub(crate) struct AuditTable(Vec<AuditRecord>, HashSet<AuditId>);

impl AuditTable {
    pub(crate) fn add<'a>(&mut self, entries: impl IntoIterator<Item = &'a AuditEntry>) {
        for entry in entries {
            self.1.insert(entry.id);
            self.0.push(record(entry));
        }
    }

    pub(crate) fn holds(&self, id: AuditId) -> bool {
        self.1.contains(&id)
    }

    /// [`DONE_BEFORE`] if an entry is there.
    pub(crate) fn check(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        if self.holds(entry.id) { Err(StoreError::Conflict(DONE_BEFORE)) } else { Ok(()) }
    }

    fn cursor(&self, index: usize) -> AuditCursor {
        AuditCursor { at: self.0[index].at, place: i64::try_from(index).unwrap_or(i64::MAX) }
    }
}

fn record(entry: &AuditEntry) -> AuditRecord {
    AuditRecord {
        id: entry.id,
        at: entry.at,
        user: Some(entry.by.name.clone()),
        credential: entry.by.credential.clone(),
        request: entry.by.request.clone(),
        address: entry.by.address.map(|address| address.to_string()),
        action: entry.action.as_str().to_owned(),
        entity_kind: entry.entity.kind.as_str().to_owned(),
        entity_id: entry.entity.id.clone(),
        entity_name: entry.entity.name.clone(),
        changes: Some(entry.changes.value()),
        bulk: entry.bulk,
    }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<AuditCursor>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        let state = self.lock();
        let table = &state.audit;
        let sorts = |cursor: AuditCursor| (cursor.at, cursor.place);
        let mut found: Vec<usize> = (0..table.0.len()).filter(|index| filter.matches(&table.0[*index])).collect();
        found.retain(|index| before.is_none_or(|before| sorts(table.cursor(*index)) < sorts(before)));
        found.sort_by_key(|index| std::cmp::Reverse(sorts(table.cursor(*index))));
        let is_last = found.len() <= size as usize;
        found.truncate(size as usize);
        let next = found.last().filter(|_| !is_last).map(|index| table.cursor(*index));
        Ok(AuditPage { rows: found.iter().map(|index| table.0[*index].clone()).collect(), next })
    }

    async fn holds(&self, ids: &[AuditId]) -> Result<bool, StoreError> {
        let state = self.lock();
        Ok(ids.iter().any(|id| state.audit.holds(*id)))
    }
}
