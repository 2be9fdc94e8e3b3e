//! The statuses of workflows and their versions, as they may be asked for in different places.

use domain::workflows::WorkflowStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Any status.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
pub(super) enum WorkflowStatusName {
    Draft,
    Active,
    Deprecated,
    Archived,
    Inactive,
    Deleted,
}

impl From<WorkflowStatusName> for WorkflowStatus {
    fn from(name: WorkflowStatusName) -> Self {
        match name {
            WorkflowStatusName::Draft => Self::Draft,
            WorkflowStatusName::Active => Self::Active,
            WorkflowStatusName::Deprecated => Self::Deprecated,
            WorkflowStatusName::Archived => Self::Archived,
            WorkflowStatusName::Inactive => Self::Inactive,
            WorkflowStatusName::Deleted => Self::Deleted,
        }
    }
}

/// What a version can be made; for `deleted` there is another method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
pub(super) enum EditableStatus {
    Draft,
    Active,
    Deprecated,
    Archived,
    Inactive,
}

impl EditableStatus {
    /// Whether a version can begin with it. `inactive` closes the whole workflow, whatever its newest version is.
    pub(super) fn is_for_new_content(self) -> bool {
        match self {
            Self::Draft | Self::Active | Self::Inactive => true,
            Self::Deprecated | Self::Archived => false,
        }
    }
}

impl From<EditableStatus> for WorkflowStatus {
    fn from(status: EditableStatus) -> Self {
        match status {
            EditableStatus::Draft => Self::Draft,
            EditableStatus::Active => Self::Active,
            EditableStatus::Deprecated => Self::Deprecated,
            EditableStatus::Archived => Self::Archived,
            EditableStatus::Inactive => Self::Inactive,
        }
    }
}

/// What a new workflow begins with.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
pub(super) enum InitialStatus {
    Draft,
    #[default]
    Active,
}

impl From<InitialStatus> for WorkflowStatus {
    fn from(status: InitialStatus) -> Self {
        match status {
            InitialStatus::Draft => Self::Draft,
            InitialStatus::Active => Self::Active,
        }
    }
}
