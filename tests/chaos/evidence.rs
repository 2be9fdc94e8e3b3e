//! What is known after a chaos run: what people were told, what the agents saw, what the database and the topic hold. Plain
//! values: the checker can be given made-up ones.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::moment::Moment;

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The starts that were answered with 202.
    pub(crate) accepted: Vec<Accepted>,
    /// The orders of people that were acknowledged.
    pub(crate) orders: Vec<Order>,
    /// Answers that nobody should ever get, in words.
    pub(crate) wrong_answers: Vec<String>,
    /// Lines of the servers' logs that tell of a panic.
    pub(crate) panics: Vec<String>,
    /// What the database holds of each run, by its id.
    pub(crate) runs: BTreeMap<String, RunRecord>,
    /// The agents' log.
    pub(crate) calls: Vec<Call>,
    /// Calls that the log had no room for.
    pub(crate) unlogged: u64,
    /// The records of the topic that tells of ended runs.
    pub(crate) news: Vec<News>,
    /// When frozen executors were let go on.
    pub(crate) thaws: Vec<Moment>,
}

/// An accepted start.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) run: String,
    /// The run's output if it completes.
    pub(crate) output: Value,
}

/// An order to a run that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) run: String,
    pub(crate) what: Ordered,
    /// When the answer was there.
    pub(crate) acknowledged: Moment,
}

/// What can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ordered {
    Cancel,
    Retry,
}

/// A run in the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunRecord {
    /// The status that people see; none if the row is missing.
    pub(crate) status: Option<String>,
    pub(crate) output: Value,
    /// The number of the last event, and whether the run is still alive; none if the row is missing.
    pub(crate) head: Option<Head>,
    /// In the order of their events.
    pub(crate) commits: Vec<Commit>,
    /// The rows of attempts.
    pub(crate) rows: Vec<Row>,
}

/// What decides about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) is_live: bool,
}

/// The events of one commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// The number of the first event.
    pub(crate) first: u64,
    /// When it became durable, as the database itself says.
    pub(crate) durable: Moment,
    pub(crate) events: Vec<Event>,
}

/// The row of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) path: String,
    /// The number of the event that began the attempt.
    pub(crate) execution: u64,
    pub(crate) generation: u64,
    pub(crate) is_completed: bool,
}

/// A call that arrived at an agent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) message_id: String,
    /// Of the body.
    pub(crate) digest: String,
    pub(crate) at: Moment,
}

/// A record that tells of the end of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    pub(crate) event_id: String,
    pub(crate) value: Value,
}

/// As much of an event as the checker needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A call may be made.
    Dispatched { path: String, generation: u64, round: u64 },
    /// A step has an output; `execution` is the number of the event that began the attempt.
    Succeeded { path: String, execution: u64 },
    /// An attempt is over without one.
    AttemptFailed { execution: Option<u64> },
    /// The run ended.
    Ended(End),
    /// It is to go on after all.
    Resumed,
    /// Anything else.
    Other(String),
}

/// How a run can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Failed,
    Cancelled,
}

impl End {
    /// As people see it.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl Event {
    /// Reads a stored event; what is not known is something else, since kinds are added.
    pub(crate) fn read(stored: &Value) -> Self {
        let number = |member: &str| stored[member].as_u64();
        let path = || stored["path"].as_str().unwrap_or_default().to_owned();
        let kind = stored["type"].as_str().unwrap_or_default();
        match kind {
            "step_dispatched" => Self::Dispatched {
                path: path(),
                generation: number("generation").unwrap_or(0),
                round: number("round").unwrap_or(0),
            },
            "step_succeeded" => Self::Succeeded { path: path(), execution: number("execution").unwrap_or(0) },
            "step_retry_scheduled" | "step_failed" => Self::AttemptFailed { execution: number("execution") },
            "run_completed" => Self::Ended(End::Completed),
            "run_failed" => Self::Ended(End::Failed),
            "run_cancelled" => Self::Ended(End::Cancelled),
            "run_resumed" => Self::Resumed,
            _ => Self::Other(kind.to_owned()),
        }
    }
}

impl Commit {
    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        (self.first + self.events.len() as u64).saturating_sub(1)
    }
}

/// An event with its number and the moment of its becoming durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) seq: u64,
    pub(crate) durable: Moment,
    pub(crate) event: &'a Event,
}

impl RunRecord {
    /// Its history.
    pub(crate) fn events(&self) -> impl Iterator<Item = Told<'_>> {
        self.commits.iter().flat_map(|commit| {
            let numbered = (commit.first..).zip(&commit.events);
            numbered.map(|(seq, event)| Told { seq, durable: commit.durable, event })
        })
    }
}
