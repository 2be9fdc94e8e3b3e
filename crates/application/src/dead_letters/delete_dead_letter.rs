//! Removes a dead letter that nobody wants to have done any more.

use std::sync::Arc;

use domain::{ids::DeadLetterId, ports::DeadLetters};

use super::GetDeadLetterError;
use crate::Ports;

/// Removes a dead letter. The run that it came from, and the one that was started to do its work, stay.
pub struct DeleteDeadLetter {
    dead_letters: Arc<dyn DeadLetters>,
}

impl DeleteDeadLetter {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { dead_letters: ports.dead_letters.clone() }
    }

    /// Removes the entry.
    pub async fn execute(&self, id: DeadLetterId) -> Result<(), GetDeadLetterError> {
        if self.dead_letters.delete(id).await? { Ok(()) } else { Err(GetDeadLetterError::NotFound(id)) }
    }
}
