//! From where a run comes, for whoever tells of it.

use super::{commit::StartRun, event::RunEvent};
use crate::{
    Timestamp,
    ids::{RunId, Seq},
    trace::{RunTrace, TraceParent},
};

/// From where a run comes and since when it is under way: enough to name the spans of everything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOrigin {
    /// From where it was started, if that belongs to a trace.
    pub from: Option<TraceParent>,
    /// When it was started, or resumed last.
    pub since: Timestamp,
}

impl RunOrigin {
    /// The trace of the run.
    pub fn trace(self, run: &RunId) -> RunTrace {
        RunTrace::of(run, self.from)
    }

    /// The span of the run, from its start, or its last resume, to its end.
    pub fn span(self, run: &RunId) -> TraceParent {
        self.trace(run).named(&format!("{run}@{}", self.since.timestamp_micros()))
    }

    /// The span of an attempt of a step.
    pub fn attempt(self, run: &RunId, execution: Seq) -> TraceParent {
        self.trace(run).named(&format!("{run}/{execution}"))
    }
}

impl StartRun {
    /// From where the run is started, if that belongs to a trace.
    pub fn from(&self) -> Option<TraceParent> {
        match self.events.first() {
            Some(RunEvent::Started { trace, .. }) => *trace,
            _ => None,
        }
    }
}
