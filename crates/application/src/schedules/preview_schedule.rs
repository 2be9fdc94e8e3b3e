//! Tells when a schedule will tick.

use std::sync::Arc;

use domain::{
    Timestamp,
    ids::ScheduleId,
    ports::{Clock, Schedules, StoreError},
    schedules::{Timing, first_tick, just_before},
};

use super::{RefusedSchedule, content::Checker};
use crate::Ports;

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PreviewScheduleError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// It makes no sense.
    #[error(transparent)]
    Refused(#[from] RefusedSchedule),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A tick that will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// When.
    pub at: Timestamp,
    /// The same as clocks show it in the schedule's time zone (RFC 3339).
    pub local: String,
}

/// Tells when a schedule will tick.
pub struct PreviewSchedule {
    checker: Checker,
    schedules: Arc<dyn Schedules>,
    clock: Arc<dyn Clock>,
}

impl PreviewSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { checker: Checker::new(ports), schedules: ports.schedules.clone(), clock: ports.clock.clone() }
    }

    /// The next so many ticks of a schedule; of one that is paused, those that it would have if it were resumed now.
    pub async fn execute(&self, id: ScheduleId, count: usize) -> Result<Vec<Preview>, PreviewScheduleError> {
        let found = self.schedules.get(id).await?.ok_or(PreviewScheduleError::NotFound(id))?;
        match found.next_at {
            // What is due and not decided about yet is still to come.
            Some(next) => self.line(&found.timing, just_before(next), count),
            None => self.of_timing(&found.timing, count),
        }
    }

    /// The next so many ticks by a timing, from now on.
    pub fn of_timing(&self, timing: &Timing, count: usize) -> Result<Vec<Preview>, PreviewScheduleError> {
        self.line(timing, self.clock.now(), count)
    }

    fn line(&self, timing: &Timing, from: Timestamp, count: usize) -> Result<Vec<Preview>, PreviewScheduleError> {
        let mut mistakes = Vec::new();
        let ticks = self.checker.ticks(timing, &mut mistakes);
        let Some(ticks) = ticks.filter(|_| mistakes.is_empty()) else { return Err(RefusedSchedule(mistakes).into()) };
        let next = |after: Timestamp| first_tick(timing, &*ticks, after, None);
        let line = std::iter::successors(next(from), |at| next(*at));
        Ok(line.take(count).map(|at| Preview { at, local: ticks.local(at) }).collect())
    }
}
