//! Removes a dead letter that nobody wants to have done any more.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, DeadLetterId},
    ports::{Clock, DeadLetters, IdGenerator},
};

use super::GetDeadLetterError;
use crate::Ports;

/// Removes a dead letter. The run that it came from, and the one that was started to do its work, stay.
pub struct DeleteDeadLetter {
    dead_letters: Arc<dyn DeadLetters>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl DeleteDeadLetter {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { dead_letters: ports.dead_letters.clone(), clock: ports.clock.clone(), ids: ports.ids.clone() }
    }

    /// Removes the entry.
    pub async fn execute(&self, id: DeadLetterId, by: &Actor) -> Result<(), GetDeadLetterError> {
        let letter = self.dead_letters.get(id).await?.ok_or(GetDeadLetterError::NotFound(id))?;
        let audit = AuditId::new(self.ids.unique());
        let entry = AuditEntry::of_deleted_letter(audit, by, &letter, self.clock.now());
        if self.dead_letters.delete(id, &entry).await? { Ok(()) } else { Err(GetDeadLetterError::NotFound(id)) }
    }
}
