//! Schedules as a store keeps them, and the calendar that knows when they tick.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    ids::{ScheduleId, TickId},
    page::{Page, PageRequest},
    schedules::{Schedule, ScheduleFilter, Tick},
};

/// Schedules and their ticks. They are changed in units of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Schedules: Send + Sync {
    /// A schedule.
    async fn get(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;

    /// A page of the schedules that [`ScheduleFilter::matches`], by name in the order of code points.
    async fn list(&self, filter: &ScheduleFilter, page: PageRequest) -> Result<Page<Schedule>, StoreError>;

    /// The schedules that [are due](Schedule::is_due) at a time, those whose next tick is the earliest first and those that only
    /// have a tick that waits at last; at most so many.
    async fn due(&self, at: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError>;

    /// A page of a schedule's ticks, the latest first and then by id, the greatest first.
    async fn ticks(&self, of: ScheduleId, page: PageRequest) -> Result<Page<Tick>, StoreError>;

    /// Those of these ticks that are there, in any order.
    async fn ticks_by_id(&self, ids: &[TickId]) -> Result<Vec<Tick>, StoreError>;

    /// Ticks that were to be started before a time and are still [`Starting`](crate::schedules::TickStatus::Starting), the oldest
    /// decision first; at most so many.
    async fn unstarted(&self, before: Timestamp, limit: usize) -> Result<Vec<Tick>, StoreError>;

    /// Removes ticks that were decided before a time and neither wait nor are to be started, the oldest first and at most so
    /// many; answers how many.
    async fn forget_ticks(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// When something ticks.
pub trait Ticks: Debug + Send + Sync {
    /// The first tick after a time; none if there is none any more. MUST be later than the time, and a whole second.
    fn after(&self, at: Timestamp) -> Option<Timestamp>;

    /// A time as clocks show it where the ticks are meant, with its distance from UTC (RFC 3339).
    fn local(&self, at: Timestamp) -> String;
}

/// Why a cron expression with a time zone says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvalidTiming {
    /// What is wrong with the expression, for people.
    pub cron: Option<String>,
    /// What is wrong with the time zone, for people.
    pub zone: Option<String>,
}

/// Reads cron expressions.
pub trait Calendar: Send + Sync {
    /// Reads an expression of five fields, or of six with the seconds first, as it is meant in a time zone of the IANA. MUST refuse
    /// what has no tick at all, and tell what is wrong with both at once.
    fn read(&self, cron: &str, zone: &str) -> Result<Arc<dyn Ticks>, InvalidTiming>;
}

/// Reads nothing: for whoever has no schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCalendar;

impl Calendar for NoCalendar {
    fn read(&self, _cron: &str, _zone: &str) -> Result<Arc<dyn Ticks>, InvalidTiming> {
        Err(InvalidTiming { cron: Some("there is no calendar here".to_owned()), zone: None })
    }
}
