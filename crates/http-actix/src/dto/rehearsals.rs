//! Rehearsals of workflows: what is asked, and what is answered.

use std::collections::BTreeMap;

use application::workflows::{Begun, Mocks, RehearsalEnd, Rehearsed};
use domain::{
    payload::{NotStorable, Payload},
    runs::ClosedAttempt,
};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Json, Stamp};

/// A rehearsal.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct TestWorkflow {
    /// The input, to which steps refer as `${workflow.input.…}`.
    #[serde(default)]
    input_data: Map<String, Value>,
    /// The number of a version, whatever its status. Without it, what the id names: the newest version, or an older one.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub(crate) version: Option<u32>,
    /// What stands in for the world, by the ids of steps, or by their paths (`each[2]/fetch`), which are looked up first: the
    /// output of an agent or of a sub-workflow, or the data of an event. A list holds one for each attempt, the last for all
    /// further ones; an output that is a list is written as a list in a list. `{"error": "…"}` is a failure.
    #[serde(default)]
    mocks: BTreeMap<String, Value>,
}

impl TestWorkflow {
    pub(crate) fn parts(self) -> Result<(Payload, Mocks), NotStorable> {
        Ok((Payload::new(Value::Object(self.input_data))?, Mocks(self.mocks)))
    }
}

impl crate::api::Checked for TestWorkflow {}

/// What a rehearsal came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rehearsal")]
pub(crate) struct RehearsalView {
    /// `WAITING`: for an event that has no mock, for ever. `TOO_LONG`: it was given up, after 20,000 attempts, 100,000 events of
    /// the engine, 64 MiB of inputs and outputs, or ten seconds of computing; `error_message` says which.
    #[schemars(extend("enum" = ["COMPLETED", "FAILED", "WAITING", "TOO_LONG"]))]
    status: &'static str,
    #[schemars(extend("x-payload" = true))]
    output_data: Option<Json>,
    #[schemars(extend("x-payload" = true))]
    error_message: Option<String>,
    /// How long it would have taken, if agents answered at once.
    duration_ms: i64,
    /// The steps in the order in which they were begun.
    path_taken: Vec<BegunView>,
    /// Whether `path_taken` ends after its first 10,000 steps, although more were begun.
    path_truncated: bool,
    /// The attempts in the order in which they ended.
    attempts: Vec<RehearsedAttempt>,
    /// Whether attempts were left out, because they would fill more than a few megabytes.
    truncated: bool,
}

/// A step that was begun.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RehearsedStep")]
struct BegunView {
    path: String,
    r#type: &'static str,
    /// What the step's condition came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_result: Option<bool>,
}

/// An attempt of a step, with a mock in place of whoever would have been asked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RehearsedAttempt")]
struct RehearsedAttempt {
    path: String,
    step_id: String,
    agent_name: String,
    attempt: u32,
    #[schemars(extend("enum" = ["COMPLETED", "FAILED"]))]
    status: &'static str,
    #[schemars(extend("x-payload" = true))]
    input_data: Json,
    #[schemars(extend("x-payload" = true))]
    output_data: Option<Json>,
    #[schemars(extend("x-payload" = true))]
    error_message: Option<String>,
    started_at: Stamp,
    completed_at: Stamp,
}

impl From<Rehearsed> for RehearsalView {
    fn from(rehearsed: Rehearsed) -> Self {
        let (began, ended) = rehearsed.span;
        Self {
            status: match rehearsed.end {
                RehearsalEnd::Completed => "COMPLETED",
                RehearsalEnd::Failed => "FAILED",
                RehearsalEnd::Waiting => "WAITING",
                RehearsalEnd::TooLong => "TOO_LONG",
            },
            output_data: rehearsed.output.map(Json),
            error_message: rehearsed.error,
            duration_ms: (ended - began).num_milliseconds(),
            path_taken: rehearsed.path.into_iter().map(Into::into).collect(),
            path_truncated: rehearsed.is_path_cut,
            attempts: rehearsed.attempts.into_iter().map(Into::into).collect(),
            truncated: rehearsed.is_cut,
        }
    }
}

impl From<Begun> for BegunView {
    fn from(begun: Begun) -> Self {
        Self { path: begun.path.to_string(), r#type: begun.kind, condition_result: begun.held }
    }
}

impl From<ClosedAttempt> for RehearsedAttempt {
    fn from(closed: ClosedAttempt) -> Self {
        Self {
            path: closed.path.to_string(),
            step_id: closed.step.to_string(),
            agent_name: closed.agent.to_string(),
            attempt: closed.attempt,
            status: if closed.error.is_none() { "COMPLETED" } else { "FAILED" },
            input_data: Json(closed.input),
            output_data: closed.output.map(Json),
            error_message: closed.error,
            started_at: Stamp(closed.started_at),
            completed_at: Stamp(closed.completed_at),
        }
    }
}
