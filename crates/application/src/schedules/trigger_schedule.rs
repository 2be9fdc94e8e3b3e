//! Has a schedule start a run now.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, ScheduleId, TickId},
    ports::{Clock, IdGenerator, Schedules, StoreError, Transactions},
    schedules::{Tick, TickStatus},
};

use super::FireSchedule;
use crate::Ports;

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum TriggerScheduleError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// Its workflow cannot be run as it is.
    #[error("the run could not be started: {0}")]
    NotStarted(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has a schedule start a run now.
pub struct TriggerSchedule {
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    fire_schedule: FireSchedule,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl TriggerSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            fire_schedule: FireSchedule::new(ports),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Starts a run beside those of the schedule's own ticks, whatever its state and its policies are. Answers the tick, whose run
    /// may be about to be started.
    pub async fn execute(&self, id: ScheduleId, by: &Actor) -> Result<Tick, TriggerScheduleError> {
        let schedule = self.schedules.get(id).await?.ok_or(TriggerScheduleError::NotFound(id))?;
        let tick = Tick::asked_for(TickId::new(self.ids.unique()), id, self.clock.now());
        let entry = AuditEntry::of_trigger(AuditId::new(self.ids.unique()), by, &schedule, &tick);
        match self.keep(&tick, &entry).await {
            Ok(()) => {}
            // The same request has come this far before.
            Err(StoreError::Conflict(_)) if !self.schedules.ticks_by_id(&[tick.id]).await?.is_empty() => {}
            Err(StoreError::Conflict(_)) => return Err(TriggerScheduleError::NotFound(id)),
            Err(other) => return Err(other.into()),
        }
        let tick = self.fire_schedule.start(&schedule, tick, by).await?;
        match tick.status {
            TickStatus::Refused => Err(TriggerScheduleError::NotStarted(tick.message.unwrap_or_default())),
            TickStatus::Starting | TickStatus::Started | TickStatus::Waiting | TickStatus::Skipped => Ok(tick),
        }
    }

    async fn keep(&self, tick: &Tick, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_tick(tick).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
