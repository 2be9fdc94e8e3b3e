//! Differences between versions as they are answered.

use application::workflows::Comparison;
use domain::workflows::{Change, PlacedChange};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What differs between the documents of two versions.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VersionDifference")]
pub(crate) struct DifferenceView {
    name: String,
    /// The number of the version that the changes start from.
    from_version: u32,
    /// The number of the version that they lead to.
    to_version: u32,
    /// The ids of the steps that only the second version has.
    steps_added: Vec<String>,
    /// The ids of the steps that only the first version has.
    steps_removed: Vec<String>,
    /// The ids of the steps that both have, and differently.
    steps_changed: Vec<String>,
    /// Every change. Made one after the other, they turn the first document into the second one.
    changes: Vec<ChangeView>,
}

/// A change at a place of the document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VersionChange")]
struct ChangeView {
    /// The place, as a JSON Pointer (RFC 6901) into `workflow_data`.
    pointer: String,
    #[schemars(extend("enum" = ["added", "removed", "changed"]))]
    change: &'static str,
    /// What was there; absent where something was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// What is there; absent where something was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl From<Comparison> for DifferenceView {
    fn from(comparison: Comparison) -> Self {
        let Comparison { from, to, difference } = comparison;
        Self {
            name: from.name.as_str().to_owned(),
            from_version: from.version,
            to_version: to.version,
            steps_added: difference.steps_added,
            steps_removed: difference.steps_removed,
            steps_changed: difference.steps_changed,
            changes: difference.changes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PlacedChange> for ChangeView {
    fn from(placed: PlacedChange) -> Self {
        let (change, before, after) = match placed.change {
            Change::Added { after } => ("added", None, Some(after)),
            Change::Removed { before } => ("removed", Some(before), None),
            Change::Changed { before, after } => ("changed", Some(before), Some(after)),
        };
        Self { pointer: placed.pointer, change, before, after }
    }
}
