//! Says what is to be said about a document without saving it.

use std::sync::Arc;

use domain::{
    ports::{Agents, Schemas, StoreError},
    workflows::{Diagnostic, WorkflowDocument},
};

use super::draft;
use crate::Ports;

/// Validates a workflow.
pub struct ValidateWorkflow {
    agents: Arc<dyn Agents>,
    schemas: Arc<dyn Schemas>,
}

impl ValidateWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone(), schemas: ports.schemas.clone() }
    }

    /// All findings, warnings too; without one that is an error the document would be saved.
    pub async fn execute(&self, document: &WorkflowDocument) -> Result<Vec<Diagnostic>, StoreError> {
        draft::examined(&*self.agents, &*self.schemas, document).await.map(|(_, findings)| findings)
    }
}
