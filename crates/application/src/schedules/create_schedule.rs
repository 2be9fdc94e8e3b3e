//! Makes a schedule.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, ScheduleId},
    ports::{Clock, IdGenerator, Schedules, StoreError, Transactions},
    schedules::{Schedule, ScheduleName, ScheduleState},
};

use super::{
    RefusedSchedule, ScheduleContent,
    content::{CheckError, Checker},
};
use crate::Ports;

/// A schedule that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// What is said about it.
    pub content: ScheduleContent,
    /// Whether it does not tick yet.
    pub paused: bool,
}

/// Why no schedule was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateScheduleError {
    /// Another schedule has the name.
    #[error("Schedule with name '{0}' already exists")]
    NameTaken(ScheduleName),
    /// It makes no sense.
    #[error(transparent)]
    Refused(#[from] RefusedSchedule),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CheckError> for CreateScheduleError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refused) => refused.into(),
            CheckError::Store(error) => error.into(),
        }
    }
}

/// Makes a schedule.
pub struct CreateSchedule {
    checker: Checker,
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            checker: Checker::new(ports),
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Makes it; from then on it ticks, unless it is paused.
    pub async fn execute(&self, new: NewSchedule, by: &Actor) -> Result<Schedule, CreateScheduleError> {
        let (id, entry) = (ScheduleId::new(self.ids.unique()), AuditId::new(self.ids.unique()));
        let now = self.clock.now();
        let NewSchedule { content, paused } = new;
        let next = self.checker.check(id, &content, now, None).await?;
        let schedule = Schedule {
            id,
            name: content.name,
            workflow: content.workflow,
            version: content.version,
            timing: content.timing,
            input: content.input,
            overlap: content.overlap,
            missed: content.missed,
            grace: content.grace,
            state: if paused { ScheduleState::Paused } else { ScheduleState::Active },
            next_at: (!paused).then_some(next),
            queued: None,
            last: None,
            last_started: None,
            revision: 1,
            created_at: now,
            created_by: by.name.clone(),
            updated_at: now,
            updated_by: by.name.clone(),
        };
        match self.keep(&schedule, entry, by).await {
            Ok(()) => Ok(schedule),
            // It may be there under this very id: made by an attempt that could not answer.
            Err(StoreError::Conflict(_)) => match self.schedules.get(id).await? {
                Some(made) => Ok(made),
                None => Err(CreateScheduleError::NameTaken(schedule.name)),
            },
            Err(other) => Err(other.into()),
        }
    }

    async fn keep(&self, schedule: &Schedule, entry: AuditId, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_schedule(schedule).await?;
        let at = schedule.created_at;
        if let Some(entry) = AuditEntry::of_schedule(entry, by, Action::Create, None, Some(schedule), at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
