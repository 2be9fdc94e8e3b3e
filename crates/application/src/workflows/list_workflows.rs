//! Lists workflows.

use std::sync::Arc;

use domain::{
    page::{Page, PageRequest, SortOrder},
    ports::{StoreError, Workflows},
    workflows::{WorkflowDefinition, WorkflowFilter, WorkflowSort},
};

use crate::Ports;

/// Lists workflows by their newest versions.
pub struct ListWorkflows {
    workflows: Arc<dyn Workflows>,
}

impl ListWorkflows {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone() }
    }

    /// A page of the workflows that the filter lets through.
    pub async fn execute(
        &self,
        filter: &WorkflowFilter,
        sort: WorkflowSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        self.workflows.list(filter, sort, order, page).await
    }
}
