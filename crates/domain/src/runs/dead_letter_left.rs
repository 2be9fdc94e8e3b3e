//! What others are told of a step that has failed for good.

use serde::{Deserialize, Serialize};

use super::{commit::AdvanceRun, dead_letter::DeadLetter, dead_letter_entry::DeadLetterEntry};
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{DeadLetterId, RunId, StepId, StepPath, WorkflowRef},
    payload::Payload,
    trace::TraceParent,
};

/// The largest input that goes with a message; above it, others are told its size.
const MOST_INPUT_BYTES: usize = 256 << 10;

/// A step has failed for good: what others are told. Sent at least once; equal `event_id`s are the same news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterLeft {
    /// `{entry}-{how often it has failed}`.
    pub event_id: String,
    /// The entry.
    pub dlq_id: DeadLetterId,
    /// The run whose step has failed now.
    pub run_id: RunId,
    /// The workflow, as it was addressed.
    pub workflow_id: WorkflowRef,
    /// Its name.
    pub workflow_name: String,
    /// The version, where that is known.
    pub workflow_version: Option<u32>,
    /// The step.
    pub step_id: StepId,
    /// Its place.
    pub path: StepPath,
    /// Its agent.
    pub agent_name: AgentName,
    /// What the agent was asked last.
    pub original_task: OriginalTask,
    /// Why it failed.
    pub failure_reason: String,
    /// Which policy attempt failed last.
    pub attempts: u32,
    /// When it failed for good first.
    pub first_failed_at: Timestamp,
    /// When it did so last.
    pub last_failed_at: Timestamp,
    /// How often it did.
    pub failure_count: u32,
    /// When this became true.
    pub timestamp: Timestamp,
    /// Always `dead_letter`.
    pub message_type: String,
    /// From where the run comes within its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TraceParent>,
}

/// What an agent was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalTask {
    /// The task's id.
    pub task_id: String,
    /// The message's id.
    pub message_id: String,
    /// What was sent; none where it is too large.
    pub input: Option<Payload>,
    /// How large it is.
    pub input_bytes: u64,
}

impl DeadLetterLeft {
    /// What others are told of a letter of a commit, once the commit is applied; `entry` is what stands among the dead letters
    /// then.
    pub fn of(commit: &AdvanceRun, letter: &DeadLetter, entry: &DeadLetterEntry) -> Self {
        let ids = letter.call_ids(&commit.run);
        let input = commit.closed.iter().rfind(|closed| closed.execution == letter.execution).map(|c| &c.input);
        let bytes = input.map_or(0, |input| input.text().len());
        Self {
            event_id: format!("{}-{}", letter.id, entry.failure_count),
            dlq_id: letter.id,
            run_id: commit.run.clone(),
            workflow_id: entry.workflow.clone(),
            workflow_name: entry.workflow_name.clone(),
            workflow_version: entry.workflow_version,
            step_id: letter.step.clone(),
            path: letter.path.clone(),
            agent_name: letter.agent.clone(),
            original_task: OriginalTask {
                task_id: ids.task,
                message_id: ids.message,
                input: input.filter(|_| bytes <= MOST_INPUT_BYTES).cloned(),
                input_bytes: bytes as u64,
            },
            failure_reason: letter.reason.clone(),
            attempts: letter.attempts,
            first_failed_at: entry.first_failed_at,
            last_failed_at: entry.last_failed_at,
            failure_count: entry.failure_count,
            timestamp: commit.at,
            message_type: "dead_letter".to_owned(),
            from: Some(commit.origin.span(&commit.run)),
        }
    }
}
