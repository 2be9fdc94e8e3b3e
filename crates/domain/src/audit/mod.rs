//! The audit log: who changed what, written in the transaction of the change, and chained so that later changes of the log
//! itself are found.
//!
//! Executors' own transitions are no entries: the events of a run are their log. What is read of the log is a
//! [`AuditRecord`], with the words of whoever wrote it; the old system wrote there too.

mod action;
mod chain;
mod changes;
mod entity;
mod entry;
mod mark;
mod of;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;
mod verify;

pub use action::Action;
pub use chain::{
    Block, ChainBroken, Continued, Place, SealableRow, canonical, continue_chain, note_is_due, sign_is_due,
};
pub use changes::Changes;
pub use entity::{Entity, EntityId, EntityKind};
pub use entry::AuditEntry;
pub use mark::{Mac, Mark, MarkKind};
pub use record::{AuditCursor, AuditFilter, AuditPage, AuditRecord};
pub use verify::{Finding, Places, Witness, check_block, check_mark};
