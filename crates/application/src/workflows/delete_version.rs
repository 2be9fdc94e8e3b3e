//! Deletes one version of a workflow, softly: it stays readable, and is executed no more.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::Action,
    ids::WorkflowId,
    ports::{Runs, StoreError, Workflows},
    revision::{Expected, Outdated},
    workflows::{VersionAddress, WorkflowDefinition, WorkflowStatus},
};

use super::{GetVersionError, get_version::find, status_change::StatusChange};
use crate::{Ports, TRIES};

/// A version is being executed.
#[derive(Debug, thiserror::Error)]
#[error("Version {version} of workflow '{name}' has {live} pending or running runs and cannot be deleted")]
pub struct LiveRuns {
    /// The version's number.
    pub version: u32,
    /// The workflow's name.
    pub name: String,
    /// How many runs.
    pub live: u64,
}

/// Why a version was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteVersionError {
    /// There is no such version.
    #[error(transparent)]
    Version(#[from] GetVersionError),
    /// It is the newest of several. Its row stands for the workflow, so that all the others would go with it.
    #[error(
        "Version {version} is the newest of workflow '{name}' and cannot be deleted without it; archive it or roll back to \
         another version"
    )]
    Newest {
        /// The version's number.
        version: u32,
        /// The workflow's name.
        name: String,
    },
    /// It is being executed.
    #[error(transparent)]
    LiveRuns(#[from] LiveRuns),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes one version of a workflow.
pub struct DeleteVersion {
    workflows: Arc<dyn Workflows>,
    runs: Arc<dyn Runs>,
    change: StatusChange,
}

impl DeleteVersion {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { workflows: ports.workflows.clone(), runs: ports.runs.clone(), change: StatusChange::new(ports) }
    }

    /// Deletes the version with this number, if it is the expected revision; deleting it again changes nothing. Answers the row as it is then.
    pub async fn execute(
        &self,
        expected: &Expected,
        id: WorkflowId,
        version: u32,
        by: &Actor,
    ) -> Result<WorkflowDefinition, DeleteVersionError> {
        let mut tries = 0;
        loop {
            let row = find(&*self.workflows, id, version).await?;
            expected.check(row.id.uuid(), row.revision)?;
            if row.status != WorkflowStatus::Deleted {
                if row.is_head() && version > 1 {
                    return Err(DeleteVersionError::Newest { version, name: row.name.as_str().to_owned() });
                }
                check_idle(&*self.runs, &row).await??;
            }
            tries += 1;
            match self.change.make(row, WorkflowStatus::Deleted, Action::DeleteVersion, by).await {
                Ok(row) => return Ok(row),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// Refuses a version that is being executed. A run that is started at this very moment may be missed; it goes on, as its
/// plan is kept for as long as it needs it.
pub(super) async fn check_idle(runs: &dyn Runs, row: &WorkflowDefinition) -> Result<Result<(), LiveRuns>, StoreError> {
    Ok(match runs.live_of(VersionAddress::from(row)).await? {
        0 => Ok(()),
        live => Err(LiveRuns { version: row.version, name: row.name.as_str().to_owned(), live }),
    })
}
