//! Events of foreign producers. Unlike requests, they have no readers but ours: what is not known is refused, as over HTTP.

use domain::{
    payload::Payload,
    runs::{RaisedEvent, Receivers},
};
use serde_json::{Map, Value};

use super::fields::{self, Unreadable};

/// Everything that an event may say.
const MEMBERS: [&str; 5] = ["event", "run_id", "correlation", "data", "id"];

/// How long the texts of an event may be, in characters.
const MAX_TEXT: usize = 200;

/// Reads an event. `place` names it where the producer does not.
pub(crate) fn read_event(
    value: Option<&[u8]>,
    limit: usize,
    place: impl FnOnce() -> String,
) -> Result<RaisedEvent, Unreadable> {
    let mut members = fields::object(value, limit)?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(Unreadable::UnknownMember(unknown.chars().take(MAX_TEXT).collect()));
    }
    // Missing and null are the same: producers have both habits.
    members.retain(|_, value| !value.is_null());
    let name = text(&mut members, "event")?.ok_or(Unreadable::Missing("event"))?;
    let run = members.contains_key("run_id").then(|| fields::run(&mut members)).transpose()?;
    let correlation = match members.get("correlation") {
        // That of steps without any.
        Some(Value::String(none)) if none.is_empty() => members.remove("correlation").map(|_| String::new()),
        _ => text(&mut members, "correlation")?,
    };
    let to = match (run, correlation) {
        (Some(run), None) => Receivers::Run(run),
        (None, correlation) => Receivers::Waiting { correlation: correlation.unwrap_or_default() },
        (Some(_), Some(_)) => return Err(Unreadable::Exclusive("run_id", "correlation")),
    };
    let id = text(&mut members, "id")?.unwrap_or_else(place);
    let data = Payload::new(members.remove("data").unwrap_or_default())
        .map_err(|problem| Unreadable::NotStorable("data", problem.to_string()))?;
    Ok(RaisedEvent { name, to, data, id })
}

/// A text that may be missing, and that every store can keep.
fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Unreadable> {
    let text = match members.remove(name) {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Unreadable::WrongType(name, "a text")),
    };
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(Unreadable::WrongType(name, "a text of 1 to 200 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Unreadable::WrongType(name, "a text without control characters"));
    }
    Ok(Some(text))
}
