//! Deletes a workflow, or an older version by its own id, softly: everything stays readable.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::Action,
    ids::WorkflowId,
    ports::{Runs, StoreError, Workflows},
    revision::{Expected, Outdated},
    workflows::{WorkflowDefinition, WorkflowStatus},
};

use super::{
    delete_version::{LiveRuns, check_idle},
    status_change::StatusChange,
};
use crate::{Ports, TRIES};

/// Why a workflow was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteWorkflowError {
    /// There is none with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The id names an older version, and that is being executed.
    #[error(transparent)]
    LiveRuns(#[from] LiveRuns),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes a workflow.
pub struct DeleteWorkflow {
    workflows: Arc<dyn Workflows>,
    runs: Arc<dyn Runs>,
    change: StatusChange,
}

impl DeleteWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone(), runs: ports.runs.clone(), change: StatusChange::new(ports) }
    }

    /// Deletes the row with this id, if it is the expected revision; deleting it again changes nothing. Answers the row as it is then.
    ///
    /// The head stands for the whole workflow, whose runs go on. An older version is deleted only while no run executes it.
    pub async fn execute(
        &self,
        expected: &Expected,
        id: WorkflowId,
        by: &Actor,
    ) -> Result<WorkflowDefinition, DeleteWorkflowError> {
        let mut tries = 0;
        loop {
            let row = self.workflows.get(id).await?.ok_or(DeleteWorkflowError::NotFound(id))?;
            expected.check(id.uuid(), row.revision)?;
            if !row.is_head() && row.status != WorkflowStatus::Deleted {
                check_idle(&*self.runs, &row).await??;
            }
            tries += 1;
            let action = if row.is_head() { Action::Delete } else { Action::DeleteVersion };
            match self.change.make(row, WorkflowStatus::Deleted, action, by).await {
                Ok(row) => return Ok(row),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}
