//! Runs that runs start: who is whose child, what a parent needs to know to start one, and what it is told in the end.

use serde::{Deserialize, Serialize};

use super::{commit::StartRun, inbox::InboxMessage};
use crate::{
    Timestamp,
    ids::{CommitId, PlanHash, RunId, StepPath, WorkflowId},
    payload::Payload,
    ports::InboxNote,
    runs::{event::RunEvent, state::RunStatus, step_state::Attempt},
    trace::TraceParent,
};

/// Which step of which run has started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The step.
    pub path: StepPath,
    /// How many runs stand above the one that was started, from 1.
    pub depth: u32,
    /// How many runs have followed each other up to the run that starts it, so that the two together come to an end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub following: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Parent {
    /// What the run is told of the end of a run that it has started. `end` tells one end of that run from another.
    pub fn told(&self, child: &RunId, outcome: ChildOutcome, end: impl std::fmt::Display, at: Timestamp) -> InboxNote {
        let message = InboxMessage::ChildEnded { path: self.path.clone(), child: child.clone(), outcome };
        InboxNote {
            run: self.run.clone(),
            dedupe: format!("ended-{end}-{child}").chars().take(200).collect(),
            message,
            at,
        }
    }
}

/// The version that a step of type `sub_workflow` runs, as it was found when the step was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildDefinition {
    /// The id of the version's row.
    pub workflow: WorkflowId,
    /// The workflow's name.
    pub name: String,
    /// The version's number.
    pub version: u32,
    /// The plan that the run is pinned to; already stored.
    pub plan: PlanHash,
}

impl ChildDefinition {
    /// The start of a run of this version, which a store applies together with the commit of the run that wants it. The run
    /// waits to be claimed.
    pub fn start(self, run: RunId, input: Payload, parent: Parent, from: TraceParent, at: Timestamp) -> StartRun {
        let triggered_by = parent.run.to_string();
        self.started(run, input, triggered_by, Some(parent), from, at)
    }

    /// The start of a run of this version after another one, which a store applies together with the commit that completes the
    /// other one. Nobody waits for it: it has no parent.
    pub fn follow(
        self,
        run: RunId,
        input: Payload,
        after: &RunId,
        depth: u32,
        from: TraceParent,
        at: Timestamp,
    ) -> StartRun {
        let mut start = self.started(run, input, follower_of(after), None, from, at);
        start.events.push(RunEvent::Follows { run: after.clone(), depth });
        start
    }

    fn started(
        self,
        run: RunId,
        input: Payload,
        triggered_by: String,
        parent: Option<Parent>,
        from: TraceParent,
        at: Timestamp,
    ) -> StartRun {
        let first = RunEvent::Started { plan: self.plan, parent: parent.clone(), starts_at: None, trace: Some(from) };
        StartRun {
            commit: CommitId::of_start(&run),
            run,
            workflow: self.workflow,
            workflow_name: self.name,
            workflow_version: self.version,
            plan: self.plan,
            input,
            triggered_by,
            // Labels are of those who start runs; what a run has started is found by that.
            labels: super::labels::Labels::default(),
            at,
            starts_at: None,
            events: vec![first],
            status: RunStatus::Pending,
            owner: None,
            parent,
            // The run that starts it was started by somebody, and tells who.
            audit: None,
        }
    }
}

/// How the name begins that a run is started by which follows another one; the other one's id is the rest of it.
const FOLLOWS: &str = "on_complete:";

/// The run that a run follows, by who has started it.
pub fn followed(triggered_by: &str) -> Option<RunId> {
    triggered_by.strip_prefix(FOLLOWS).and_then(|id| RunId::parse(id).ok())
}

/// By whom the runs are started that follow a run. As long as what is kept of it.
pub fn follower_of(run: &RunId) -> String {
    format!("{FOLLOWS}{run}").chars().take(255).collect()
}

impl ChildResume {
    /// The resume of the run that a step has started, for an attempt of the step.
    pub(super) fn of(parent: &RunId, path: &StepPath, attempt: &Attempt) -> Self {
        let run = parent.child(path, attempt.generation);
        Self { path: path.clone(), commit: CommitId::of_child(&run, attempt.execution), run }
    }
}

/// What became of a run that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ChildOutcome {
    /// It completed; null where its last step is a block and its document names no output.
    Completed {
        /// Its output.
        output: Payload,
    },
    /// It failed.
    Failed {
        /// Why.
        error: String,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Why, if they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether the parent itself wanted it: it may have changed its mind meanwhile.
        #[serde(default)]
        by_parent: bool,
    },
}

impl ChildOutcome {
    /// What a run's row says about its end; none while it is under way.
    pub fn of(status: RunStatus, output: Option<&Payload>, error: Option<&str>) -> Option<Self> {
        match status {
            RunStatus::Pending | RunStatus::Running => None,
            RunStatus::Completed => Some(Self::Completed { output: output.cloned().unwrap_or_else(Payload::null) }),
            RunStatus::Failed => Some(Self::Failed { error: error.unwrap_or_default().to_owned() }),
            RunStatus::Cancelled => Some(Self::Cancelled { error: error.map(str::to_owned), by_parent: false }),
        }
    }
}

/// A run that failed or was cancelled, and whose parent wants it to be done after all. The commit's id is derived, so that
/// it is resumed once, however often that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildResume {
    /// The step of the parent.
    pub path: StepPath,
    /// The run.
    pub run: RunId,
    /// The commit that resumes it.
    pub commit: CommitId,
}
