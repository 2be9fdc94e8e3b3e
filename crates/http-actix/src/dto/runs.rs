//! What is asked about runs.

use domain::{
    ids::{InvalidId, RunId, StepId, WorkflowId},
    payload::{NotStorable, Payload},
    runs::{RunFilter, RunSort, RunStatus},
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::lists::{self, Direction};
use crate::api::Moment;

/// Names one run.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RunPath {
    /// The run's id.
    #[schemars(length(min = 1, max = 255))]
    run_id: String,
}

impl RunPath {
    pub(crate) fn id(&self) -> Result<RunId, InvalidId> {
        RunId::parse(&self.run_id)
    }
}

impl Validate for RunPath {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if self.id().is_err() {
            report.append(parent().join("run_id"), garde::Error::new("must not contain control characters"));
        }
    }
}

/// Nothing needs to be said; what is said must be an empty object.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingMore {}

/// Which runs are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunQuery {
    /// Only this status.
    status: Option<RunStatusName>,
    /// Only runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
    /// The same as `workflow_id`.
    workflow_definition_id: Option<Uuid>,
    /// Only runs that this run has started.
    #[schemars(length(min = 1, max = 255))]
    parent_run_id: Option<String>,
    /// Only runs created at this time or later. A time without a zone is UTC.
    created_after: Option<Moment>,
    /// Only runs created at this time or earlier. A time without a zone is UTC.
    created_before: Option<Moment>,
    /// What the list is sorted by.
    #[serde(default)]
    pub(crate) sort_by: RunSortName,
    /// The direction of the sorting.
    #[serde(default)]
    pub(crate) sort_order: Direction,
    /// The number of the page, from 1.
    #[serde(default = "lists::first")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) page: u32,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) page_size: u32,
}

impl Validate for RunQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let (Some(one), Some(other)) = (self.workflow_id, self.workflow_definition_id)
            && one != other
        {
            let message = "must be the same as workflow_id, which means the same";
            report.append(parent().join("workflow_definition_id"), garde::Error::new(message));
        }
        if self.parent_run_id.as_deref().is_some_and(|id| RunId::parse(id).is_err()) {
            report.append(parent().join("parent_run_id"), garde::Error::new("must not contain control characters"));
        }
        lists::check_range(
            ["created_after", "created_before"],
            self.created_after,
            self.created_before,
            parent,
            report,
        );
    }
}

impl RunQuery {
    pub(crate) fn filter(&self) -> RunFilter {
        RunFilter {
            status: self.status.map(Into::into),
            workflow: self.workflow_id.or(self.workflow_definition_id).map(WorkflowId::new),
            created_after: self.created_after.map(|at| at.0),
            created_before: self.created_before.map(|at| at.0),
            parent: self.parent_run_id.as_deref().and_then(|id| RunId::parse(id).ok()),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum RunSortName {
    #[default]
    CreatedAt,
    UpdatedAt,
}

impl From<RunSortName> for RunSort {
    fn from(name: RunSortName) -> Self {
        match name {
            RunSortName::CreatedAt => Self::CreatedAt,
            RunSortName::UpdatedAt => Self::UpdatedAt,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(super) enum RunStatusName {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl From<RunStatusName> for RunStatus {
    fn from(name: RunStatusName) -> Self {
        match name {
            RunStatusName::Pending => Self::Pending,
            RunStatusName::Running => Self::Running,
            RunStatusName::Completed => Self::Completed,
            RunStatusName::Failed => Self::Failed,
            RunStatusName::Cancelled => Self::Cancelled,
        }
    }
}

/// A run to be started.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct ExecuteWorkflow {
    /// The input, to which steps refer as `${workflow.input.…}`.
    input_data: Map<String, Value>,
    /// The number of the version to be executed, which must be active or deprecated. Without it, an older version's id stands
    /// for that version, and the workflow's for its newest active one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) version: Option<u32>,
}

impl ExecuteWorkflow {
    pub(crate) fn input(self) -> Result<Payload, NotStorable> {
        Payload::new(Value::Object(self.input_data))
    }
}

/// How a run is to be retried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRun {
    /// The step at which the run stopped; a run cannot be resumed anywhere else.
    resume_from_step: Option<String>,
}

impl Validate for RetryRun {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Err(invalid) = self.step() {
            report.append(parent().join("resume_from_step"), garde::Error::new(invalid.to_string()));
        }
    }
}

impl RetryRun {
    pub(crate) fn step(&self) -> Result<Option<StepId>, InvalidId> {
        self.resume_from_step.as_deref().map(StepId::parse).transpose()
    }
}

/// How a run is to be cancelled.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct CancelRun {
    /// Why; kept as the run's `error_message`.
    #[schemars(length(max = 500))]
    pub(crate) reason: Option<String>,
}

impl crate::api::Checked for CancelRun {}
impl crate::api::Checked for RetryRun {}
impl crate::api::Checked for RunPath {}
impl crate::api::Checked for NothingMore {}
impl crate::api::Checked for RunQuery {}
impl crate::api::Checked for ExecuteWorkflow {}
