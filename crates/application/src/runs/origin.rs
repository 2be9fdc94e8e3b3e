//! From where a run was started, for whoever changes it without knowing it.

use domain::{
    ids::{RunId, Seq},
    ports::Runs,
    runs::RunEvent,
    trace::TraceParent,
};

/// From where the run was started, if that belongs to a trace and can be read: it is for those who follow traces, and keeps
/// nothing from being done.
pub async fn came_from(runs: &dyn Runs, run: &RunId) -> Option<TraceParent> {
    match runs.events(run, Seq::new(0), 1).await.ok()?.first().map(|first| &first.event) {
        Some(RunEvent::Started { trace, .. }) => *trace,
        _ => None,
    }
}
