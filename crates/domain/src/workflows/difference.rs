//! What changed from one version's document to another's, place by place.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::WorkflowDocument;

/// What happened at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Something is there that was not.
    Added {
        /// What.
        after: Value,
    },
    /// Something is not there any more.
    Removed {
        /// What.
        before: Value,
    },
    /// Something else is there.
    Changed {
        /// What was there.
        before: Value,
        /// What is there.
        after: Value,
    },
}

/// A change with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedChange {
    /// The place, as a JSON Pointer (RFC 6901) into the document.
    pub pointer: String,
    /// What happened there.
    pub change: Change,
}

/// The difference between two documents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Every change. Made one after the other, they turn the old document into the new one: items are removed from the end
    /// of a list and added to it in their order.
    pub changes: Vec<PlacedChange>,
    /// The ids of the steps that only the new document has.
    pub steps_added: Vec<String>,
    /// The ids of the steps that only the old document has.
    pub steps_removed: Vec<String>,
    /// The ids of the steps that both have, and differently.
    pub steps_changed: Vec<String>,
}

impl Difference {
    /// Compares two documents. Their ids and version numbers, which always differ, say nothing about what they do and are
    /// left out.
    pub fn between(old: &WorkflowDocument, new: &WorkflowDocument) -> Self {
        let mut changes = Vec::new();
        compare("", &content(old), &content(new), &mut changes);
        let (before, after): (BTreeSet<_>, BTreeSet<_>) = (old.steps.keys().collect(), new.steps.keys().collect());
        Self {
            changes,
            steps_added: after.difference(&before).map(|id| (*id).clone()).collect(),
            steps_removed: before.difference(&after).map(|id| (*id).clone()).collect(),
            steps_changed: before
                .intersection(&after)
                .filter(|id| old.steps.get(**id) != new.steps.get(**id))
                .map(|id| (*id).clone())
                .collect(),
        }
    }
}

/// What a document says without naming its version.
fn content(document: &WorkflowDocument) -> Value {
    let mut content = serde_json::to_value(document).expect("a document is made of texts and JSON values");
    if let Value::Object(members) = &mut content {
        members.remove("workflow_id");
        members.remove("version");
    }
    content
}

fn compare(at: &str, old: &Value, new: &Value, found: &mut Vec<PlacedChange>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => compare_members(at, old, new, found),
        (Value::Array(old), Value::Array(new)) => compare_items(at, old, new, found),
        _ if old == new => {}
        _ => {
            let change = Change::Changed { before: old.clone(), after: new.clone() };
            found.push(PlacedChange { pointer: at.to_owned(), change });
        }
    }
}

fn compare_members(at: &str, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<PlacedChange>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        compare_places(pointer, old.get(name), new.get(name), found);
    }
}

/// Place by place: a list of steps or branches is short, and an item that moved is a change of what happens when.
fn compare_items(at: &str, old: &[Value], new: &[Value], found: &mut Vec<PlacedChange>) {
    let common = old.len().min(new.len());
    for place in (0..common).chain(common..new.len()).chain((common..old.len()).rev()) {
        compare_places(format!("{at}/{place}"), old.get(place), new.get(place), found);
    }
}

fn compare_places(pointer: String, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<PlacedChange>) {
    match (old, new) {
        (Some(old), Some(new)) => compare(&pointer, old, new, found),
        (Some(old), None) => found.push(PlacedChange { pointer, change: Change::Removed { before: old.clone() } }),
        (None, Some(new)) => found.push(PlacedChange { pointer, change: Change::Added { after: new.clone() } }),
        (None, None) => {}
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
