//! Deletes a workflow or one of its versions, softly: runs go on, and everything stays readable.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    ports::{Clock, StoreError, Transactions, Workflows},
    workflows::{WorkflowDefinition, WorkflowStatus},
};

use crate::{Ports, TRIES};

/// Why a workflow was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteWorkflowError {
    /// There is none with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes a workflow.
pub struct DeleteWorkflow {
    workflows: Arc<dyn Workflows>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
}

impl DeleteWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            workflows: ports.workflows.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// Deletes the row with this id; deleting it again changes nothing. Answers the row as it is then.
    pub async fn execute(&self, id: WorkflowId, by: &str) -> Result<WorkflowDefinition, DeleteWorkflowError> {
        let mut tries = 0;
        loop {
            let mut row = self.workflows.get(id).await?.ok_or(DeleteWorkflowError::NotFound(id))?;
            if row.status == WorkflowStatus::Deleted {
                return Ok(row);
            }
            row.status = WorkflowStatus::Deleted;
            row.revision += 1;
            row.updated_at = self.clock.now();
            row.updated_by = Some(by.to_owned());
            tries += 1;
            match self.keep(&row).await {
                Ok(()) => return Ok(row),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn keep(&self, row: &WorkflowDefinition) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_workflow(row).await?;
        work.commit().await
    }
}
