//! The log as it is read: rows of whoever wrote them, newest first.

use serde_json::Value;

use super::EntityId;
use crate::{
    Timestamp,
    ids::{AuditId, BulkId},
};

/// A row of the log. Its words are those that were stored: the old system and later versions have others.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its id.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it; the old system may not have said so.
    pub user: Option<String>,
    /// With which key or token.
    pub credential: Option<String>,
    /// By which request.
    pub request: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub entity_kind: String,
    /// To which.
    pub entity_id: EntityId,
    /// What people called it.
    pub entity_name: Option<String>,
    /// What changed.
    pub changes: Option<Value>,
    /// The same for all that one request for many things did.
    pub bulk: Option<BulkId>,
}

/// Which rows are wanted; `None` is no restriction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this user, exactly.
    pub user: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// About this kind of thing.
    pub entity_kind: Option<String>,
    /// About this thing.
    pub entity_id: Option<EntityId>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// At this time or earlier.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether a row is wanted. The one definition, which SQL adapters translate.
    pub fn matches(&self, row: &AuditRecord) -> bool {
        self.user.as_ref().is_none_or(|user| row.user.as_ref() == Some(user))
            && self.action.as_ref().is_none_or(|action| row.action == *action)
            && self.entity_kind.as_ref().is_none_or(|kind| row.entity_kind == *kind)
            && self.entity_id.as_ref().is_none_or(|id| row.entity_id.uuid() == id.uuid())
            && self.since.is_none_or(|since| row.at >= since)
            && self.until.is_none_or(|until| row.at <= until)
    }

    /// Whether no start of a run is wanted: nearly all rows are such, and a store may keep a small index of all others.
    pub fn leaves_starts_out(&self) -> bool {
        self.action.as_deref().is_some_and(|action| action != "execute")
            || self.entity_kind.as_deref().is_some_and(|kind| kind != "run")
    }
}

/// Where a page ends: the next one holds what is older. Ties are kept apart by the place in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor {
    /// When the last row of the page was made.
    pub at: Timestamp,
    /// Its place in the store.
    pub place: i64,
}

impl AuditCursor {
    /// As a text that means nothing to anybody.
    pub fn text(self) -> String {
        format!("{:016x}{:016x}", self.at.timestamp_micros(), self.place)
    }

    /// Reads [`AuditCursor::text`] back.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        let (at, place) = if digits { text.split_at(16) } else { return None };
        let number = |hex: &str| u64::from_str_radix(hex, 16).ok().map(u64::cast_signed);
        Some(Self { at: Timestamp::from_timestamp_micros(number(at)?)?, place: number(place)? })
    }
}

/// A page of the log, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPage {
    /// Its rows.
    pub rows: Vec<AuditRecord>,
    /// Where it ends, if more follows.
    pub next: Option<AuditCursor>,
}
