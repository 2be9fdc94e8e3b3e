//! Reads one workflow, or one version of it.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    ports::{StoreError, Workflows},
    workflows::WorkflowDefinition,
};

use crate::Ports;

/// Why no workflow was read.
#[derive(Debug, thiserror::Error)]
pub enum GetWorkflowError {
    /// There is none with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads one workflow.
pub struct GetWorkflow {
    workflows: Arc<dyn Workflows>,
}

impl GetWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone() }
    }

    /// The row with this id, deleted or not.
    pub async fn execute(&self, id: WorkflowId) -> Result<WorkflowDefinition, GetWorkflowError> {
        self.workflows.get(id).await?.ok_or(GetWorkflowError::NotFound(id))
    }
}
