//! The events of a run as those see them who follow it.

use application::runs::RunEvents;
use domain::{
    ids::{RunId, Seq, StepPath},
    runs::{RunEvent, ToldEvent},
};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Stamp;
use crate::api::Checked;

/// From where on a run is followed.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct EventsQuery {
    /// The number of the last event that the client has; 0, or nothing, for all of them.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    after: Option<u64>,
    /// How many events a page holds at most; a stream has no pages.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) limit: u32,
}

fn hundred() -> u32 {
    100
}

impl EventsQuery {
    /// After which event the answer goes on: the header counts more, for it is newer than the address.
    pub(crate) fn after(&self, header: Option<u64>) -> Seq {
        Seq::new(header.or(self.after).unwrap_or_default())
    }
}

/// An event of a run. Kinds and members may be added; clients ignore what they do not know.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunEvent")]
pub(crate) struct EventView {
    /// Its number: the first of a run is 1, and none is left out.
    seq: u64,
    run_id: String,
    /// When it was decided.
    at: Stamp,
    /// What became true.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = ["step_succeeded"]))]
    kind: &'static str,
    /// The step, or the block.
    step: Option<String>,
    /// Where in the run the step is: `each[17]/fan.1/check` is `check`, member 1 of the block `fan`, in iteration 17 of the loop
    /// `each`.
    path: Option<String>,
    /// Which attempt of the step, from 1, where it is about one.
    attempt: Option<u32>,
    /// The number of the event that began the attempt which this one ends.
    execution: Option<u64>,
    /// The agent of the step; or what stands in its place: the workflow that the step runs, the event that it waits for.
    agent: Option<String>,
    /// The run that it names beside its own: the one that follows (`follow_up_started`), the one that is followed (`follows`).
    #[serde(skip_serializing_if = "Option::is_none")]
    other_run_id: Option<String>,
    /// Which entry of the document's `on_complete` it is about, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_up: Option<u32>,
    /// Who did it, where somebody did.
    by: Option<String>,
    /// Until when something waits, or may take; when the next attempt is due.
    until: Option<Stamp>,
    /// What somebody said about it: why an attempt or the run failed, how an agent is getting on, why people did something.
    #[schemars(extend("x-payload" = true))]
    detail: Option<String>,
}

impl EventView {
    /// An event of a run.
    pub(crate) fn new(run: &RunId, told: &ToldEvent) -> Self {
        let event = &told.numbered.event;
        let path = event.path();
        Self {
            seq: told.numbered.seq.get(),
            run_id: run.to_string(),
            at: Stamp(told.numbered.at),
            kind: event.kind(),
            step: path.map(|path| path.innermost().to_owned()),
            path: path.map(StepPath::to_string),
            attempt: told.attempt(),
            execution: event.ends().map(Seq::get),
            agent: told.agent.as_ref().map(ToString::to_string).or_else(|| named(event)),
            other_run_id: event.other_run().map(ToString::to_string),
            follow_up: event.follow_up().map(|number| number + 1),
            by: event.by().map(str::to_owned),
            until: event.until().map(Stamp),
            detail: told.words().map(str::to_owned),
        }
    }

    /// Its number, as the `id` of an event of a stream.
    pub(crate) fn id(&self) -> String {
        self.seq.to_string()
    }

    /// Its kind, as the `event` of a stream.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// An example.
    pub(crate) fn example() -> Value {
        json!({
            "seq": 3, "run_id": "run-0190c0de-0000-7000-8000-000000000003", "at": "2026-01-31T12:00:00.412310Z",
            "type": "step_succeeded", "step": "fetch", "path": "fetch", "attempt": 1, "execution": 2, "agent": "Fetcher",
            "by": null, "until": null, "detail": null,
        })
    }
}

/// What a kept event is called stands in the place of the agent, as where it is waited for.
fn named(event: &RunEvent) -> Option<String> {
    match event {
        RunEvent::EventKept { name, .. } => Some(name.clone()),
        _ => None,
    }
}

/// Some events of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunEvents")]
pub(crate) struct EventsView {
    /// The events, in the order of their numbers.
    items: Vec<EventView>,
    /// What to ask for as `after` to go on.
    next_after: u64,
    /// Whether there are more by now.
    has_more: bool,
    /// The status of the run. If it has ended and there are no more events, none will come, unless the run is resumed.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
}

impl EventsView {
    /// A page that was asked for after a number.
    pub(crate) fn new(run: &RunId, found: &RunEvents, after: Seq) -> Self {
        let last = found.events.last().map_or(after, |event| event.numbered.seq);
        Self {
            items: found.events.iter().map(|event| EventView::new(run, event)).collect(),
            next_after: last.get(),
            has_more: last < found.tip.last,
            status: found.tip.status.as_str(),
        }
    }

    /// An example.
    pub(crate) fn example() -> Value {
        json!({"items": [EventView::example()], "next_after": 3, "has_more": false, "status": "RUNNING"})
    }
}

impl Checked for EventsQuery {}
