//! Monitoring updates: how runs are getting on, in the words of the old system, and how circuit breakers are, which it did not tell.

use domain::{
    agents::{BreakerNews, BreakerPhase},
    runs::{MonitoringUpdate, News},
};
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

/// The members of an update, so that who reads those finds texts, and what only a breaker has.
#[derive(Serialize)]
struct BreakerUpdate<'a> {
    message_type: &'static str,
    run_id: &'static str,
    step_id: &'static str,
    step_name: &'a str,
    agent_name: &'a str,
    status: &'static str,
    timestamp: String,
    metadata: BreakerMetadata,
}

#[derive(Serialize)]
struct BreakerMetadata {
    previous_status: &'static str,
    recent_calls: u32,
    recent_failures: u32,
    retry_at: Option<String>,
}

/// The value of an update of a breaker. It is of no run.
pub(crate) fn breaker(news: &BreakerNews) -> Vec<u8> {
    let update = BreakerUpdate {
        message_type: "circuit_breaker",
        run_id: "",
        step_id: "circuit_breaker",
        step_name: news.agent.as_str(),
        agent_name: news.agent.as_str(),
        status: status(news.change.to),
        timestamp: time::naive(news.at),
        metadata: BreakerMetadata {
            previous_status: status(news.change.from),
            recent_calls: news.change.tally.total(),
            recent_failures: news.change.tally.failures,
            retry_at: news.retry_at.map(time::naive),
        },
    };
    serde_json::to_vec(&update).expect("texts always serialise")
}

/// As the old system writes them in its messages.
fn status(phase: BreakerPhase) -> &'static str {
    match phase {
        BreakerPhase::Closed => "CLOSED",
        BreakerPhase::Open { .. } => "OPEN",
        BreakerPhase::HalfOpen { .. } => "HALF_OPEN",
    }
}
