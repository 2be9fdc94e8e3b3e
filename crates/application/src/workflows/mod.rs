//! Use cases for workflow definitions.

mod create_workflow;
mod delete_workflow;
pub(crate) mod draft;
mod get_workflow;
mod list_versions;
mod list_workflows;
mod update_workflow;
mod validate_workflow;

pub use create_workflow::{CreateWorkflow, CreateWorkflowError, NewWorkflow};
pub use delete_workflow::{DeleteWorkflow, DeleteWorkflowError};
pub use draft::Refused;
pub use get_workflow::{GetWorkflow, GetWorkflowError};
pub use list_versions::ListVersions;
pub use list_workflows::ListWorkflows;
pub use update_workflow::{UpdateWorkflow, UpdateWorkflowError, WorkflowChanges};
pub use validate_workflow::ValidateWorkflow;
