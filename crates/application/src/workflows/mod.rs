//! Use cases for workflow definitions.

mod change_version_status;
mod compare_versions;
mod create_workflow;
mod delete_version;
mod delete_workflow;
mod descent;
pub(crate) mod draft;
mod find_child;
mod get_version;
mod get_workflow;
mod list_versions;
mod list_workflows;
mod rehearsal;
mod roll_back_workflow;
mod status_change;
mod test_workflow;
mod update_workflow;
mod validate_workflow;

pub use change_version_status::{ChangeVersionStatus, ChangeVersionStatusError};
pub use compare_versions::{CompareVersions, Comparison};
pub use create_workflow::{CreateWorkflow, CreateWorkflowError, NewWorkflow};
pub use delete_version::{DeleteVersion, DeleteVersionError, LiveRuns};
pub use delete_workflow::{DeleteWorkflow, DeleteWorkflowError};
pub use draft::Refused;
pub use find_child::find_child;
pub use get_version::{GetVersion, GetVersionError};
pub use get_workflow::{GetWorkflow, GetWorkflowError};
pub use list_versions::{ListVersions, ListVersionsError};
pub use list_workflows::ListWorkflows;
pub use rehearsal::{Begun, MAX_ATTEMPTS, MAX_EVENTS, MAX_PATH_TOLD, Mocks, RehearsalEnd, Rehearsed};
pub use roll_back_workflow::{RollBackWorkflow, RollBackWorkflowError};
pub use test_workflow::{TestWorkflow, TestWorkflowError};
pub use update_workflow::{UpdateWorkflow, UpdateWorkflowError, WorkflowChanges};
pub use validate_workflow::ValidateWorkflow;
