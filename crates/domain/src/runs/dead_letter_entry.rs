//! What people read: the entries among the dead letters.

use super::dead_letter::DeadLetter;
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{RunId, WorkflowId, WorkflowRef},
    page::Cursor,
};

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterStatus {
    /// Nobody has had it done after all, or that has failed too.
    PendingReplay,
    /// A run was started to do it; it completes, or fails elsewhere.
    Replayed,
}

impl DeadLetterStatus {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingReplay => "pending_replay",
            Self::Replayed => "replayed",
        }
    }

    /// Reads [`DeadLetterStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::PendingReplay, Self::Replayed].into_iter().find(|status| status.as_str() == text)
    }
}

/// The run that was started to do an entry's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The run.
    pub run: RunId,
    /// When this was decided.
    pub at: Timestamp,
}

/// An entry among the dead letters, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterEntry {
    /// The run whose step failed first.
    pub run: RunId,
    /// The run whose step failed last: the same one, or the one that was started to do the work after all.
    pub last_run: RunId,
    /// The workflow of the first run, as it was addressed.
    pub workflow: WorkflowRef,
    /// The workflow's name.
    pub workflow_name: String,
    /// The version that the first run executes, where that is known.
    pub workflow_version: Option<u32>,
    /// How the step failed last.
    pub last: DeadLetter,
    /// When it failed for good first.
    pub first_failed_at: Timestamp,
    /// When it did so last.
    pub last_failed_at: Timestamp,
    /// How often it did.
    pub failure_count: u32,
    /// Where the entry stands.
    pub status: DeadLetterStatus,
    /// The run that was started last to do the work.
    pub replay: Option<Replay>,
}

impl DeadLetterEntry {
    /// Its place in a list.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.last_failed_at, &self.last.id)
    }
}

/// Which dead letters a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Only those of runs of this workflow, as it was addressed.
    pub workflow: Option<WorkflowId>,
    /// Only those of this agent.
    pub agent: Option<AgentName>,
    /// Only those whose step failed first in this run.
    pub run: Option<RunId>,
    /// Only this status.
    pub status: Option<DeadLetterStatus>,
    /// Only those that failed last at this time or later.
    pub failed_after: Option<Timestamp>,
    /// Only those that failed last at this time or earlier.
    pub failed_before: Option<Timestamp>,
}

impl DeadLetterFilter {
    /// Whether an entry belongs to the list. The one definition, which SQL adapters translate.
    pub fn matches(&self, entry: &DeadLetterEntry) -> bool {
        self.workflow.is_none_or(|workflow| entry.workflow.definition() == Some(workflow))
            && self.agent.as_ref().is_none_or(|agent| entry.last.agent == *agent)
            && self.run.as_ref().is_none_or(|run| entry.run == *run)
            && self.status.is_none_or(|status| entry.status == status)
            && self.failed_after.is_none_or(|after| entry.last_failed_at >= after)
            && self.failed_before.is_none_or(|before| entry.last_failed_at <= before)
    }
}
