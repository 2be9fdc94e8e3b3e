//! Reads one version of a workflow by its number.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    ports::{StoreError, Workflows},
    workflows::WorkflowDefinition,
};

use crate::Ports;

/// Why no version was read or changed.
#[derive(Debug, thiserror::Error)]
pub enum GetVersionError {
    /// There is no workflow with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The workflow has no version with this number.
    #[error("Workflow '{workflow}' has no version {version}")]
    NoVersion {
        /// The workflow as it was addressed.
        workflow: WorkflowId,
        /// The number.
        version: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads one version of a workflow.
pub struct GetVersion {
    workflows: Arc<dyn Workflows>,
}

impl GetVersion {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone() }
    }

    /// The version with this number in the chain that the row belongs to, deleted or not.
    pub async fn execute(&self, id: WorkflowId, version: u32) -> Result<WorkflowDefinition, GetVersionError> {
        find(&*self.workflows, id, version).await
    }
}

/// The version with this number in the chain that the row belongs to.
pub(super) async fn find(
    workflows: &dyn Workflows,
    id: WorkflowId,
    version: u32,
) -> Result<WorkflowDefinition, GetVersionError> {
    let row = workflows.get(id).await?.ok_or(GetVersionError::NotFound(id))?;
    if row.version == version {
        return Ok(row);
    }
    let found = workflows.version(row.head, version).await?;
    found.ok_or(GetVersionError::NoVersion { workflow: id, version })
}
