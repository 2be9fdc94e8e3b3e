//! Runs and step executions as they are answered.

use application::runs::Reason;
use domain::{
    Timestamp,
    ids::WorkflowId,
    runs::{Run, StepExecution, followed},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{Json, Stamp, labels::LabelsBody, reasons::ReasonView};

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub(crate) struct RunView {
    id: String,
    /// The same as `id`.
    run_id: String,
    /// The workflow as it was addressed when the run was started.
    workflow_id: String,
    workflow_name: String,
    /// The version that the run executes, whatever becomes of the workflow; unknown for runs of the old system.
    workflow_version: Option<u32>,
    /// The same as `workflow_id` where that names a workflow; null for a run that a foreign producer brought its own plan for.
    workflow_definition_id: Option<Uuid>,
    /// No other value will be added: old clients know only these.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
    /// Whether nothing new is begun until somebody lets the run go on; its status stays what it was.
    paused: bool,
    /// Who looks after it: `orrery`, or `external` for the executor of the existing system.
    #[schemars(extend("enum" = ["orrery", "external"]))]
    engine: &'static str,
    #[schemars(extend("x-payload" = true))]
    input_data: Json,
    /// What the workflow's `output` makes of the outputs of its steps; without it, the last step's output. Null until the run has
    /// completed, and where the last step is a block.
    #[schemars(extend("x-payload" = true))]
    output_data: Option<Json>,
    /// The run whose step of type `sub_workflow` has started this one.
    parent_run_id: Option<String>,
    /// The run whose `on_complete` has started this one.
    follows_run_id: Option<String>,
    triggered_by: Option<String>,
    /// What whoever started it calls it by, to find it again.
    labels: LabelsBody,
    created_at: Stamp,
    /// When it begins, or began, where it was started for a later time.
    start_at: Option<Stamp>,
    updated_at: Stamp,
    /// When it completed or failed.
    completed_at: Option<Stamp>,
    cancelled_at: Option<Stamp>,
    cancelled_by: Option<String>,
    /// Why it failed or was cancelled.
    #[schemars(extend("x-payload" = true))]
    error_message: Option<String>,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.to_string(),
            run_id: run.id.to_string(),
            workflow_id: run.workflow.to_string(),
            workflow_name: run.workflow_name,
            workflow_version: run.workflow_version,
            workflow_definition_id: run.workflow.definition().map(WorkflowId::uuid),
            status: run.status.as_str(),
            paused: run.paused,
            engine: run.engine.as_str(),
            input_data: Json(run.input),
            output_data: run.output.map(Json),
            parent_run_id: run.parent.map(|parent| parent.to_string()),
            follows_run_id: run.triggered_by.as_deref().and_then(followed).map(|run| run.to_string()),
            triggered_by: run.triggered_by,
            labels: run.labels.into(),
            created_at: Stamp(run.created_at),
            start_at: run.starts_at.map(Stamp),
            updated_at: Stamp(run.updated_at),
            completed_at: run.completed_at.map(Stamp),
            cancelled_at: run.cancelled_at.map(Stamp),
            cancelled_by: run.cancelled_by,
            error_message: run.error,
        }
    }
}

/// A run, and why it does not move.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExplainedRun")]
pub(crate) struct ExplainedRunView {
    #[serde(flatten)]
    run: RunView,
    /// What the run waits for, each of its steps at the front apart; empty where it is over, or has something to do at once.
    waiting_on: Vec<ReasonView>,
}

impl From<(Run, Vec<Reason>)> for ExplainedRunView {
    fn from((run, reasons): (Run, Vec<Reason>)) -> Self {
        Self { run: run.into(), waiting_on: reasons.into_iter().map(Into::into).collect() }
    }
}

/// A run after something was done to it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunReceipt")]
pub(crate) struct RunReceipt {
    #[serde(flatten)]
    run: RunView,
    /// What was done.
    message: &'static str,
    /// When.
    timestamp: Stamp,
}

impl RunReceipt {
    pub(crate) fn new(run: Run, message: &'static str, at: Timestamp) -> Self {
        Self { run: run.into(), message, timestamp: Stamp(at) }
    }
}

/// A run after it was retried.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RetryReceipt")]
pub(crate) struct RetryReceipt {
    #[serde(flatten)]
    receipt: RunReceipt,
    /// The run that goes on: the same one.
    new_run_id: String,
    /// The run that was retried.
    original_run_id: String,
}

impl RetryReceipt {
    pub(crate) fn new(run: Run, message: &'static str, at: Timestamp) -> Self {
        let id = run.id.to_string();
        Self { receipt: RunReceipt::new(run, message, at), new_run_id: id.clone(), original_run_id: id }
    }
}

/// One attempt of one step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepExecution")]
pub(crate) struct StepExecutionView {
    id: String,
    run_id: String,
    step_id: String,
    /// Where in the run it was executed: `each[17]/fan.1/check` is `check`, member 1 of the block `fan`, in iteration 17 of the
    /// loop `each`.
    path: String,
    /// The same as `agent_name`, for old readers.
    step_name: String,
    /// The agent; or what stands in its place: the workflow that the step runs, the event that it waits for, `validate`.
    agent_name: String,
    /// No other value will be added: old clients know only these.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "SKIPPED"]))]
    status: &'static str,
    /// Which attempt of the step, from 1.
    attempt: u32,
    /// What was sent to the agent; the input of a sub-workflow, what is waited for, or what was validated.
    #[schemars(extend("x-payload" = true))]
    input_data: Json,
    /// What the agent answered.
    #[schemars(extend("x-payload" = true))]
    output_data: Option<Json>,
    started_at: Stamp,
    completed_at: Option<Stamp>,
    #[schemars(extend("x-payload" = true))]
    error_message: Option<String>,
}

impl From<StepExecution> for StepExecutionView {
    fn from(step: StepExecution) -> Self {
        Self {
            id: step.id.as_str().to_owned(),
            run_id: step.run.to_string(),
            step_id: step.step.to_string(),
            path: step.path.to_string(),
            step_name: step.agent.to_string(),
            agent_name: step.agent.to_string(),
            status: step.status.as_str(),
            attempt: step.attempt,
            input_data: Json(step.input),
            output_data: step.output.map(Json),
            started_at: Stamp(step.started_at),
            completed_at: step.completed_at.map(Stamp),
            error_message: step.error,
        }
    }
}
