//! Workflow definitions as they are sent. What a document must be is for the domain to say, which finds all of
//! its mistakes; here only its shape is fixed.

use std::collections::BTreeMap;

use application::{access::Named, workflows::NewWorkflow};
use domain::{
    ports::NoSchemas,
    workflows::{
        ChangeSummary, Mention, RunLimits, Severity, StepDocument, WorkflowDocument, WorkflowFilter, WorkflowName,
        WorkflowSort, examine,
    },
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{api::Checked, problem::Mistake};

use super::{
    cursor::Places,
    lists::{self, Direction, ListQuery, Which},
    workflow_status::{InitialStatus, WorkflowStatusName},
};

/// Names one workflow, or one version of it.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct WorkflowPath {
    /// The id of the workflow, which is that of its newest version, or of an older version.
    pub(crate) workflow_id: Uuid,
}

/// Which workflows are listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkflowQuery {
    /// Only the workflow with exactly this name.
    name: Option<String>,
    /// Only names with this text in them; A to Z are the same in either case.
    #[schemars(length(min = 1, max = 255))]
    name_contains: Option<String>,
    /// Only this status. Without it, deleted workflows are left out.
    status: Option<WorkflowStatusName>,
    /// What the list is sorted by.
    #[serde(default)]
    pub(crate) sort_by: WorkflowSortName,
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

impl Validate for WorkflowQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for WorkflowQuery {
    const LIST: &'static str = "workflows";

    fn places(&self) -> Places {
        match self.sort_by {
            WorkflowSortName::Name => Places::ByName,
            WorkflowSortName::CreatedAt | WorkflowSortName::UpdatedAt => Places::ByTime,
        }
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

impl WorkflowQuery {
    pub(crate) fn filter(&self) -> WorkflowFilter {
        WorkflowFilter {
            name: self.name.clone(),
            name_contains: self.name_contains.clone(),
            status: self.status.map(Into::into),
        }
    }
}

/// Which page of the versions is listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionQuery {
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

impl Validate for VersionQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for VersionQuery {
    const LIST: &'static str = "versions";

    fn places(&self) -> Places {
        Places::ByNumber
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum WorkflowSortName {
    #[default]
    CreatedAt,
    UpdatedAt,
    Name,
}

impl From<WorkflowSortName> for WorkflowSort {
    fn from(name: WorkflowSortName) -> Self {
        match name {
            WorkflowSortName::CreatedAt => Self::CreatedAt,
            WorkflowSortName::UpdatedAt => Self::UpdatedAt,
            WorkflowSortName::Name => Self::Name,
        }
    }
}

/// A step of a workflow. Members that do not apply to its type may be null.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StepRequest")]
pub(super) struct StepBody {
    /// Equals the step's key.
    id: String,
    /// The type; `agent` if it is absent.
    #[schemars(extend("examples" = ["agent"]))]
    r#type: Option<String>,
    /// The agent that does the work.
    agent_name: Option<String>,
    /// The step that follows; null for the last one.
    next_step: Option<String>,
    /// The step's input. Texts may refer to `${workflow.input.…}` and `${<step>.output.…}`.
    input_mapping: Option<Map<String, Value>>,
    /// A member of steps of type `parallel`: the ids of at least two steps.
    #[serde(default)]
    parallel_steps: Value,
    /// A member of steps of type `parallel`: a whole number from 1, or its digits.
    #[serde(default)]
    max_parallelism: Value,
    /// A member of steps of type `conditional`: a condition, or an object with it as `expression`.
    #[serde(default)]
    condition: Value,
    /// A member of steps of type `conditional`: the id of a step.
    #[serde(default)]
    if_true_step: Value,
    /// A member of steps of type `conditional`: the id of a step.
    #[serde(default)]
    if_false_step: Value,
    /// Another name of `if_true_step`.
    #[serde(default)]
    then_step: Value,
    /// Another name of `if_false_step`.
    #[serde(default)]
    else_step: Value,
    /// A member of steps of type `loop`: `collection`, `loop_body`, `execution_mode` (sequential, parallel), `max_parallelism`,
    /// `max_iterations`, `on_error` (stop, continue, collect).
    #[serde(default)]
    loop_config: Value,
    /// A member of steps of type `fork_join`: `branches` (each with `steps` and `timeout_seconds`), `join_policy` (all, any,
    /// majority, `n_of_m`), `n_required`, `branch_timeout_seconds`.
    #[serde(default)]
    fork_join_config: Value,
    /// A member of steps of type `delay`: either `seconds` or `until`.
    #[serde(default)]
    delay_config: Value,
    /// A member of steps of type `sub_workflow`: the workflow's name.
    #[serde(default)]
    workflow_name: Value,
    /// A member of steps of type `sub_workflow`: the workflow's id, instead of its name.
    #[serde(default)]
    workflow_id: Value,
    /// A member of steps of type `sub_workflow`: the number of a version, or its digits; the latest active one if it is absent.
    #[serde(default)]
    workflow_version: Value,
    /// How many seconds the step may take, with all its attempts, or with all that is in it: a whole number from 1, or its digits. Not
    /// for `delay`, `validate` and `wait_for_event`.
    #[serde(default)]
    timeout_seconds: Value,
    /// A member of steps of type `agent`: what follows a failed call, in place of what the agent says (as `retry_strategy` of an
    /// agent).
    #[serde(default)]
    retry_strategy: Value,
    /// A member of steps of type `wait_for_event`: `event`, `correlation`, `filter` (a condition on `${event.data…}`),
    /// `timeout_seconds`, `on_timeout` (fail, continue).
    #[serde(default)]
    event_config: Value,
    /// A member of steps of type `validate`: `data`, `schema` (JSON Schema 2020-12), `assertions` (conditions on `${data…}`), `mode`
    /// (strict, warn).
    #[serde(default)]
    validate_config: Value,
}

impl From<StepBody> for StepDocument {
    fn from(step: StepBody) -> Self {
        let others = [
            ("parallel_steps", step.parallel_steps),
            ("max_parallelism", step.max_parallelism),
            ("condition", step.condition),
            ("if_true_step", step.if_true_step),
            ("if_false_step", step.if_false_step),
            ("then_step", step.then_step),
            ("else_step", step.else_step),
            ("loop_config", step.loop_config),
            ("fork_join_config", step.fork_join_config),
            ("delay_config", step.delay_config),
            ("workflow_name", step.workflow_name),
            ("workflow_id", step.workflow_id),
            ("workflow_version", step.workflow_version),
            ("timeout_seconds", step.timeout_seconds),
            ("retry_strategy", step.retry_strategy),
            ("event_config", step.event_config),
            ("validate_config", step.validate_config),
        ];
        let other =
            others.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value));
        Self {
            id: step.id,
            kind: step.r#type,
            agent_name: step.agent_name,
            next_step: step.next_step,
            input_mapping: step.input_mapping,
            other: other.collect(),
        }
    }
}

fn limits(timeout_seconds: Value, max_retry_budget: Value) -> RunLimits {
    RunLimits { timeout_seconds: Some(timeout_seconds), max_retry_budget: Some(max_retry_budget) }
}

pub(super) fn documents(steps: BTreeMap<String, StepBody>) -> BTreeMap<String, StepDocument> {
    steps.into_iter().map(|(key, step)| (key, step.into())).collect()
}

/// A workflow to be created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWorkflow {
    /// The name. If it is in use, the next version of that workflow is made.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// What the workflow is for.
    description: Option<String>,
    /// The id of the step that runs first.
    start_step: String,
    /// The steps by id.
    steps: BTreeMap<String, StepBody>,
    /// What the input of a run must fit: a JSON Schema (2020-12).
    input_schema: Option<Map<String, Value>>,
    /// What a run's output is made of: any value, with references as in `input_mapping`.
    #[serde(default)]
    output: Value,
    /// What follows a run that has completed: runs of other workflows, each with a `workflow_name` or a `workflow_id`, and perhaps a
    /// `workflow_version`, a `condition` and an `input_mapping`, which see `${workflow.input…}` and `${workflow.output…}`.
    #[serde(default)]
    on_complete: Value,
    /// How many seconds a run may take, from its start or from its last resume; then it fails.
    #[serde(default)]
    timeout_seconds: Value,
    /// How many attempts a run may repeat, of all its steps together; then a step that fails has failed for good.
    #[serde(default)]
    max_retry_budget: Value,
    /// Whether the new version may be executed at once.
    #[serde(default)]
    status: InitialStatus,
    /// What the new version changes.
    #[schemars(length(max = 1000))]
    change_summary: Option<String>,
}

impl Validate for CreateWorkflow {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if WorkflowName::parse(&self.name).is_none() {
            let message = "must not be blank and must not contain control characters";
            report.append(parent().join("name"), garde::Error::new(message));
        }
    }
}

impl Checked for CreateWorkflow {
    fn findings(&self) -> Vec<Mistake> {
        let document = WorkflowDocument::new(&self.name, 1, self.start_step.clone(), documents(self.steps.clone()))
            .declaring(self.input_schema.clone().map(Value::Object), Some(self.output.clone()))
            .followed_by(Some(self.on_complete.clone()))
            .limited(limits(self.timeout_seconds.clone(), self.max_retry_budget.clone()));
        let found = examine(&document, &NoSchemas).findings.into_iter();
        found.filter(|found| found.severity == Severity::Error).map(Mistake::from).collect()
    }

    fn names(&self) -> Vec<Named> {
        vec![Named::WorkflowName(self.name.clone())]
    }

    fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Mention::of_steps(&documents(self.steps.clone()));
        mentions.extend(Mention::of_follow_ups(Some(&self.on_complete)));
        mentions
    }
}

impl CreateWorkflow {
    /// The workflow to be created; `None` only where [`Validate`] would have refused.
    pub(crate) fn command(self) -> Option<NewWorkflow> {
        Some(NewWorkflow {
            name: WorkflowName::parse(&self.name)?,
            description: self.description,
            start_step: self.start_step,
            steps: documents(self.steps),
            input_schema: self.input_schema.map(Value::Object),
            output: Some(self.output),
            on_complete: Some(self.on_complete),
            limits: limits(self.timeout_seconds, self.max_retry_budget),
            status: self.status.into(),
            change_summary: self.change_summary.as_deref().and_then(ChangeSummary::parse),
        })
    }
}

/// A document to be checked.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[expect(dead_code, reason = "what is created can be checked as it is; not all of it matters to the check")]
pub(crate) struct ValidateWorkflow {
    /// The name: a workflow must not run itself.
    #[schemars(length(min = 1, max = 255))]
    name: Option<String>,
    /// Ignored.
    description: Option<String>,
    /// Ignored.
    status: Option<InitialStatus>,
    /// Ignored.
    #[schemars(length(max = 1000))]
    change_summary: Option<String>,
    /// The id of the step that runs first.
    start_step: String,
    /// The steps by id.
    steps: BTreeMap<String, StepBody>,
    /// What the input of a run must fit: a JSON Schema (2020-12).
    input_schema: Option<Map<String, Value>>,
    /// What a run's output is made of: any value, with references as in `input_mapping`.
    #[serde(default)]
    output: Value,
    /// What follows a run that has completed: runs of other workflows, each with a `workflow_name` or a `workflow_id`, and perhaps a
    /// `workflow_version`, a `condition` and an `input_mapping`, which see `${workflow.input…}` and `${workflow.output…}`.
    #[serde(default)]
    on_complete: Value,
    /// How many seconds a run may take, from its start or from its last resume; then it fails.
    #[serde(default)]
    timeout_seconds: Value,
    /// How many attempts a run may repeat, of all its steps together; then a step that fails has failed for good.
    #[serde(default)]
    max_retry_budget: Value,
}

impl ValidateWorkflow {
    pub(crate) fn document(self) -> WorkflowDocument {
        let name = self.name.as_deref().unwrap_or("validated");
        WorkflowDocument::new(name, 1, self.start_step, documents(self.steps))
            .declaring(self.input_schema.map(Value::Object), Some(self.output))
            .followed_by(Some(self.on_complete))
            .limited(limits(self.timeout_seconds, self.max_retry_budget))
    }
}

impl Checked for ValidateWorkflow {
    fn names(&self) -> Vec<Named> {
        vec![self.name.clone().map_or(Named::Anything, Named::WorkflowName)]
    }

    fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Mention::of_steps(&documents(self.steps.clone()));
        mentions.extend(Mention::of_follow_ups(Some(&self.on_complete)));
        mentions
    }
}

impl Checked for WorkflowPath {}
impl Checked for WorkflowQuery {}
impl Checked for VersionQuery {}
