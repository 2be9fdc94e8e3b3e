//! Reading members of foreign records, with a sentence for what is wrong.

use domain::{ids::RunId, payload::Payload};
use serde_json::{Map, Value};

/// Why a record cannot be understood, ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the record has no value")]
    Empty,
    #[error("the value has {size} bytes, of which at most {limit} are taken")]
    TooLarge { size: usize, limit: usize },
    #[error("the value is not JSON: {0}")]
    NotJson(String),
    #[error("the value is not a JSON object")]
    NotAnObject,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not {1}")]
    WrongType(&'static str, &'static str),
    #[error("{0} cannot be taken: {1}")]
    NotStorable(&'static str, String),
    #[error("'{0}' is not a member that is known")]
    UnknownMember(String),
    #[error("{0} and {1} exclude each other")]
    Exclusive(&'static str, &'static str),
    #[error("the record is neither an execution nor a cancellation request")]
    UnknownRequest,
}

/// The members of a record's value.
pub(super) fn object(value: Option<&[u8]>, limit: usize) -> Result<Map<String, Value>, Unreadable> {
    let value = value.ok_or(Unreadable::Empty)?;
    if value.len() > limit {
        return Err(Unreadable::TooLarge { size: value.len(), limit });
    }
    match serde_json::from_slice(value) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Unreadable::NotAnObject),
        Err(e) => Err(Unreadable::NotJson(e.to_string())),
    }
}

/// A text that must be there.
pub(super) fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<String, Unreadable> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(Unreadable::Missing(name)),
        Some(_) => Err(Unreadable::WrongType(name, "a text")),
    }
}

/// A text that may be missing; another value in its place is kept as JSON.
pub(super) fn note(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// The run.
pub(super) fn run(members: &mut Map<String, Value>) -> Result<RunId, Unreadable> {
    let text = text(members, "run_id")?;
    RunId::parse(&text).map_err(|e| Unreadable::NotStorable("run_id", e.to_string()))
}

/// An object; missing and null are the empty one.
pub(super) fn payload(members: &mut Map<String, Value>, name: &'static str) -> Result<Payload, Unreadable> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(Payload::empty()),
        Some(value @ Value::Object(_)) => Payload::new(value).map_err(|e| Unreadable::NotStorable(name, e.to_string())),
        Some(_) => Err(Unreadable::WrongType(name, "an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_told_in_a_sentence() {
        for (value, sentence) in [
            (None, "the record has no value"),
            (Some("[1]"), "the value is not a JSON object"),
            (Some("null"), "the value is not a JSON object"),
            (Some("{"), "the value is not JSON: EOF while parsing an object at line 1 column 1"),
            (Some("{\"a\": \"longer than it may be\"}"), "the value has 30 bytes, of which at most 25 are taken"),
        ] {
            let error = object(value.map(str::as_bytes), 25).expect_err("it is no object");
            assert_eq!(error.to_string(), sentence);
        }
    }
}
