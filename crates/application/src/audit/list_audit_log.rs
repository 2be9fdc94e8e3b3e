//! Reads the audit log.

use std::sync::Arc;

use domain::{
    audit::{AuditCursor, AuditFilter, AuditPage},
    ports::{AuditLog, StoreError},
};

use crate::Ports;

/// Reads the audit log.
pub struct ListAuditLog {
    audit: Arc<dyn AuditLog>,
}

impl ListAuditLog {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { audit: ports.audit.clone() }
    }

    /// A page of the log, newest first; with the cursor of a page, what is older than it.
    pub async fn execute(
        &self,
        filter: &AuditFilter,
        before: Option<AuditCursor>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        self.audit.list(filter, before, size).await
    }
}
