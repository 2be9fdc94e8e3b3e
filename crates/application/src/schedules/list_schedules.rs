//! Lists schedules.

use std::sync::Arc;

use domain::{
    page::{Page, PageRequest},
    ports::{Schedules, StoreError},
    schedules::ScheduleFilter,
};

use super::ScheduleDetails;
use crate::Ports;

/// Lists schedules.
pub struct ListSchedules {
    schedules: Arc<dyn Schedules>,
}

impl ListSchedules {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { schedules: ports.schedules.clone() }
    }

    /// A page of the schedules, by name.
    pub async fn execute(
        &self,
        filter: &ScheduleFilter,
        page: PageRequest,
    ) -> Result<Page<ScheduleDetails>, StoreError> {
        let Page { items, total, next } = self.schedules.list(filter, page).await?;
        Ok(Page { items: ScheduleDetails::of(items, &*self.schedules).await?, total, next })
    }
}

/// The first item of a list.
pub(super) fn first() -> PageRequest {
    PageRequest::new(1, 1).expect("1 is a page and a size")
}
