//! One entry, as it is written.

use super::{Action, Changes, Entity};
use crate::{
    Timestamp,
    access::Actor,
    ids::{AuditId, BulkId},
};

/// The most characters of a text of an entry; the columns of the old table hold no more.
const MAX_CHARS: usize = 255;

/// That somebody did something. It is written in the transaction that does it, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who, with which credential, by which request.
    pub by: Actor,
    /// What was done.
    pub action: Action,
    /// To what.
    pub entity: Entity,
    /// What changes.
    pub changes: Changes,
    /// The same for all entries that one request for many things makes.
    pub bulk: Option<BulkId>,
}

impl AuditEntry {
    /// An entry. Texts that no column holds are cut, so that an entry never keeps the change from being made.
    pub fn new(id: AuditId, at: Timestamp, by: &Actor, action: Action, mut entity: Entity, changes: Changes) -> Self {
        let by = Actor {
            name: cut(&by.name),
            credential: by.credential.as_deref().map(cut),
            request: by.request.as_deref().map(cut),
            address: by.address,
            trace: None,
        };
        entity.name = entity.name.as_deref().map(cut);
        Self { id, at, by, action, entity, changes, bulk: None }
    }

    /// The same as one of many.
    #[must_use]
    pub fn among(mut self, bulk: Option<BulkId>) -> Self {
        self.bulk = bulk;
        self
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MAX_CHARS).collect()
}
