//! Dead letters as they are answered.

use application::dead_letters::{DeadLetterDetail, Outcome, Tried};
use domain::{
    Timestamp,
    ids::DeadLetterId,
    runs::{DeadLetterEntry, Run},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Json, Stamp,
    run_views::{RunReceipt, StepExecutionView},
};
use crate::problem::Problem;

/// A step that has failed for good.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub(crate) struct DeadLetterView {
    dlq_id: Uuid,
    /// The run whose step failed first.
    run_id: String,
    /// The run whose step failed last: the same one, or the one that was started to do the work after all.
    last_run_id: String,
    /// The workflow as it was addressed when the run was started.
    workflow_id: String,
    workflow_name: String,
    /// The version that the run executes; unknown for runs of foreign producers.
    workflow_version: Option<u32>,
    step_id: String,
    /// Where in the run the step is: `each[17]/fan.1/check` is `check`, member 1 of the block `fan`, in iteration 17 of the loop
    /// `each`.
    path: String,
    agent_name: String,
    /// Why it failed last.
    #[schemars(extend("x-payload" = true))]
    failure_reason: String,
    /// Which attempt it was that failed last.
    attempts: u32,
    first_failed_at: Stamp,
    last_failed_at: Stamp,
    /// How often the step has failed for good: again after a retry of its run, or where the entry was replayed.
    failure_count: u32,
    /// `pending_replay`: nobody has had it done after all, or that has failed too. `replayed`: a run was started to do it.
    #[schemars(extend("enum" = ["pending_replay", "replayed"]))]
    status: &'static str,
    /// The run that was started last to do the work.
    replayed_run_id: Option<String>,
    replayed_at: Option<Stamp>,
    /// The same as `first_failed_at`.
    created_at: Stamp,
}

impl From<DeadLetterEntry> for DeadLetterView {
    fn from(entry: DeadLetterEntry) -> Self {
        let (replayed_run_id, replayed_at) = match entry.replay {
            Some(replay) => (Some(replay.run.to_string()), Some(Stamp(replay.at))),
            None => (None, None),
        };
        Self {
            dlq_id: entry.last.id.uuid(),
            run_id: entry.run.to_string(),
            last_run_id: entry.last_run.to_string(),
            workflow_id: entry.workflow.to_string(),
            workflow_name: entry.workflow_name,
            workflow_version: entry.workflow_version,
            step_id: entry.last.step.to_string(),
            path: entry.last.path.to_string(),
            agent_name: entry.last.agent.to_string(),
            failure_reason: entry.last.reason,
            attempts: entry.last.attempts,
            first_failed_at: Stamp(entry.first_failed_at),
            last_failed_at: Stamp(entry.last_failed_at),
            failure_count: entry.failure_count,
            status: entry.status.as_str(),
            replayed_run_id,
            replayed_at,
            created_at: Stamp(entry.first_failed_at),
        }
    }
}

/// What an agent was asked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OriginalTask")]
struct OriginalTaskView {
    /// The task's id, as the agent knows it.
    task_id: String,
    /// The message's id, as the agent knows it.
    message_id: String,
    /// What was sent.
    #[schemars(extend("x-payload" = true))]
    input: Option<Json>,
}

/// A step that has failed for good, with all that is known about it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterDetail")]
pub(crate) struct DeadLetterDetailView {
    #[serde(flatten)]
    entry: DeadLetterView,
    /// What the agent was asked last.
    original_task: OriginalTaskView,
    /// Every attempt of the step, as the steps of its run show it: in the run that failed first, and behind those in the run that
    /// failed last, if that is another one.
    retry_history: Vec<StepExecutionView>,
}

impl From<DeadLetterDetail> for DeadLetterDetailView {
    fn from(detail: DeadLetterDetail) -> Self {
        let ids = detail.entry.last.call_ids(&detail.entry.last_run);
        let input = detail.input().cloned().map(Json);
        Self {
            original_task: OriginalTaskView { task_id: ids.task, message_id: ids.message, input },
            retry_history: detail.attempts.into_iter().map(Into::into).collect(),
            entry: detail.entry.into(),
        }
    }
}

/// The run that was started to do the work of a dead letter.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReplayReceipt")]
pub(crate) struct ReplayReceipt {
    #[serde(flatten)]
    receipt: RunReceipt,
    /// The dead letter.
    replay_of: Uuid,
}

impl ReplayReceipt {
    pub(crate) fn new(run: Run, entry: DeadLetterId, at: Timestamp) -> Self {
        Self { receipt: RunReceipt::new(run, "Dead letter replayed as a new run", at), replay_of: entry.uuid() }
    }
}

/// What became of one dead letter.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReplayOutcome")]
struct ReplayOutcomeView {
    dlq_id: Uuid,
    #[schemars(extend("enum" = ["replayed", "would_replay", "refused"]))]
    outcome: &'static str,
    /// The run that was started.
    run_id: Option<String>,
    /// Why none was: a code of `/docs/errors`.
    code: Option<&'static str>,
    /// The same for people. It may quote what does not fit.
    #[schemars(extend("x-payload" = true))]
    detail: Option<String>,
}

impl From<Tried> for ReplayOutcomeView {
    fn from(tried: Tried) -> Self {
        let plain = |outcome| Self { dlq_id: tried.id.uuid(), outcome, run_id: None, code: None, detail: None };
        match tried.outcome {
            Outcome::Replayed(run) => Self { run_id: Some(run.to_string()), ..plain("replayed") },
            Outcome::WouldReplay => plain("would_replay"),
            Outcome::Refused(error) => {
                let problem = Problem::from(error);
                if let Some(cause) = problem.cause_text() {
                    tracing::warn!(dlq.id = %tried.id, cause, "a dead letter could not be replayed");
                }
                let (code, detail) = (Some(problem.code().as_str()), Some(problem.text().to_owned()));
                Self { code, detail, ..plain("refused") }
            }
        }
    }
}

/// What became of many dead letters.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkReplayReceipt")]
pub(crate) struct BulkReplayView {
    /// Whether nothing was done.
    dry_run: bool,
    /// How many were replayed, or would have been.
    replayed: usize,
    /// How many were refused.
    refused: usize,
    /// What became of each, in the order in which they were tried. The first for which the store does not answer is the last.
    outcomes: Vec<ReplayOutcomeView>,
    timestamp: Stamp,
}

impl BulkReplayView {
    pub(crate) fn new(tried: Vec<Tried>, dry_run: bool, at: Timestamp) -> Self {
        let refused = tried.iter().filter(|tried| matches!(tried.outcome, Outcome::Refused(_))).count();
        let outcomes: Vec<_> = tried.into_iter().map(ReplayOutcomeView::from).collect();
        Self { dry_run, replayed: outcomes.len() - refused, refused, outcomes, timestamp: Stamp(at) }
    }
}
