//! Lists the versions of a workflow.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    page::{Page, PageRequest},
    ports::Workflows,
    workflows::WorkflowDefinition,
};

use super::GetWorkflowError;
use crate::Ports;

/// Lists the versions of a workflow.
pub struct ListVersions {
    workflows: Arc<dyn Workflows>,
}

impl ListVersions {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone() }
    }

    /// A page of the versions of the chain that the row belongs to, newest first.
    pub async fn execute(
        &self,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, GetWorkflowError> {
        let row = self.workflows.get(id).await?.ok_or(GetWorkflowError::NotFound(id))?;
        Ok(self.workflows.versions(row.head, page).await?)
    }
}
