//! Results of tasks: from the bridge to an executor.

use domain::{
    Timestamp,
    payload::Payload,
    runs::{AgentTask, TaskOutcome},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    fields::{self, Unreadable},
    time,
};

/// The only status that is a success.
const SUCCESS: &str = "SUCCESS";

#[derive(Serialize)]
struct WrittenResult<'a> {
    run_id: &'a str,
    task_id: &'a str,
    status: &'static str,
    output_data: Option<&'a Value>,
    correlation_id: &'a str,
    error_message: Option<&'a str>,
    timestamp: String,
}

/// The value of a result. The old executor fails a step whose output is not an object, so that only an object is sent; other
/// values are wrapped in one, as the member `value`.
pub(crate) fn result(task: &AgentTask, outcome: &TaskOutcome, at: Timestamp) -> Vec<u8> {
    let wrapped;
    let (status, output_data, error_message) = match outcome {
        TaskOutcome::Success(output) => match output.value() {
            Value::Null => (SUCCESS, None, None),
            value @ Value::Object(_) => (SUCCESS, Some(value), None),
            value => {
                wrapped = serde_json::json!({ "value": value });
                (SUCCESS, Some(&wrapped), None)
            }
        },
        TaskOutcome::Failure(message) => ("FAILURE", None, Some(message.as_str())),
    };
    let result = WrittenResult {
        run_id: task.run.as_str(),
        task_id: &task.task,
        status,
        output_data,
        correlation_id: &task.correlation,
        error_message,
        timestamp: time::naive(at),
    };
    serde_json::to_vec(&result).expect("a JSON value and texts always serialise")
}

/// A result as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadResult {
    /// What it is matched by.
    pub(crate) correlation: String,
    pub(crate) outcome: TaskResult,
}

/// What a result says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TaskResult {
    /// The output; null if there is none.
    Success(Payload),
    /// The status is SUCCESS, and the output cannot be taken: not an object, or not storable.
    Unusable(String),
    /// Any other status, with the message that goes with it.
    Failure(String),
}

/// Reads a result. Only what the old executor looks at matters: `correlation_id`, `status`, and the member that goes with it.
pub(crate) fn read_result(value: Option<&[u8]>, limit: usize) -> Result<ReadResult, Unreadable> {
    let mut members = fields::object(value, limit)?;
    let correlation = fields::text(&mut members, "correlation_id")?;
    let status = fields::text(&mut members, "status")?;
    let outcome = if status == SUCCESS {
        match members.remove("output_data") {
            value @ (None | Some(Value::Null | Value::Object(_))) => Payload::new(value.unwrap_or(Value::Null))
                .map_or_else(|e| TaskResult::Unusable(e.to_string()), TaskResult::Success),
            Some(_) => TaskResult::Unusable("it is not an object".to_owned()),
        }
    } else {
        TaskResult::Failure(fields::note(&mut members, "error_message").unwrap_or_default())
    };
    Ok(ReadResult { correlation, outcome })
}
