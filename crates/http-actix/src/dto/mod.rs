//! What requests and answers look like (contract 1.5 to 1.10). Shapes and their limits only; the rules are the domain's.

pub(crate) mod access;
pub(crate) mod access_examples;
pub(crate) mod agent_requests;
mod agent_settings;
pub(crate) mod agents;
pub(crate) mod api_keys;
pub(crate) mod audit;
mod cursor;
pub(crate) mod dead_letter_views;
pub(crate) mod dead_letters;
pub(crate) mod events;
pub(crate) mod examples;
pub(crate) mod following;
mod labels;
pub(crate) mod lists;
pub(crate) mod logs;
mod reasons;
pub(crate) mod rehearsals;
pub(crate) mod run_changes;
pub(crate) mod run_feed;
pub(crate) mod run_views;
pub(crate) mod runs;
pub(crate) mod schedule_examples;
pub(crate) mod schedule_views;
pub(crate) mod schedules;
mod shapes;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod users;
pub(crate) mod version_views;
pub(crate) mod versions;
pub(crate) mod webhook_examples;
pub(crate) mod webhook_views;
pub(crate) mod webhooks;
pub(crate) mod workflow_changes;
mod workflow_status;
pub(crate) mod workflow_views;
pub(crate) mod workflows;

use std::{borrow::Cow, fmt};

use chrono::SecondsFormat;
use domain::{Timestamp, payload::Payload};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// A point in time of an answer: UTC with microseconds and a `Z`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp(pub(crate) Timestamp);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A payload of an answer, passed on as the text it is.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub(crate) Payload);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.0.text()).map_err(S::Error::custom)?.serialize(to)
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }
}

/// What is answered where nothing else is left to say.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub(crate) struct MessageView {
    /// What happened.
    pub(crate) message: String,
    /// When.
    pub(crate) timestamp: Stamp,
    /// Always null; old clients expect the member.
    pub(crate) data: (),
}

impl MessageView {
    pub(crate) fn new(message: String, at: Timestamp) -> Self {
        Self { message, timestamp: Stamp(at), data: () }
    }
}

/// For members of changes: tells `null`, which clears, from absence, which keeps.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
