//! Reads a schedule.

use std::sync::Arc;

use domain::{
    ids::ScheduleId,
    ports::{Schedules, StoreError},
    schedules::{Schedule, Tick},
};

use crate::Ports;

/// A schedule with its last tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleDetails {
    /// The schedule.
    pub schedule: Schedule,
    /// The last tick, if it is still known.
    pub last: Option<Tick>,
}

impl ScheduleDetails {
    /// Schedules with their last ticks.
    pub(super) async fn of(schedules: Vec<Schedule>, store: &dyn Schedules) -> Result<Vec<Self>, StoreError> {
        let last = |schedule: &Schedule| schedule.last.map(|last| last.id);
        let ids: Vec<_> = schedules.iter().filter_map(last).collect();
        let ticks = if ids.is_empty() { Vec::new() } else { store.ticks_by_id(&ids).await? };
        let detailed = |schedule: Schedule| {
            let id = last(&schedule);
            Self { last: ticks.iter().find(|tick| Some(tick.id) == id).cloned(), schedule }
        };
        Ok(schedules.into_iter().map(detailed).collect())
    }
}

/// Why a schedule cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GetScheduleError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a schedule.
pub struct GetSchedule {
    schedules: Arc<dyn Schedules>,
}

impl GetSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { schedules: ports.schedules.clone() }
    }

    /// The schedule with this id.
    pub async fn execute(&self, id: ScheduleId) -> Result<ScheduleDetails, GetScheduleError> {
        let found = self.schedules.get(id).await?.ok_or(GetScheduleError::NotFound(id))?;
        self.with_last(found).await.map_err(Into::into)
    }

    /// A schedule with its last tick.
    pub async fn with_last(&self, schedule: Schedule) -> Result<ScheduleDetails, StoreError> {
        let none = ScheduleDetails { schedule: schedule.clone(), last: None };
        Ok(ScheduleDetails::of(vec![schedule], &*self.schedules).await?.pop().unwrap_or(none))
    }
}
