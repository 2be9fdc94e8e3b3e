//! What is asked about single versions.

use domain::workflows::{ChangeSummary, WorkflowStatus};
use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::workflow_status::EditableStatus;
use crate::api::Checked;

/// Names one version by its number.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct VersionPath {
    /// The id of the workflow, or of any of its versions.
    pub(crate) workflow_id: Uuid,
    /// The number of the version.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) version: u32,
}

/// Names two versions by their numbers.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct VersionsPath {
    /// The id of the workflow, or of any of its versions.
    pub(crate) workflow_id: Uuid,
    /// The number of the version that the changes start from.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) version: u32,
    /// The number of the version that the changes lead to.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) other: u32,
}

/// What is to change about a version: its status, and nothing else.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct ChangeVersion {
    /// `draft` and `archived` versions are not executed, `deprecated` ones are executed with a warning. `inactive` on the newest
    /// version closes the whole workflow.
    status: EditableStatus,
}

impl ChangeVersion {
    pub(crate) fn status(&self) -> WorkflowStatus {
        self.status.into()
    }
}

/// Which version a workflow goes back to.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct RollBackWorkflow {
    /// The number of the version whose content the new version has.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) version: u32,
    /// Why. Without it, the new version says which one it goes back to.
    #[schemars(length(max = 1000))]
    change_summary: Option<String>,
}

impl RollBackWorkflow {
    pub(crate) fn change_summary(&self) -> Option<ChangeSummary> {
        self.change_summary.as_deref().and_then(ChangeSummary::parse)
    }
}

impl Checked for VersionPath {}
impl Checked for VersionsPath {}
impl Checked for ChangeVersion {}
impl Checked for RollBackWorkflow {}
