//! What is asked about runs.

use std::time::Duration;

use application::runs::{Begins, Order};
use domain::{
    ids::{InvalidId, RunId, StepId, WorkflowId},
    payload::Payload,
    runs::{InvalidLabels, Labels, RunFilter, RunSort, RunStatus, follower_of},
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    cursor::Places,
    labels::{self, LabelItem, LabelsBody},
    lists::{self, Direction, ListQuery, Which},
};
use crate::{api::Moment, problem::Problem};

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
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunQuery {
    /// Only this status, or one of these: `FAILED,CANCELLED`.
    status: Option<Vec<RunStatusName>>,
    /// Only runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
    /// The same as `workflow_id`.
    workflow_definition_id: Option<Uuid>,
    /// Only runs of the workflow with exactly this name.
    #[schemars(length(min = 1, max = 255))]
    workflow_name: Option<String>,
    /// Only runs of versions with this number.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    workflow_version: Option<u32>,
    /// Only runs that this run has started.
    #[schemars(length(min = 1, max = 255))]
    parent_run_id: Option<String>,
    /// Only runs created at this time or later. A time without a zone is UTC.
    created_after: Option<Moment>,
    /// Only runs created at this time or earlier. A time without a zone is UTC.
    created_before: Option<Moment>,
    /// Only runs that completed or failed at this time or later. A time without a zone is UTC.
    completed_after: Option<Moment>,
    /// Only runs that completed or failed at this time or earlier. A time without a zone is UTC.
    completed_before: Option<Moment>,
    /// Only runs that this one started, by the name that runs tell: `user:alice`, `key:ci`; of a child, the id of its parent.
    #[schemars(length(min = 1, max = 255))]
    triggered_by: Option<String>,
    /// Only runs that follow this run, by its `on_complete`. Not together with another `triggered_by`.
    #[schemars(length(min = 1, max = 255))]
    follows_run_id: Option<String>,
    /// Only runs with this text in their `error_message`; A to Z are the same in either case. Not for credentials that payloads are
    /// hidden from.
    #[schemars(length(min = 1, max = 500))]
    error_contains: Option<String>,
    /// Only runs that have all of these labels: `team:blue,env:prod`.
    #[schemars(length(max = 16))]
    labels: Option<Vec<LabelItem>>,
    /// What the list is sorted by.
    #[serde(default)]
    pub(crate) sort_by: RunSortName,
    /// The direction of the sorting.
    #[serde(default)]
    pub(crate) sort_order: Direction,
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
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
        match (self.follows_run_id.is_some(), self.followed(), &self.triggered_by) {
            (true, None, _) => {
                report
                    .append(parent().join("follows_run_id"), garde::Error::new("must not contain control characters"));
            }
            (true, Some(run), Some(by)) if *by != follower_of(&run) => {
                let message = "cannot be given together with another triggered_by, which is how such runs are found";
                report.append(parent().join("follows_run_id"), garde::Error::new(message));
            }
            (true, Some(_), _) | (false, ..) => {}
        }
        check_run_times(
            [self.created_after, self.created_before, self.completed_after, self.completed_before],
            parent,
            report,
        );
        if self.labels().is_err() {
            report.append(parent().join("labels"), garde::Error::new("must not give a label two values"));
        }
        self.check_page(parent, report);
    }
}

/// That the ranges of times have something in between.
pub(super) fn check_run_times(
    [created_after, created_before, completed_after, completed_before]: [Option<Moment>; 4],
    parent: &mut dyn FnMut() -> Path,
    report: &mut Report,
) {
    lists::check_range(["created_after", "created_before"], created_after, created_before, parent, report);
    lists::check_range(["completed_after", "completed_before"], completed_after, completed_before, parent, report);
}

impl ListQuery for RunQuery {
    const LIST: &'static str = "runs";

    fn places(&self) -> Places {
        Places::RunsByTime
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

impl RunQuery {
    fn labels(&self) -> Result<Labels, InvalidLabels> {
        labels::wanted(self.labels.as_deref().unwrap_or_default())
    }

    fn followed(&self) -> Option<RunId> {
        self.follows_run_id.as_deref().and_then(|id| RunId::parse(id).ok())
    }

    /// Whether it asks for what only those may know who may see payloads.
    pub(crate) fn reads_payloads(&self) -> bool {
        self.error_contains.is_some()
    }

    pub(crate) fn filter(&self) -> RunFilter {
        RunFilter {
            statuses: self.status.iter().flatten().copied().map(Into::into).collect(),
            workflow: self.workflow_id.or(self.workflow_definition_id).map(WorkflowId::new),
            workflow_name: self.workflow_name.clone(),
            workflow_version: self.workflow_version,
            created_after: self.created_after.map(|at| at.0),
            created_before: self.created_before.map(|at| at.0),
            completed_after: self.completed_after.map(|at| at.0),
            completed_before: self.completed_before.map(|at| at.0),
            triggered_by: self.followed().map(|run| follower_of(&run)).or_else(|| self.triggered_by.clone()),
            error_contains: self.error_contains.clone(),
            labels: self.labels().unwrap_or_default(),
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

impl From<RunStatus> for RunStatusName {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Pending => Self::Pending,
            RunStatus::Running => Self::Running,
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// A run to be started.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteWorkflow {
    /// The input, to which steps refer as `${workflow.input.…}`.
    input_data: Map<String, Value>,
    /// The number of the version to be executed, which must be active or deprecated. Without it, an older version's id stands
    /// for that version, and the workflow's for its newest active one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    version: Option<u32>,
    /// Short texts by which the run is found again. Runs that it starts do not have them; a replay of one of its dead letters does.
    #[serde(default)]
    labels: LabelsBody,
    /// When the run is to begin, at most 366 days ahead; until then it is PENDING, and says so in `waiting_on`. A time that is past
    /// means now, and one without a zone is UTC. Not together with `delay_seconds`.
    start_at: Option<Moment>,
    /// After how many seconds the run is to begin instead.
    #[schemars(range(min = 0, max = 31_622_400))]
    delay_seconds: Option<u32>,
}

impl Validate for ExecuteWorkflow {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if self.start_at.is_some() && self.delay_seconds.is_some() {
            report.append(parent().join("delay_seconds"), garde::Error::new("cannot be given together with start_at"));
        }
    }
}

impl ExecuteWorkflow {
    /// What is wanted. Fails only for an input that cannot be stored; the schema keeps the bounds of labels.
    pub(crate) fn order(self) -> Result<Order, Problem> {
        let begins = match (self.start_at, self.delay_seconds) {
            (Some(Moment(at)), _) => Begins::At(at),
            (None, Some(seconds)) => Begins::In(Duration::from_secs(seconds.into())),
            (None, None) => Begins::AtOnce,
        };
        Ok(Order {
            version: self.version,
            input: Payload::new(Value::Object(self.input_data))?,
            labels: self.labels.labels().map_err(Problem::internal)?,
            begins,
        })
    }
}

/// How a run is to be retried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRun {
    /// The step at which the run stopped; a run cannot be resumed anywhere else.
    #[schemars(length(min = 1))]
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
    /// Why; the run's `error_message` becomes `Cancelled: ` and this.
    #[schemars(length(max = 500))]
    pub(crate) reason: Option<String>,
}

impl crate::api::Checked for CancelRun {}
impl crate::api::Checked for RetryRun {}
impl crate::api::Checked for RunPath {}
impl crate::api::Checked for NothingMore {}
impl crate::api::Checked for RunQuery {}
impl crate::api::Checked for ExecuteWorkflow {}
