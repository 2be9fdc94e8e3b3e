//! Goes back to an older version of a workflow: a new version with the old content.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::Action,
    ids::WorkflowId,
    ports::Workflows,
    revision::Expected,
    workflows::{ChangeSummary, WorkflowDefinition},
};

use super::{GetVersionError, UpdateWorkflow, UpdateWorkflowError, WorkflowChanges, get_version::find};
use crate::Ports;

/// Why a workflow was not rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollBackWorkflowError {
    /// There is no such version.
    #[error(transparent)]
    Version(#[from] GetVersionError),
    /// The new version was not made.
    #[error(transparent)]
    Update(#[from] UpdateWorkflowError),
}

/// Goes back to an older version of a workflow.
pub struct RollBackWorkflow {
    workflows: Arc<dyn Workflows>,
    update: UpdateWorkflow,
}

impl RollBackWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone(), update: UpdateWorkflow::new(ports) }
    }

    /// Makes the next version of the chain that the row belongs to, with the content of the version with this number. It is
    /// checked as any other: what was sound once may name agents that are gone.
    pub async fn execute(
        &self,
        id: WorkflowId,
        version: u32,
        change_summary: Option<ChangeSummary>,
        by: &Actor,
    ) -> Result<WorkflowDefinition, RollBackWorkflowError> {
        let old = find(&*self.workflows, id, version).await?;
        let changes = WorkflowChanges {
            start_step: Some(old.document.start_step),
            steps: Some(old.document.steps),
            input_schema: Some(old.document.input_schema),
            output: Some(old.document.output),
            on_complete: Some(old.document.on_complete),
            timeout_seconds: Some(old.document.limits.timeout_seconds),
            max_retry_budget: Some(old.document.limits.max_retry_budget),
            change_summary: Some(change_summary.unwrap_or_else(|| ChangeSummary::of_rollback(version))),
            ..WorkflowChanges::default()
        };
        Ok(self.update.execute_as(Action::RollBack, &Expected::Any, old.head, &changes, by).await?)
    }
}
