//! The input of scheduled runs: an object in whose texts the tick may be named.
//!
//! `${schedule.id}`, `${schedule.name}`, `${schedule.time}` (the tick's time, UTC, RFC 3339) and `${schedule.tick_id}`. Anything else
//! in braces is left as it is: it may be meant for an agent. Not the references of documents, whose sources are runs and steps:
//! there is no run yet.

use serde_json::Value;

use super::{Schedule, ScheduleName, Tick};
use crate::{
    Timestamp,
    ids::{ScheduleId, TickId},
    payload::{NotStorable, Payload},
};

const PREFIX: &str = "schedule.";

/// The names that an input may use, with what they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickNames {
    /// `${schedule.id}`.
    pub id: String,
    /// `${schedule.name}`.
    pub name: String,
    /// `${schedule.time}`.
    pub time: String,
    /// `${schedule.tick_id}`.
    pub tick: String,
}

impl TickNames {
    const KNOWN: [&str; 4] = ["id", "name", "time", "tick_id"];

    /// What the names stand for at a tick.
    pub fn of(schedule: &Schedule, tick: &Tick) -> Self {
        Self::at(schedule.id, &schedule.name, tick.at, tick.id)
    }

    /// The same for a schedule that may not be there yet.
    pub fn at(id: ScheduleId, name: &ScheduleName, at: Timestamp, tick: TickId) -> Self {
        Self {
            id: id.to_string(),
            name: name.to_string(),
            time: at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            tick: tick.to_string(),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "id" => Some(&self.id),
            "name" => Some(&self.name),
            "time" => Some(&self.time),
            "tick_id" => Some(&self.tick),
            _ => None,
        }
    }
}

/// A name that an input uses and that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'${{{name}}}' is nothing that a schedule knows; it knows {}", known())]
pub struct InvalidTemplate {
    /// Where in the input, as a JSON Pointer.
    pub pointer: String,
    /// What stands between the braces.
    pub name: String,
}

fn known() -> String {
    TickNames::KNOWN.map(|name| format!("${{{PREFIX}{name}}}")).join(", ")
}

/// An input of scheduled runs.
#[derive(Debug, Clone, PartialEq)]
pub struct InputTemplate<'a>(pub &'a Value);

impl InputTemplate<'_> {
    /// Every name that stands for nothing.
    pub fn problems(&self) -> Vec<InvalidTemplate> {
        let mut found = Vec::new();
        look(self.0, &mut String::new(), &mut found);
        found
    }

    /// The input of a tick's run. Names that stand for nothing stay as they are.
    pub fn fill(&self, names: &TickNames) -> Result<Payload, NotStorable> {
        Payload::new(filled(self.0, names))
    }
}

fn look(value: &Value, place: &mut String, found: &mut Vec<InvalidTemplate>) {
    let length = place.len();
    match value {
        Value::String(text) => {
            let unknown = names(text).filter(|name| !TickNames::KNOWN.contains(&&name[PREFIX.len()..]));
            found.extend(unknown.map(|name| InvalidTemplate { pointer: place.clone(), name: name.to_owned() }));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                place.push('/');
                place.push_str(&index.to_string());
                look(item, place, found);
                place.truncate(length);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                place.push('/');
                place.push_str(&name.replace('~', "~0").replace('/', "~1"));
                look(member, place, found);
                place.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands between `${` and `}` and begins with `schedule.`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    inner.map(|(name, _)| name).filter(|name| name.starts_with(PREFIX))
}

fn filled(value: &Value, with: &TickNames) -> Value {
    match value {
        Value::String(text) => Value::String(spliced(text, with)),
        Value::Array(items) => items.iter().map(|item| filled(item, with)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), filled(member, with))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// In one go: what was filled in is not read again.
fn spliced(text: &str, with: &TickNames) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("${") {
        let inner = rest[start + 2..].split_once('}').map(|(name, _)| name);
        let meant = inner.and_then(|name| Some((name, with.get(name.strip_prefix(PREFIX)?)?)));
        let (plain, meant, end) = match meant {
            Some((name, meant)) => (&rest[..start], meant, start + name.len() + 3),
            None => (&rest[..start + 2], "", start + 2),
        };
        done.push_str(plain);
        done.push_str(meant);
        rest = &rest[end..];
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> TickNames {
        let [id, name, time, tick] = ["1", "nightly", "2026-01-31T03:00:00Z", "2"].map(str::to_owned);
        TickNames { id, name, time, tick }
    }

    #[test]
    fn the_tick_is_named_wherever_a_text_stands() {
        let input = json!({"a": "${schedule.time}", "b": [{"c": "${schedule.name} (${schedule.id}/${schedule.tick_id})"}], "d": 1});
        let filled = InputTemplate(&input).fill(&names()).expect("storable");
        assert_eq!(*filled.value(), json!({"a": "2026-01-31T03:00:00Z", "b": [{"c": "nightly (1/2)"}], "d": 1}));
    }

    #[test]
    fn what_is_meant_for_others_stays() {
        let input = json!({"a": "${workflow.input.b} ${ ${}", "schedule.time": "schedule.time"});
        let template = InputTemplate(&input);
        assert_eq!(template.problems(), []);
        assert_eq!(*template.fill(&names()).expect("storable").value(), input);
    }

    #[test]
    fn every_unknown_name_is_told_with_its_place() {
        let input = json!({"a/b": ["x", "${schedule.tiem} ${schedule.}"], "c": "${schedule.time}"});
        let found = InputTemplate(&input).problems();
        let places: Vec<_> = found.iter().map(|f| (f.pointer.as_str(), f.name.as_str())).collect();
        assert_eq!(places, [("/a~1b/1", "schedule.tiem"), ("/a~1b/1", "schedule.")]);
        assert!(found[0].to_string().contains("${schedule.time}"), "{}", found[0]);
    }

    #[test]
    fn a_name_that_is_filled_in_is_not_read_again() {
        let odd = TickNames { name: "${schedule.id}".to_owned(), ..names() };
        let input = json!("${schedule.name} ${schedule.id}");
        // The order of the text counts, and what was filled in is not looked at.
        assert_eq!(*InputTemplate(&input).fill(&odd).expect("storable").value(), json!("${schedule.id} 1"));
    }
}
