//! Events that runs are told of, and what is answered.

use application::runs::NewEvent;
use domain::{
    Timestamp,
    ids::RunId,
    payload::{NotStorable, Payload},
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Stamp;

/// Something that has happened, for one run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RaiseEvent {
    /// What has happened, as steps of type `wait_for_event` name it.
    #[schemars(length(min = 1, max = 200))]
    event: String,
    /// What is known about it; at most 64 KiB.
    #[serde(default)]
    data: Value,
    /// Tells this event from others: sent again with the same id, it counts once. Minted where there is none.
    #[schemars(length(min = 1, max = 200))]
    id: Option<String>,
}

/// Something that has happened, for every run that waits for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroadcastEvent {
    /// What has happened, as steps of type `wait_for_event` name it.
    #[schemars(length(min = 1, max = 200))]
    event: String,
    /// Which of the waiting steps are meant: those with this `correlation`, or those without one.
    #[schemars(length(max = 200))]
    pub(crate) correlation: Option<String>,
    /// What is known about it; at most 64 KiB.
    #[serde(default)]
    data: Value,
    /// Tells this event from others: sent again with the same id, it counts once. Minted where there is none.
    #[schemars(length(min = 1, max = 200))]
    id: Option<String>,
}

fn no_controls(name: &'static str, text: &str, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if text.chars().any(char::is_control) {
        report.append(parent().join(name), garde::Error::new("must not contain control characters"));
    }
}

impl Validate for RaiseEvent {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        no_controls("event", &self.event, parent, report);
        no_controls("id", self.id.as_deref().unwrap_or_default(), parent, report);
    }
}

impl Validate for BroadcastEvent {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        no_controls("event", &self.event, parent, report);
        no_controls("correlation", self.correlation.as_deref().unwrap_or_default(), parent, report);
        no_controls("id", self.id.as_deref().unwrap_or_default(), parent, report);
    }
}

impl RaiseEvent {
    pub(crate) fn event(self) -> Result<NewEvent, NotStorable> {
        Ok(NewEvent { name: self.event, data: Payload::new(self.data)?, id: self.id })
    }
}

impl BroadcastEvent {
    pub(crate) fn event(self) -> Result<NewEvent, NotStorable> {
        Ok(NewEvent { name: self.event, data: Payload::new(self.data)?, id: self.id })
    }
}

/// Who was told of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventReceipt")]
pub(crate) struct EventReceipt {
    /// What was done.
    message: String,
    /// The runs that were told; whether their filters let it through shows in their steps.
    delivered_to: Vec<String>,
    timestamp: Stamp,
}

impl EventReceipt {
    pub(crate) fn new(runs: &[RunId], at: Timestamp) -> Self {
        let message = match runs.len() {
            0 => "Nobody waits for this event".to_owned(),
            1 => "1 run was told; its steps decide whether the event counts".to_owned(),
            several => format!("{several} runs were told; their steps decide whether the event counts"),
        };
        Self { message, delivered_to: runs.iter().map(ToString::to_string).collect(), timestamp: Stamp(at) }
    }
}

impl crate::api::Checked for RaiseEvent {}
impl crate::api::Checked for BroadcastEvent {}
