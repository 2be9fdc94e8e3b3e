//! What people do to runs beside starting, retrying and cancelling one: rerun from a step, skip a step, change many at once.

use application::{
    access::Named,
    runs::{Change, Changed, MAX_CHANGED, ManyChanged, Selection},
};
use domain::{
    ids::{InvalidId, RunId, StepPath, WorkflowId},
    payload::{NotStorable, Payload},
    runs::RunFilter,
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    labels::LabelsBody,
    runs::{RunStatusName, check_run_times},
};
use crate::api::Moment;

/// From where a run is to be done anew.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerunRun {
    /// The step: its id, or its path where it lies in blocks, as the list of a run's steps shows it.
    #[schemars(length(min = 1, max = 1024), extend("examples" = ["review", "each[2]/sum_up"]))]
    from_step: String,
}

/// A step that is given its output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkipStep {
    /// The step: its id, or its path where it lies in blocks, as the list of a run's steps shows it.
    #[schemars(length(min = 1, max = 1024), extend("examples" = ["review", "each[2]/sum_up"]))]
    step: String,
    /// What the step's output is from now on.
    output: Value,
}

fn check_path(name: &'static str, path: &str, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if let Err(invalid) = StepPath::parse(path) {
        report.append(parent().join(name), garde::Error::new(invalid.to_string()));
    }
}

impl Validate for RerunRun {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_path("from_step", &self.from_step, parent, report);
    }
}

impl Validate for SkipStep {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_path("step", &self.step, parent, report);
    }
}

impl RerunRun {
    pub(crate) fn from(&self) -> Result<StepPath, InvalidId> {
        StepPath::parse(&self.from_step)
    }
}

impl SkipStep {
    pub(crate) fn path(&self) -> Result<StepPath, InvalidId> {
        StepPath::parse(&self.step)
    }

    pub(crate) fn output(self) -> Result<Payload, NotStorable> {
        Payload::new(self.output)
    }
}

/// Which runs are found; at least one member is needed, so that nobody means all of them by mistake.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RunSelector")]
struct RunSelector {
    /// Only this status; without it, every status in which such a change makes sense.
    status: Option<RunStatusName>,
    /// Only runs of this workflow, by the id that was executed.
    workflow_id: Option<Uuid>,
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
    /// Only runs with this text in their `error_message`; A to Z are the same in either case. Not for credentials that payloads are
    /// hidden from.
    #[schemars(length(min = 1, max = 500))]
    error_contains: Option<String>,
    /// Only runs that have all of these labels.
    #[serde(default)]
    labels: LabelsBody,
}

/// Runs to be cancelled: those that are named, or the oldest that a filter finds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkCancel {
    /// These runs, at most 1000; who is named twice is dealt with once.
    #[schemars(length(min = 1, max = 1000), inner(length(min = 1, max = 255)))]
    run_ids: Option<Vec<String>>,
    /// The oldest runs that this finds.
    filter: Option<RunSelector>,
    /// How many of those at the most.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Why; kept as the runs' `error_message`.
    #[schemars(length(max = 500))]
    reason: Option<String>,
    /// Whether it is only told which runs would be cancelled.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Runs to be retried: those that are named, or the oldest that a filter finds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRetry {
    /// These runs, at most 1000.
    #[schemars(length(min = 1, max = 1000), inner(length(min = 1, max = 255)))]
    run_ids: Option<Vec<String>>,
    /// The oldest runs that this finds.
    filter: Option<RunSelector>,
    /// How many of those at the most.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Whether it is only told which runs would be retried.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

fn most() -> u32 {
    MAX_CHANGED
}

fn check_selection(
    run_ids: Option<&Vec<String>>,
    filter: Option<&RunSelector>,
    parent: &mut dyn FnMut() -> Path,
    report: &mut Report,
) {
    if run_ids.is_some() == filter.is_some() {
        report.append(parent(), garde::Error::new("needs either run_ids or a filter"));
    }
    for (number, id) in run_ids.into_iter().flatten().enumerate() {
        if RunId::parse(id).is_err() {
            let message = "must have 1 to 255 characters and no control characters";
            report.append(parent().join("run_ids").join(number), garde::Error::new(message));
        }
    }
    if filter.is_some_and(RunSelector::is_empty) {
        report.append(parent().join("filter"), garde::Error::new("needs at least one member"));
    }
    if filter.and_then(|filter| filter.parent_run_id.as_deref()).is_some_and(|id| RunId::parse(id).is_err()) {
        let path = parent().join("filter").join("parent_run_id");
        report.append(path, garde::Error::new("must not contain control characters"));
    }
    if let Some(filter) = filter {
        let mut parent = || parent().join("filter");
        let &RunSelector { created_after, created_before, completed_after, completed_before, .. } = filter;
        check_run_times([created_after, created_before, completed_after, completed_before], &mut parent, report);
        for (name, text) in filter.texts() {
            if text.is_some_and(|text| text.contains(char::is_control)) {
                report.append(parent().join(name), garde::Error::new("must not contain control characters"));
            }
        }
    }
}

impl Validate for BulkCancel {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_selection(self.run_ids.as_ref(), self.filter.as_ref(), parent, report);
    }
}

impl Validate for BulkRetry {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_selection(self.run_ids.as_ref(), self.filter.as_ref(), parent, report);
    }
}

impl RunSelector {
    fn is_empty(&self) -> bool {
        // Compared as a whole, so that no member can be forgotten.
        self.filter() == RunFilter::default() && self.parent_run_id.is_none()
    }

    /// The texts that stores look for as they are.
    fn texts(&self) -> [(&'static str, Option<&String>); 3] {
        [
            ("workflow_name", self.workflow_name.as_ref()),
            ("triggered_by", self.triggered_by.as_ref()),
            ("error_contains", self.error_contains.as_ref()),
        ]
    }

    fn filter(&self) -> RunFilter {
        RunFilter {
            statuses: self.status.map(Into::into).into_iter().collect(),
            workflow: self.workflow_id.map(WorkflowId::new),
            workflow_name: self.workflow_name.clone(),
            workflow_version: self.workflow_version,
            created_after: self.created_after.map(|at| at.0),
            created_before: self.created_before.map(|at| at.0),
            completed_after: self.completed_after.map(|at| at.0),
            completed_before: self.completed_before.map(|at| at.0),
            triggered_by: self.triggered_by.clone(),
            error_contains: self.error_contains.clone(),
            labels: self.labels.clone().labels().unwrap_or_default(),
            parent: self.parent_run_id.as_deref().and_then(|id| RunId::parse(id).ok()),
        }
    }
}

/// Each run, or the workflow of the filter: whatever else that says only makes it find less.
fn names(run_ids: Option<&Vec<String>>, filter: Option<&RunSelector>) -> Vec<Named> {
    if let Some(ids) = run_ids {
        return ids.iter().filter_map(|id| RunId::parse(id).ok()).map(Named::Run).collect();
    }
    let workflow = filter.and_then(|filter| filter.workflow_id).map(|id| Named::Workflow(WorkflowId::new(id)));
    let name = || filter.and_then(|filter| filter.workflow_name.clone()).map(Named::WorkflowName);
    vec![workflow.or_else(name).unwrap_or(Named::Anything)]
}

fn selection(run_ids: Option<Vec<String>>, filter: Option<RunSelector>, limit: u32) -> Selection {
    match (run_ids, filter) {
        (_, Some(filter)) => Selection::Found { filter: filter.filter(), limit },
        (ids, None) => Selection::Named(ids.into_iter().flatten().filter_map(|id| RunId::parse(&id).ok()).collect()),
    }
}

impl BulkCancel {
    /// Whether it asks for what only those may know who may see payloads.
    pub(crate) fn reads_payloads(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.error_contains.is_some())
    }

    pub(crate) fn command(self) -> (Selection, Change) {
        (selection(self.run_ids, self.filter, self.limit), Change::Cancel { reason: self.reason })
    }
}

impl BulkRetry {
    /// Whether it asks for what only those may know who may see payloads.
    pub(crate) fn reads_payloads(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.error_contains.is_some())
    }

    pub(crate) fn command(self) -> (Selection, Change) {
        (selection(self.run_ids, self.filter, self.limit), Change::Retry)
    }
}

/// What became of many runs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkOutcome")]
pub(crate) struct BulkView {
    /// How many were changed; none in a dry run.
    changed: usize,
    /// How many would be changed, in a dry run.
    would_change: usize,
    /// How many were refused.
    refused: usize,
    /// Whether the filter finds more; the same request again goes on with these.
    more: bool,
    /// Whether nothing was done.
    dry_run: bool,
    /// Each run, oldest first, or in the order in which they were named.
    runs: Vec<BulkItem>,
}

/// What became of one of them.
#[derive(Debug, Serialize, JsonSchema)]
struct BulkItem {
    run_id: String,
    /// `changed`, `would_change` or `refused`.
    #[schemars(extend("enum" = ["changed", "would_change", "refused"]))]
    outcome: &'static str,
    /// The run's status afterwards; null where it was not changed.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", null]))]
    status: Option<&'static str>,
    /// Why it was refused.
    error: Option<String>,
}

impl BulkView {
    pub(crate) fn new(many: ManyChanged, dry_run: bool) -> Self {
        let runs: Vec<BulkItem> = many.runs.into_iter().map(|(run, changed)| BulkItem::new(&run, &changed)).collect();
        let count = |outcome| runs.iter().filter(|item| item.outcome == outcome).count();
        let (changed, would_change, refused) = (count("changed"), count("would_change"), count("refused"));
        Self { changed, would_change, refused, more: many.more, dry_run, runs }
    }
}

impl BulkItem {
    fn new(run: &RunId, changed: &Changed) -> Self {
        let (outcome, status, error) = match changed {
            Changed::Would => ("would_change", None, None),
            Changed::Done(status) => ("changed", Some(status.as_str()), None),
            Changed::NotCancelled(error) => ("refused", None, Some(error.to_string())),
            Changed::NotRetried(error) => ("refused", None, Some(error.to_string())),
        };
        Self { run_id: run.to_string(), outcome, status, error }
    }
}

impl crate::api::Checked for RerunRun {}
impl crate::api::Checked for SkipStep {}
impl crate::api::Checked for BulkCancel {
    fn names(&self) -> Vec<Named> {
        names(self.run_ids.as_ref(), self.filter.as_ref())
    }
}
impl crate::api::Checked for BulkRetry {
    fn names(&self) -> Vec<Named> {
        names(self.run_ids.as_ref(), self.filter.as_ref())
    }
}
