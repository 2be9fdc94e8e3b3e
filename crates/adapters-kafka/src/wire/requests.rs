//! Execution and cancellation requests, in both directions.

use domain::{
    runs::{CancellationRequest, ExecutionRequest, ExternalRequest},
    workflows::{WorkflowDocument, dropped_by_external},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    fields::{self, Unreadable},
    plan, time,
};

const EXECUTION: &str = "execution_request";
const CANCELLATION: &str = "cancellation_request";

#[derive(Serialize)]
struct Execution<'a> {
    run_id: &'a str,
    workflow_plan: &'a WorkflowDocument,
    input_data: &'a Value,
    timestamp: String,
    message_type: &'static str,
}

#[derive(Serialize)]
struct Cancellation<'a> {
    run_id: &'a str,
    cancelled_by: Option<&'a str>,
    reason: Option<&'a str>,
    timestamp: String,
    message_type: &'static str,
}

/// A request as bytes.
pub(crate) struct Encoded {
    pub(crate) value: Vec<u8>,
    /// Why the old executor would not accept it.
    pub(crate) refusal: Option<String>,
}

/// The value of a request to the old executor.
pub(crate) fn request(request: &ExternalRequest) -> Encoded {
    match request {
        ExternalRequest::Start { run, document, input, at } => {
            let empty = Value::Object(serde_json::Map::new());
            let input_data = Some(input.value()).filter(|value| !value.is_null()).unwrap_or(&empty);
            let document = plan::without_nulls(document);
            let no_object = (!input_data.is_object()).then(|| "the run's input is not an object".to_owned());
            let dropped = dropped_by_external(&document).into_iter().next().map(|found| found.message);
            let refusal = dropped.or(no_object);
            let (run_id, timestamp) = (run.as_str(), time::naive(*at));
            let request =
                Execution { run_id, workflow_plan: &document, input_data, timestamp, message_type: EXECUTION };
            Encoded { value: bytes(&request), refusal }
        }
        ExternalRequest::Cancel { run, by, reason, at } => {
            let request = Cancellation {
                run_id: run.as_str(),
                cancelled_by: by.as_deref(),
                reason: reason.as_deref(),
                timestamp: time::naive(*at),
                message_type: CANCELLATION,
            };
            Encoded { value: bytes(&request), refusal: None }
        }
    }
}

fn bytes(request: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(request).expect("JSON values and texts always serialise")
}

/// A request of a foreign producer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Execution(ExecutionRequest),
    Cancellation(CancellationRequest),
}

/// Reads a request from either topic. Without `message_type`, the members say which it is.
pub(crate) fn read_request(value: Option<&[u8]>, limit: usize) -> Result<Request, Unreadable> {
    let mut members = fields::object(value, limit)?;
    let kind = match members.remove("message_type") {
        Some(Value::String(kind)) => Some(kind),
        None | Some(Value::Null) => None,
        Some(_) => return Err(Unreadable::WrongType("message_type", "a text")),
    };
    let has = |name| members.contains_key(name);
    match kind.as_deref() {
        Some(EXECUTION) => {}
        None if has("workflow_plan") => {}
        Some(CANCELLATION) => return cancellation(members),
        None if has("cancelled_by") || has("reason") => return cancellation(members),
        _ => return Err(Unreadable::UnknownRequest),
    }
    let run = fields::run(&mut members)?;
    let plan = members.remove("workflow_plan").filter(|plan| !plan.is_null());
    let plan = plan.ok_or(Unreadable::Missing("workflow_plan"))?;
    let input = fields::payload(&mut members, "input_data")?;
    Ok(Request::Execution(ExecutionRequest { run, plan, input, from: None }))
}

fn cancellation(mut members: serde_json::Map<String, Value>) -> Result<Request, Unreadable> {
    let run = fields::run(&mut members)?;
    let (by, reason) = (fields::note(&mut members, "cancelled_by"), fields::note(&mut members, "reason"));
    Ok(Request::Cancellation(CancellationRequest { run, by, reason }))
}
