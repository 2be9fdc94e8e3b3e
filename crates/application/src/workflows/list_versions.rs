//! Lists the versions of a workflow.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    page::{Page, PageRequest},
    ports::{StoreError, Workflows},
    workflows::WorkflowDefinition,
};

use crate::Ports;

/// Why no versions were listed.
#[derive(Debug, thiserror::Error)]
pub enum ListVersionsError {
    /// There is no workflow with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The page follows a place in the list of another workflow.
    #[error("belongs to the versions of another workflow")]
    ForeignPlace,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
    ) -> Result<Page<WorkflowDefinition>, ListVersionsError> {
        let row = self.workflows.get(id).await?.ok_or(ListVersionsError::NotFound(id))?;
        if page.cursor().is_some_and(|place| place.id != row.head.to_string()) {
            return Err(ListVersionsError::ForeignPlace);
        }
        Ok(self.workflows.versions(row.head, page).await?)
    }
}
