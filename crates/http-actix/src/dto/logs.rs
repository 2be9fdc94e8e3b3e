//! The log of a run as it is asked for and answered.

use application::runs::{LogFilter, RunLog};
use domain::{
    ids::{RunId, Seq},
    runs::{LogEntry, LogLevel},
};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Stamp;
use crate::api::Checked;

/// Which part of a run's log is wanted.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct LogQuery {
    /// The number of the last entry that the client has; 0, or nothing, for all of them.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    after: Option<u64>,
    /// How many entries a page holds at most; a stream has no pages.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) limit: u32,
    /// Only entries that matter at least as much.
    #[serde(default)]
    level: LevelName,
    /// Only what is about this step: its id, for wherever it is in the run and for what is in it, or its path.
    #[schemars(length(min = 1, max = 1000))]
    step: Option<String>,
    /// Whether to go on with entries as they come, as Server-Sent Events; the same as `Accept: text/event-stream`.
    #[serde(default)]
    pub(crate) follow: bool,
}

fn hundred() -> u32 {
    100
}

impl LogQuery {
    /// After which entry the answer goes on.
    pub(crate) fn after(&self, header: Option<u64>) -> Seq {
        Seq::new(header.or(self.after).unwrap_or_default())
    }

    /// What is wanted.
    pub(crate) fn filter(&self) -> LogFilter {
        let level = match self.level {
            LevelName::Debug => LogLevel::Debug,
            LevelName::Info => LogLevel::Info,
            LevelName::Warn => LogLevel::Warn,
            LevelName::Error => LogLevel::Error,
        };
        LogFilter { level, step: self.step.clone() }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
enum LevelName {
    #[default]
    Debug,
    Info,
    Warn,
    Error,
}

/// An entry of a run's log. The sentence is for people and may change; programs go by the run's events.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LogEntry")]
pub(crate) struct LogEntryView {
    /// Its number, that of the event which it is about. With a filter, numbers are left out.
    seq: u64,
    run_id: String,
    /// When it was decided.
    at: Stamp,
    #[schemars(extend("enum" = ["debug", "info", "warn", "error"]))]
    level: &'static str,
    /// The step, or the block.
    step: Option<String>,
    /// Where in the run the step is.
    path: Option<String>,
    /// Which attempt of the step, from 1, where it is about one.
    attempt: Option<u32>,
    /// What happened, as a sentence.
    message: String,
    /// What somebody said about it: why an attempt or the run failed, how an agent is getting on, why people did something.
    #[schemars(extend("x-payload" = true))]
    detail: Option<String>,
}

impl LogEntryView {
    /// An entry of a run's log.
    pub(crate) fn new(run: &RunId, entry: LogEntry) -> Self {
        Self {
            seq: entry.seq.get(),
            run_id: run.to_string(),
            at: Stamp(entry.at),
            level: entry.level.as_str(),
            step: entry.path.as_ref().map(|path| path.innermost().to_owned()),
            path: entry.path.map(|path| path.to_string()),
            attempt: entry.attempt,
            message: entry.message,
            detail: entry.detail,
        }
    }

    /// Its number, as the `id` of an event of a stream.
    pub(crate) fn id(&self) -> String {
        self.seq.to_string()
    }

    /// An example.
    pub(crate) fn example() -> Value {
        json!({
            "seq": 3, "run_id": "run-0190c0de-0000-7000-8000-000000000003", "at": "2026-01-31T12:00:00.412310Z", "level": "info",
            "step": "fetch", "path": "fetch", "attempt": 1, "message": "Step 'fetch' has succeeded after 412 ms", "detail": null,
        })
    }
}

/// Some entries of a run's log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunLog")]
pub(crate) struct LogView {
    /// The entries, in order.
    items: Vec<LogEntryView>,
    /// What to ask for as `after` to go on. It may be later than the last entry: what follows that was looked at and is not wanted.
    next_after: u64,
    /// Whether there may be more by now.
    has_more: bool,
    /// The status of the run. If it has ended and there is no more, none will come, unless the run is resumed.
    #[schemars(extend("enum" = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]))]
    status: &'static str,
}

impl LogView {
    /// A page.
    pub(crate) fn new(run: &RunId, log: RunLog) -> Self {
        Self {
            items: log.entries.into_iter().map(|entry| LogEntryView::new(run, entry)).collect(),
            next_after: log.looked_at.get(),
            has_more: log.looked_at < log.tip.last,
            status: log.tip.status.as_str(),
        }
    }

    /// An example.
    pub(crate) fn example() -> Value {
        json!({"items": [LogEntryView::example()], "next_after": 3, "has_more": false, "status": "RUNNING"})
    }
}

impl Checked for LogQuery {}
