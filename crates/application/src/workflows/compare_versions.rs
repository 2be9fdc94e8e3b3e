//! Compares two versions of a workflow.

use std::sync::Arc;

use domain::{
    ids::WorkflowId,
    ports::Workflows,
    workflows::{Difference, WorkflowDefinition},
};

use super::{GetVersionError, get_version::find};
use crate::Ports;

/// Two versions and what differs.
#[derive(Debug)]
pub struct Comparison {
    /// The version that the changes start from.
    pub from: WorkflowDefinition,
    /// The version that they lead to.
    pub to: WorkflowDefinition,
    /// The changes.
    pub difference: Difference,
}

/// Compares two versions of a workflow.
pub struct CompareVersions {
    workflows: Arc<dyn Workflows>,
}

impl CompareVersions {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone() }
    }

    /// What changed from one version to another, in either direction, of the chain that the row belongs to.
    pub async fn execute(&self, id: WorkflowId, from: u32, to: u32) -> Result<Comparison, GetVersionError> {
        let from = find(&*self.workflows, id, from).await?;
        let to = find(&*self.workflows, id, to).await?;
        let difference = Difference::between(&from.document, &to.document);
        Ok(Comparison { from, to, difference })
    }
}
