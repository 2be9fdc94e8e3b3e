//! Pauses and resumes a schedule.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, ScheduleId},
    ports::{Calendar, Clock, DONE_BEFORE, IdGenerator, Schedules, StoreError, Transactions},
    schedules::{Schedule, ScheduleState, Tick, TickReason, first_tick},
};

use crate::{Ports, TRIES};

/// Why a schedule was not paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeScheduleStateError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// It has no tick left.
    #[error("Schedule '{0}' has ended")]
    Ended(ScheduleId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Pauses and resumes a schedule.
pub struct ChangeScheduleState {
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    calendar: Arc<dyn Calendar>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl ChangeScheduleState {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            calendar: ports.calendar.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// It does not tick until it is resumed; a tick that waits is left out. Its runs go on. Pausing it again changes nothing.
    pub async fn pause(&self, id: ScheduleId, by: &Actor) -> Result<Schedule, ChangeScheduleStateError> {
        self.change(id, ScheduleState::Paused, by).await
    }

    /// It ticks again, from now on: what would have been due meanwhile was not missed. Resuming it again changes nothing.
    pub async fn resume(&self, id: ScheduleId, by: &Actor) -> Result<Schedule, ChangeScheduleStateError> {
        self.change(id, ScheduleState::Active, by).await
    }

    async fn change(
        &self,
        id: ScheduleId,
        to: ScheduleState,
        by: &Actor,
    ) -> Result<Schedule, ChangeScheduleStateError> {
        let entry = AuditId::new(self.ids.unique());
        let mut tries = 0;
        loop {
            let before = self.schedules.get(id).await?.ok_or(ChangeScheduleStateError::NotFound(id))?;
            if before.state == to {
                return Ok(before);
            }
            if before.state == ScheduleState::Ended {
                return Err(ChangeScheduleStateError::Ended(id));
            }
            let after = self.changed(&before, to, by)?;
            tries += 1;
            match self.keep(&before, &after, entry, by).await {
                Ok(()) => return Ok(after),
                // By an attempt that could not answer.
                Err(StoreError::Conflict(DONE_BEFORE)) => return Ok(before),
                // It has ticked meanwhile.
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    fn changed(&self, before: &Schedule, to: ScheduleState, by: &Actor) -> Result<Schedule, StoreError> {
        let now = self.clock.now();
        let next_at = match to {
            ScheduleState::Active => {
                let Schedule { timing, last, .. } = before;
                let unreadable = |invalid| StoreError::Corrupt(format!("a schedule cannot be read: {invalid:?}"));
                let ticks = self.calendar.read(&timing.cron, &timing.zone).map_err(unreadable)?;
                first_tick(timing, &*ticks, now, *last)
            }
            ScheduleState::Paused | ScheduleState::Ended => None,
        };
        let is_over = to == ScheduleState::Active && next_at.is_none();
        Ok(Schedule {
            state: if is_over { ScheduleState::Ended } else { to },
            next_at,
            queued: None,
            revision: before.revision + 1,
            updated_at: now,
            updated_by: by.name.clone(),
            ..before.clone()
        })
    }

    async fn keep(&self, before: &Schedule, after: &Schedule, entry: AuditId, by: &Actor) -> Result<(), StoreError> {
        let waiting = match before.queued {
            Some(id) => self.schedules.ticks_by_id(&[id]).await?,
            None => Vec::new(),
        };
        let mut work = self.transactions.begin().await?;
        work.replace_schedule(after).await?;
        for tick in waiting {
            let left_out = Tick { decided_at: after.updated_at, ..tick.skipped(TickReason::Paused) };
            work.change_tick(&left_out).await?;
        }
        let action = if after.state == ScheduleState::Paused { Action::Pause } else { Action::Unpause };
        let at = after.updated_at;
        if let Some(entry) = AuditEntry::of_schedule(entry, by, action, Some(before), Some(after), at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
