//! Shapes of members of workflow documents as they are told in answers. Requests are taken as they come, and read by the domain,
//! which finds all of their mistakes at once; a document that is answered has been found good, so its members have these shapes.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A run that follows, as it was said. Members that were not said are absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FollowUp")]
pub(super) struct FollowUp {
    /// The workflow's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_name: Option<String>,
    /// The workflow's id, instead of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<String>,
    /// The number of a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_version: Option<u32>,
    /// The condition under which it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    /// Its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_mapping: Option<Map<String, Value>>,
}
