//! Lists runs.

use std::sync::Arc;

use domain::{
    page::{Page, PageRequest, SortOrder},
    ports::{Runs, StoreError},
    runs::{Run, RunFilter, RunSort},
};

use crate::Ports;

/// Lists runs.
pub struct ListRuns {
    runs: Arc<dyn Runs>,
}

impl ListRuns {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { runs: ports.runs.clone() }
    }

    /// A page of the runs that the filter lets through.
    pub async fn execute(
        &self,
        filter: &RunFilter,
        sort: RunSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Run>, StoreError> {
        self.runs.list(filter, sort, order, page).await
    }
}
