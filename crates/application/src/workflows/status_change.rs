//! Gives a row another status: what deleting and changing the status of versions have in common.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::AuditId,
    ports::{Clock, IdGenerator, StoreError, Transactions},
    workflows::{WorkflowDefinition, WorkflowStatus},
};

use crate::Ports;

/// Gives rows another status.
pub(super) struct StatusChange {
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl StatusChange {
    pub(super) fn new(ports: &Ports) -> Self {
        Self { transactions: ports.transactions.clone(), clock: ports.clock.clone(), ids: ports.ids.clone() }
    }

    /// Answers the row as it is then; a status that it has already changes nothing. `Conflict` if somebody else was quicker.
    pub(super) async fn make(
        &self,
        row: WorkflowDefinition,
        status: WorkflowStatus,
        action: Action,
        by: &Actor,
    ) -> Result<WorkflowDefinition, StoreError> {
        if row.status == status {
            return Ok(row);
        }
        let old = row.clone();
        let row = WorkflowDefinition {
            status,
            revision: row.revision + 1,
            updated_at: self.clock.now(),
            updated_by: Some(by.name.clone()),
            ..row
        };
        let entry = AuditEntry::of_workflow(AuditId::new(self.ids.unique()), by, action, Some(&old), &row);
        let mut work = self.transactions.begin().await?;
        work.replace_workflow(&row).await?;
        work.record(&entry).await?;
        work.commit().await?;
        Ok(row)
    }
}
