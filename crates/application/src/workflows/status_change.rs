//! Gives a row another status: what deleting and changing the status of versions have in common.

use std::sync::Arc;

use domain::{
    access::Actor,
    ports::{Clock, StoreError, Transactions},
    workflows::{WorkflowDefinition, WorkflowStatus},
};

use crate::Ports;

/// Gives rows another status.
pub(super) struct StatusChange {
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
}

impl StatusChange {
    pub(super) fn new(ports: &Ports) -> Self {
        Self { transactions: ports.transactions.clone(), clock: ports.clock.clone() }
    }

    /// Answers the row as it is then; a status that it has already changes nothing. `Conflict` if somebody else was quicker.
    pub(super) async fn make(
        &self,
        row: WorkflowDefinition,
        status: WorkflowStatus,
        by: &Actor,
    ) -> Result<WorkflowDefinition, StoreError> {
        if row.status == status {
            return Ok(row);
        }
        let row = WorkflowDefinition {
            status,
            revision: row.revision + 1,
            updated_at: self.clock.now(),
            updated_by: Some(by.name.clone()),
            ..row
        };
        let mut work = self.transactions.begin().await?;
        work.replace_workflow(&row).await?;
        work.commit().await?;
        Ok(row)
    }
}
