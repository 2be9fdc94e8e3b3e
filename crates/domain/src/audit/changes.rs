//! What of a thing changes, member by member.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Mac;
use crate::payload::Payload;

/// The most bytes that the text of one side of a change may have; a larger one is told by its size and digest.
const MAX_VALUE: usize = 2_048;

/// The most places of a document that are named.
const MAX_PLACES: usize = 50;

static NULL: Value = Value::Null;

/// The members that change: each with `before`, which is missing where something is new, and `after`, which is missing where
/// it goes. Never holds a secret: see [`Changes::secret`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Map<String, Value>);

impl Changes {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The members in which two snapshots differ. A member that is `null` on a side is as if it were missing there.
    pub fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Self {
        let members: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let mut changes = Self::none();
        for member in members {
            let [old, new] = [before, after].map(|side| side.get(member).filter(|value| !value.is_null()));
            if old != new {
                changes.insert(member, old.cloned(), new.cloned());
            }
        }
        changes
    }

    /// Something new.
    #[must_use]
    pub fn set(self, member: &str, after: impl Into<Value>) -> Self {
        self.changed(member, Value::Null, after)
    }

    /// Something that becomes something else; where both are equal, nothing is told.
    #[must_use]
    pub fn changed(mut self, member: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let [before, after] = [before.into(), after.into()].map(|side| Some(side).filter(|value| !value.is_null()));
        if before != after {
            self.insert(member, before, after);
        }
        self
    }

    /// A secret: only whether there was one, whether there is one, and that it is another one.
    #[must_use]
    pub fn secret<T: PartialEq>(mut self, member: &str, before: Option<&T>, after: Option<&T>) -> Self {
        if before != after {
            let mask = |side: Option<&T>| side.map(|_| Value::from("***"));
            self.insert(member, mask(before), mask(after));
        }
        self
    }

    /// Data of a run: only how much it is, and its digest.
    #[must_use]
    pub fn data(self, member: &str, data: &Payload) -> Self {
        self.set(member, digest(data.text()))
    }

    /// A document that changes: the places where it does, as JSON Pointers (RFC 6901).
    #[must_use]
    pub fn document(mut self, member: &str, before: &Value, after: &Value) -> Self {
        let mut places = Vec::new();
        differ(before, after, &mut String::new(), &mut places);
        if !places.is_empty() {
            let more = places.len().saturating_sub(MAX_PLACES);
            places.truncate(MAX_PLACES);
            let told = if more > 0 { json!({"changed": places, "more": more}) } else { json!({"changed": places}) };
            self.0.insert(member.to_owned(), told);
        }
        self
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As JSON text, for a column.
    pub fn text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// As a value.
    pub fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn insert(&mut self, member: &str, before: Option<Value>, after: Option<Value>) {
        let sides = [("before", before), ("after", after)];
        let told = sides.into_iter().filter_map(|(side, value)| Some((side.to_owned(), bounded(value?))));
        self.0.insert(member.to_owned(), Value::Object(told.collect()));
    }
}

/// A value that may be kept, or what can be said of it instead.
fn bounded(value: Value) -> Value {
    match &value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
        Value::String(text) if text.len() <= MAX_VALUE => Value::from(text.replace('\0', "\u{fffd}")),
        Value::String(_) | Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() <= MAX_VALUE && Payload::new(value.clone()).is_ok() { value } else { digest(&text) }
        }
    }
}

fn digest(text: &str) -> Value {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    json!({"bytes": text.len(), "sha256": Mac::new(digest).to_string()})
}

/// Adds the smallest places in which two values differ.
fn differ(before: &Value, after: &Value, place: &mut String, places: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            places.push(place.clone());
        }
        return;
    };
    let members: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for member in members {
        let length = place.len();
        place.push('/');
        place.push_str(&member.replace('~', "~0").replace('/', "~1"));
        differ(old.get(member).unwrap_or(&NULL), new.get(member).unwrap_or(&NULL), place, places);
        place.truncate(length);
    }
}
