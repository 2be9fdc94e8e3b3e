//! Reads a dead letter with all that is known about it.

use std::sync::Arc;

use domain::{
    ids::DeadLetterId,
    payload::Payload,
    ports::{DeadLetters, StoreError},
    runs::{DeadLetterEntry, StepExecution},
};

use crate::Ports;

/// Why a dead letter was not found.
#[derive(Debug, thiserror::Error)]
pub enum GetDeadLetterError {
    /// There is no such entry, or not any more.
    #[error("Dead letter with id '{0}' not found")]
    NotFound(DeadLetterId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A dead letter, with the rows of its attempts.
#[derive(Debug)]
pub struct DeadLetterDetail {
    /// The entry.
    pub entry: DeadLetterEntry,
    /// Every attempt of the step in the run that failed first; behind them those in the run that failed last, if that is
    /// another one.
    pub attempts: Vec<StepExecution>,
}

impl DeadLetterDetail {
    /// What the agent was sent last.
    pub fn input(&self) -> Option<&Payload> {
        let DeadLetterEntry { last_run, last, .. } = &self.entry;
        let is_last = |row: &&StepExecution| row.run == *last_run && row.execution == Some(last.execution);
        self.attempts.iter().find(is_last).map(|row| &row.input)
    }
}

/// Reads a dead letter.
pub struct GetDeadLetter {
    dead_letters: Arc<dyn DeadLetters>,
}

impl GetDeadLetter {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { dead_letters: ports.dead_letters.clone() }
    }

    /// The entry with its attempts.
    pub async fn execute(&self, id: DeadLetterId) -> Result<DeadLetterDetail, GetDeadLetterError> {
        let entry = self.dead_letters.get(id).await?.ok_or(GetDeadLetterError::NotFound(id))?;
        let mut attempts = self.dead_letters.attempts(&entry.run, &entry.last.path).await?;
        if entry.last_run != entry.run {
            attempts.extend(self.dead_letters.attempts(&entry.last_run, &entry.last.path).await?);
        }
        Ok(DeadLetterDetail { entry, attempts })
    }
}
