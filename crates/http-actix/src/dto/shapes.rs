//! Shapes of members of workflow documents that are told to readers of the description. The members themselves are taken as they
//! come, and read by the domain, which finds all of their mistakes at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A run that follows: either `workflow_name` or `workflow_id` says of which workflow. The condition and the input see
/// `${workflow.input…}` and `${workflow.output…}` of the run that has completed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FollowUpRequest")]
#[expect(dead_code, reason = "only its shape is told")]
pub(super) struct FollowUp {
    /// The workflow's name.
    #[schemars(length(min = 1, max = 255))]
    workflow_name: Option<String>,
    /// The workflow's id, instead of its name.
    workflow_id: Option<String>,
    /// The number of a version; the latest active one without it.
    #[schemars(range(min = 1))]
    workflow_version: Option<u32>,
    /// A condition; without one the run always follows.
    condition: Option<String>,
    /// The run's input; an empty object without it.
    input_mapping: Option<Map<String, Value>>,
}

/// A run that follows, as it was said. Members that were not said are absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FollowUp")]
pub(super) struct FollowUpView {
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_mapping: Option<Map<String, Value>>,
}
