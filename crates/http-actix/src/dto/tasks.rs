//! Calls of agents, as these see them with the tokens that they got.

use application::tasks::{Task, TaskReport};
use domain::{
    Timestamp,
    payload::{NotStorable, Payload},
    runs::TaskState,
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Stamp;

/// A call, as its agent sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Task")]
pub(crate) struct TaskView {
    /// The run that the call belongs to.
    run_id: String,
    /// The path of the step.
    step: String,
    /// The agent that was called.
    agent_name: String,
    /// The name of the run's workflow.
    workflow_name: String,
    /// `working`: the answer, or a report, is waited for. `uncertain`: nobody knows what came of the call, and it is going to be
    /// repeated; a report still counts. `over`: the call has ended, and nothing about it is wanted any more.
    state: &'static str,
    /// Which attempt of the step it is; absent where the call is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    attempt: Option<u32>,
    /// When it was dispatched; absent where the call is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Stamp")]
    dispatched_at: Option<Stamp>,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let (state, attempt) = match task.state {
            TaskState::Working(attempt) => ("working", Some(attempt)),
            TaskState::Uncertain(attempt) => ("uncertain", Some(attempt)),
            TaskState::Over => ("over", None),
        };
        Self {
            run_id: task.grant.run.to_string(),
            step: task.grant.step.to_string(),
            agent_name: task.grant.agent.to_string(),
            workflow_name: task.run.workflow_name,
            state,
            attempt: attempt.map(|attempt| attempt.number),
            dispatched_at: attempt.map(|attempt| Stamp(attempt.dispatched_at)),
        }
    }
}

/// What a call was sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TaskInput")]
pub(crate) struct TaskInputView {
    /// The step's input.
    #[schemars(extend("x-payload" = true))]
    input: Value,
}

impl From<Payload> for TaskInputView {
    fn from(input: Payload) -> Self {
        Self { input: input.value().clone() }
    }
}

/// What an agent says about its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Status {
    Completed,
    Failed,
    Working,
}

/// What has come of a call, or how it is getting on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReportTask")]
pub(crate) struct ReportTask {
    /// `completed`, with `output`; `failed`, with `error`; `working`, with `message`, as often as there is something to say.
    status: Status,
    /// The step's output, as later steps look into it. It must fit the agent's `output_schema`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Value")]
    output: Option<Value>,
    /// Why the work was not done, for people.
    #[schemars(length(min = 1, max = 2000))]
    error: Option<String>,
    /// How it is getting on, for people. More than 500 characters are cut; what comes within a second of another, or after 200
    /// others, is not kept.
    #[schemars(length(min = 1, max = 2000))]
    message: Option<String>,
}

/// `null` is an output; none is none.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Validate for ReportTask {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let members = [
            ("output", Status::Completed, "completed", self.output.is_some()),
            ("error", Status::Failed, "failed", self.error.is_some()),
            ("message", Status::Working, "working", self.message.is_some()),
        ];
        for (name, status, word, is_given) in members {
            match (status == self.status, is_given) {
                (true, false) => {
                    report.append(
                        parent().join(name),
                        garde::Error::new(format!("is required where status is '{word}'")),
                    );
                }
                (false, true) => {
                    report.append(
                        parent().join(name),
                        garde::Error::new(format!("has a meaning only where status is '{word}'")),
                    );
                }
                _ => {}
            }
        }
    }
}

impl ReportTask {
    /// Only called on what was validated: the member that the status asks for is there.
    pub(crate) fn report(self) -> Result<TaskReport, NotStorable> {
        Ok(match self.status {
            Status::Completed => TaskReport::Completed(Payload::new(self.output.unwrap_or_default())?),
            Status::Failed => TaskReport::Failed { error: self.error.unwrap_or_default() },
            Status::Working => TaskReport::Working { message: self.message.unwrap_or_default() },
        })
    }
}

impl crate::api::Checked for ReportTask {}

/// What was told.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TaskReceipt")]
pub(crate) struct TaskReceipt {
    /// What was done.
    message: String,
    /// The run that was told.
    run_id: String,
    /// The path of the step.
    step: String,
    timestamp: Stamp,
}

impl TaskReceipt {
    pub(crate) fn new(task: &Task, at: Timestamp) -> Self {
        Self {
            message: "The run was told".to_owned(),
            run_id: task.grant.run.to_string(),
            step: task.grant.step.to_string(),
            timestamp: Stamp(at),
        }
    }
}
