//! What a JSON-RPC answer means (contract 7.4).
//!
//! The output of a step is the answer's whole `result`, plus `text`, `response`, `context_id` and `task_id`. Data parts
//! and JSON inside texts are not looked into: documents of the old system rely on that shape.

use domain::{
    payload::{MAX_DEPTH, NotStorable, Payload},
    runs::{CallFailure, FailureKind},
};
use serde_json::{Map, Value};

use crate::target::Target;

/// How much of an agent's own words goes into a message.
const MOST_QUOTED: usize = 500;

/// What an agent answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The output.
    Output(Payload),
    /// It has taken the work on as a task of its own, which is not over.
    Open(OpenTask),
    /// It has taken the work on, and will report.
    Promised,
}

/// A task of an agent's that is not over.
#[derive(Debug, Clone)]
pub(crate) struct OpenTask {
    /// The agent's own id for it.
    pub(crate) id: String,
    /// `submitted` or `working`.
    pub(crate) state: String,
    /// Whether it will report, and need not be asked.
    pub(crate) promised: bool,
}

impl OpenTask {
    /// What it means for a call whose answer is not waited for any longer.
    pub(crate) fn unfinished(&self) -> CallFailure {
        CallFailure::unknown(FailureKind::Task, format!("Task state: {}", self.state))
    }
}

/// What stands in an answer to the request `task_id`, or why there is nothing.
pub(crate) fn read(answer: &[u8], task_id: &str, target: &Target) -> Result<Answer, CallFailure> {
    let mut answer = parse(answer)?;
    match answer.get("jsonrpc") {
        Some(Value::String(version)) if version == "2.0" => {}
        None => return Err(unreadable("Response missing 'jsonrpc' field")),
        Some(other) => return Err(unreadable(format!("Unsupported JSON-RPC version: {}", quoted(other, target)))),
    }
    // An absent or null id cannot be shown to be wrong: old agents leave it out, and JSON-RPC wants null where the
    // request could not be read.
    if answer.get("id").is_some_and(|id| !id.is_null() && id.as_str() != Some(task_id)) {
        return Err(unreadable("the agent answered with the id of another request"));
    }
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(CallFailure::definite(FailureKind::Rpc, error_message(error, target)));
    }
    match answer.remove("result") {
        Some(Value::Object(result)) => completed(result, target),
        Some(Value::Null) | None => Err(unreadable("Response missing both 'result' and 'error'")),
        Some(_) => Err(unreadable("the answer's 'result' is not an object")),
    }
}

/// The same for an answer with the status 202 to a call that carries a token: whoever has work accepted, and will report what
/// came of it, need not answer in JSON-RPC.
pub(crate) fn promise(read: Result<Answer, CallFailure>) -> Result<Answer, CallFailure> {
    match read {
        Ok(Answer::Open(task)) => Ok(Answer::Open(OpenTask { promised: true, ..task })),
        Err(CallFailure { kind: FailureKind::Protocol, .. }) => Ok(Answer::Promised),
        read => read,
    }
}

fn parse(answer: &[u8]) -> Result<Map<String, Value>, CallFailure> {
    serde_json::from_slice(answer).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => unreadable("the answer is not a JSON object"),
        _ if e.to_string().starts_with("recursion limit exceeded") => unkeepable(&NotStorable::TooDeep),
        _ => unreadable(format!("the answer is not JSON: {e}")),
    })
}

/// It is no answer, so nobody knows whether the agent did the work.
fn unreadable(message: impl Into<String>) -> CallFailure {
    CallFailure::unknown(FailureKind::Protocol, message)
}

/// The agent did its work, and would do the same again.
fn unkeepable(reason: &NotStorable) -> CallFailure {
    let message = match reason {
        NotStorable::TooDeep => format!("the agent's output cannot be kept: nested deeper than {MAX_DEPTH} levels"),
        other => format!("the agent's output cannot be kept: {other}"),
    };
    CallFailure::definite(FailureKind::Validation, message)
}

fn error_message(error: &Value, target: &Target) -> String {
    let code = error.get("code").map_or_else(|| "without a code".to_owned(), |code| quoted(code, target));
    let message = error.get("message").map_or_else(|| quoted(error, target), |message| quoted(message, target));
    format!("JSON-RPC Error {code}: {message}")
}

fn quoted(value: &Value, target: &Target) -> String {
    match value {
        Value::String(text) => target.quote(text, MOST_QUOTED),
        other => target.quote(&other.to_string(), MOST_QUOTED),
    }
}

fn completed(mut result: Map<String, Value>, target: &Target) -> Result<Answer, CallFailure> {
    let status = result.get("status");
    match status.and_then(|status| status.get("state")).and_then(Value::as_str) {
        Some("completed") => {}
        // The task is over: whoever tries again wants a new one.
        Some(state @ ("failed" | "canceled" | "rejected")) => {
            let reason = status.and_then(|status| status.get("message")).and_then(first_text);
            let reason = reason.map(|text| format!(": {}", target.quote(text, MOST_QUOTED))).unwrap_or_default();
            return Err(CallFailure::definite(FailureKind::Task, format!("Task state: {state}{reason}")));
        }
        Some(state @ ("submitted" | "working")) if result.get("id").is_some_and(Value::is_string) => {
            let id = result.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Ok(Answer::Open(OpenTask { id, state: state.to_owned(), promised: false }));
        }
        // The agent may still be at it, or nobody can tell.
        state => {
            let state = target.quote(state.unwrap_or("unknown"), MOST_QUOTED);
            return Err(CallFailure::unknown(FailureKind::Task, format!("Task state: {state}")));
        }
    }
    let added = [
        ("text", artifact_texts(&result).map(Value::String)),
        ("response", last_reply(&result).map(Value::from)),
        ("context_id", result.get("contextId").cloned()),
        ("task_id", result.get("id").cloned()),
    ];
    result.extend(added.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Payload::new(Value::Object(result)).map(Answer::Output).map_err(|reason| unkeepable(&reason))
}

/// The texts of all text parts of all artifacts, joined by newlines.
fn artifact_texts(result: &Map<String, Value>) -> Option<String> {
    let artifacts = result.get("artifacts")?.as_array()?;
    let texts: Vec<&str> = artifacts.iter().flat_map(texts).collect();
    if texts.is_empty() { None } else { Some(texts.join("\n")) }
}

/// The first text of the last thing that the agent said.
fn last_reply(result: &Map<String, Value>) -> Option<&str> {
    let history = result.get("history")?.as_array()?;
    let last = history.iter().rev().find(|message| message.get("role").and_then(Value::as_str) == Some("agent"))?;
    first_text(last)
}

fn first_text(of: &Value) -> Option<&str> {
    texts(of).next()
}

/// The texts of the text parts of an artifact or message.
fn texts(of: &Value) -> impl Iterator<Item = &str> {
    let parts = of.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_text = |part: &&Value| part.get("kind").and_then(Value::as_str) == Some("text");
    parts.iter().filter(is_text).filter_map(|part| part.get("text").and_then(Value::as_str))
}
