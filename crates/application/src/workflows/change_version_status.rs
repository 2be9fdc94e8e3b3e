//! Changes the status of one version; its content never changes.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::Action,
    ids::WorkflowId,
    ports::{StoreError, Workflows},
    revision::{Expected, Outdated},
    workflows::{WorkflowDefinition, WorkflowStatus},
};

use super::{
    GetVersionError,
    draft::{DocumentCheck, Refused},
    get_version::find,
    status_change::StatusChange,
};
use crate::{Ports, TRIES};

/// Why a version keeps its status.
#[derive(Debug, thiserror::Error)]
pub enum ChangeVersionStatusError {
    /// There is no such version.
    #[error(transparent)]
    Version(#[from] GetVersionError),
    /// It is a draft that could not be saved any more.
    #[error("{}", .0.first())]
    Refused(Refused),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes the status of one version.
pub struct ChangeVersionStatus {
    documents: DocumentCheck,
    workflows: Arc<dyn Workflows>,
    change: StatusChange,
}

impl ChangeVersionStatus {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            documents: DocumentCheck::new(ports),
            workflows: ports.workflows.clone(),
            change: StatusChange::new(ports),
        }
    }

    /// Gives the version with this number the status, if it is the expected revision. That of the newest version is also the workflow's, as
    /// [`WorkflowStatus::closes_workflow`] says.
    pub async fn execute(
        &self,
        expected: &Expected,
        id: WorkflowId,
        version: u32,
        status: WorkflowStatus,
        by: &Actor,
    ) -> Result<WorkflowDefinition, ChangeVersionStatusError> {
        let mut tries = 0;
        loop {
            let row = find(&*self.workflows, id, version).await?;
            expected.check(row.id.uuid(), row.revision)?;
            self.documents.check_activation(&row, status).await?.map_err(ChangeVersionStatusError::Refused)?;
            tries += 1;
            match self.change.make(row, status, Action::ChangeStatus, by).await {
                Ok(row) => return Ok(row),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}
