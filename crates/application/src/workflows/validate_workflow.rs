//! Says what is to be said about a document without saving it.

use domain::{
    ports::StoreError,
    workflows::{Diagnostic, WorkflowDocument},
};

use super::draft::DocumentCheck;
use crate::Ports;

/// Validates a workflow.
pub struct ValidateWorkflow {
    documents: DocumentCheck,
}

impl ValidateWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { documents: DocumentCheck::new(ports) }
    }

    /// All findings, warnings too; without one that is an error the document would be saved.
    pub async fn execute(&self, document: &WorkflowDocument) -> Result<Vec<Diagnostic>, StoreError> {
        self.documents.examined(document).await.map(|(_, findings)| findings)
    }
}
