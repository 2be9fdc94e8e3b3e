//! Tasks for agents: from an executor to the bridge.

use domain::{Timestamp, runs::AgentTask};
use serde::Serialize;
use serde_json::Value;

use super::{
    fields::{self, Unreadable},
    time,
};

#[derive(Serialize)]
struct WrittenTask<'a> {
    run_id: &'a str,
    task_id: &'a str,
    agent_name: &'a str,
    input_data: &'a Value,
    correlation_id: &'a str,
    timestamp: String,
}

/// The value of a task; none if its input is not an object, which no bridge takes.
pub(crate) fn task(task: &AgentTask, at: Timestamp) -> Option<Vec<u8>> {
    let empty = Value::Object(serde_json::Map::new());
    let input_data = match task.input.value() {
        Value::Null => &empty,
        input @ Value::Object(_) => input,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    };
    let task = WrittenTask {
        run_id: task.run.as_str(),
        task_id: &task.task,
        agent_name: &task.agent,
        input_data,
        correlation_id: &task.correlation,
        timestamp: time::naive(at),
    };
    Some(serde_json::to_vec(&task).expect("a JSON value and texts always serialise"))
}

/// Reads a task.
pub(crate) fn read_task(value: Option<&[u8]>, limit: usize) -> Result<AgentTask, Unreadable> {
    let mut members = fields::object(value, limit)?;
    Ok(AgentTask {
        run: fields::run(&mut members)?,
        task: fields::text(&mut members, "task_id")?,
        agent: fields::text(&mut members, "agent_name")?,
        input: fields::payload(&mut members, "input_data")?,
        correlation: fields::text(&mut members, "correlation_id")?,
        trace: None,
    })
}
