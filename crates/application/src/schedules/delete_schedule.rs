//! Deletes a schedule.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, ScheduleId},
    ports::{Clock, IdGenerator, Schedules, StoreError, Transactions},
    schedules::Schedule,
};

use crate::{Ports, TRIES};

/// Why a schedule was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteScheduleError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes a schedule.
pub struct DeleteSchedule {
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl DeleteSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Deletes it, with what is known of its ticks. The runs that it has started stay, and go on.
    pub async fn execute(&self, id: ScheduleId, by: &Actor) -> Result<Schedule, DeleteScheduleError> {
        let mut tries = 0;
        loop {
            let schedule = self.schedules.get(id).await?.ok_or(DeleteScheduleError::NotFound(id))?;
            tries += 1;
            match self.remove(&schedule, by).await {
                Ok(()) => return Ok(schedule),
                // It has ticked meanwhile.
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn remove(&self, schedule: &Schedule, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.remove_schedule(schedule).await?;
        let (id, at) = (AuditId::new(self.ids.unique()), self.clock.now());
        if let Some(entry) = AuditEntry::of_schedule(id, by, Action::Delete, Some(schedule), None, at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
