//! Monitoring updates.

use domain::runs::{MonitoringUpdate, News};
use serde::Serialize;

use super::time;

#[derive(Serialize)]
struct Update<'a> {
    run_id: &'a str,
    step_id: &'a str,
    step_name: &'a str,
    status: &'static str,
    timestamp: String,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Metadata<'a> {
    Task { step_execution_id: &'a str, task_id: &'a str },
    Failure { step_execution_id: &'a str, error: &'a str },
    // The old executor names the step at which a run failed, always; null says that it was at none.
    Run { failed_step: Option<&'a str>, error: &'a str },
}

/// The value of an update.
pub(crate) fn monitoring(update: &MonitoringUpdate) -> Vec<u8> {
    let (step_id, step_name, status, metadata) = match &update.news {
        News::StepStarted { step, agent, execution, task } => {
            let metadata = Metadata::Task { step_execution_id: execution.as_str(), task_id: task };
            (step.as_str(), agent.as_str(), "RUNNING", metadata)
        }
        News::StepCompleted { step, agent, execution, task } => {
            let metadata = Metadata::Task { step_execution_id: execution.as_str(), task_id: task };
            (step.as_str(), agent.as_str(), "COMPLETED", metadata)
        }
        News::StepFailed { step, agent, execution, error } => {
            let metadata = Metadata::Failure { step_execution_id: execution.as_str(), error };
            (step.as_str(), agent.as_str(), "FAILED", metadata)
        }
        News::RunFailed { workflow, step, error } => {
            let metadata = Metadata::Run { failed_step: step.as_ref().map(domain::ids::StepId::as_str), error };
            ("workflow", workflow.as_str(), "FAILED", metadata)
        }
    };
    let timestamp = time::naive(update.at);
    let update = Update { run_id: update.run.as_str(), step_id, step_name, status, timestamp, metadata };
    serde_json::to_vec(&update).expect("texts always serialise")
}

/// What the update is about, for its span.
pub(crate) fn span_of(update: &MonitoringUpdate) -> String {
    match &update.news {
        News::StepStarted { execution, .. } => format!("{}-started", execution.as_str()),
        News::StepCompleted { execution, .. } => format!("{}-completed", execution.as_str()),
        News::StepFailed { execution, .. } => format!("{}-failed", execution.as_str()),
        News::RunFailed { .. } => format!("{}-failed", update.run),
    }
}
