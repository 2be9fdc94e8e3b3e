//! Lists what a schedule has started, and what it has not.

use std::sync::Arc;

use domain::{
    ids::ScheduleId,
    page::{Page, PageRequest},
    ports::Schedules,
    schedules::Tick,
};

use super::GetScheduleError;
use crate::Ports;

/// Lists the ticks of a schedule.
pub struct ListTicks {
    schedules: Arc<dyn Schedules>,
}

impl ListTicks {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { schedules: ports.schedules.clone() }
    }

    /// A page of the ticks, the latest first.
    pub async fn execute(&self, of: ScheduleId, page: PageRequest) -> Result<Page<Tick>, GetScheduleError> {
        self.schedules.get(of).await?.ok_or(GetScheduleError::NotFound(of))?;
        Ok(self.schedules.ticks(of, page).await?)
    }
}
