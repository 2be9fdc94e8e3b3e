//! What people read: runs and step executions.

use std::collections::HashSet;

use super::{
    decide::{RunData, input_of, restore_outputs},
    event::{EventRecord, RunEvent},
    labels::Labels,
    state::{RunState, RunStatus},
};
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{PlanHash, RunId, Seq, StepExecutionId, StepId, StepPath, WorkflowId, WorkflowRef},
    page::{Cursor, has_part},
    payload::Payload,
    workflows::Plan,
};

/// A run, as its row tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The workflow as it was addressed when the run was started.
    pub workflow: WorkflowRef,
    /// The workflow's name.
    pub workflow_name: String,
    /// The version that the run executes, where that is known.
    pub workflow_version: Option<u32>,
    /// Who looks after it.
    pub engine: RunEngine,
    /// The plan that it is pinned to; none for a run that the old system stored.
    pub plan: Option<PlanHash>,
    /// Its status.
    pub status: RunStatus,
    /// Whether nothing new is to be begun; its status stays what it was.
    pub paused: bool,
    /// Its input.
    pub input: Payload,
    /// Who started it.
    pub triggered_by: Option<String>,
    /// Its labels.
    pub labels: Labels,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it may begin, or might, where it was started for a later time.
    pub starts_at: Option<Timestamp>,
    /// When its row changed last.
    pub updated_at: Timestamp,
    /// When it completed or failed.
    pub completed_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// Its output, once it has completed.
    pub output: Option<Payload>,
}

/// Who looks after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEngine {
    /// This system's executors: the run has events, and all guarantees hold.
    Orrery,
    /// The executor of the old system, asked over the bus: the run has rows only.
    External,
}

impl RunEngine {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orrery => "orrery",
            Self::External => "external",
        }
    }
}

/// What a list of runs is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSort {
    /// When they were started.
    CreatedAt,
    /// When they changed last.
    UpdatedAt,
}

impl Run {
    /// Its place in a list.
    pub fn cursor(&self, sort: RunSort) -> Cursor {
        let time = match sort {
            RunSort::CreatedAt => self.created_at,
            RunSort::UpdatedAt => self.updated_at,
        };
        Cursor::new(time, &self.id)
    }
}

/// Which runs a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only these statuses; any, where there is none.
    pub statuses: Vec<RunStatus>,
    /// Only runs of this workflow, as it was addressed.
    pub workflow: Option<WorkflowId>,
    /// Only runs of the workflow with this name, exactly.
    pub workflow_name: Option<String>,
    /// Only runs of versions with this number.
    pub workflow_version: Option<u32>,
    /// Only runs started at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only runs started at this time or earlier.
    pub created_before: Option<Timestamp>,
    /// Only runs that completed or failed at this time or later.
    pub completed_after: Option<Timestamp>,
    /// Only runs that completed or failed at this time or earlier.
    pub completed_before: Option<Timestamp>,
    /// Only runs that this one started, by name.
    pub triggered_by: Option<String>,
    /// Only runs whose error has this text in it, as [`has_part`] says.
    pub error_contains: Option<String>,
    /// Only runs that have all of these labels.
    pub labels: Labels,
    /// Only runs that this run has started.
    pub parent: Option<RunId>,
}

impl RunFilter {
    /// Of runs with one status.
    pub fn with_status(status: RunStatus) -> Self {
        Self { statuses: vec![status], ..Self::default() }
    }

    /// Whether a run belongs to the list. The one definition, which SQL adapters translate.
    pub fn matches(&self, run: &Run) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.workflow.is_none_or(|workflow| run.workflow.definition() == Some(workflow))
            && self.workflow_name.as_ref().is_none_or(|name| run.workflow_name == *name)
            && self.workflow_version.is_none_or(|version| run.workflow_version == Some(version))
            && self.created_after.is_none_or(|after| run.created_at >= after)
            && self.created_before.is_none_or(|before| run.created_at <= before)
            && self.completed_after.is_none_or(|after| run.completed_at.is_some_and(|at| at >= after))
            && self.completed_before.is_none_or(|before| run.completed_at.is_some_and(|at| at <= before))
            && self.triggered_by.as_ref().is_none_or(|name| run.triggered_by.as_ref() == Some(name))
            && self
                .error_contains
                .as_ref()
                .is_none_or(|part| run.error.as_ref().is_some_and(|error| has_part(error, part)))
            && run.labels.include(&self.labels)
            && self.parent.as_ref().is_none_or(|parent| run.parent.as_ref() == Some(parent))
    }
}

/// The status of a step execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// A call may be under way.
    Running,
    /// The agent answered.
    Completed,
    /// The attempt failed, or the run was cancelled meanwhile.
    Failed,
}

impl StepStatus {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// One attempt of one step, as people read it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepExecution {
    /// The id that the REST API and the tables show (contract 4.3).
    pub id: StepExecutionId,
    /// Names it within the run; none where the old executor made it.
    pub execution: Option<Seq>,
    /// The run.
    pub run: RunId,
    /// The step's id.
    pub step: StepId,
    /// The step's place.
    pub path: StepPath,
    /// The agent.
    pub agent: AgentName,
    /// Its status.
    pub status: StepStatus,
    /// Which policy attempt, from 1.
    pub attempt: u32,
    /// What was sent.
    pub input: Payload,
    /// What came back.
    pub output: Option<Payload>,
    /// When it was dispatched.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The attempts that have been dispatched but have no row, because rows are written once, when an attempt ends: those
/// under way, and those that a cancellation cut.
///
/// `rows` are the run's rows; their outputs give the inputs of the open attempts.
pub fn open_attempts(plan: &Plan, run: &Run, history: &[EventRecord], rows: &[StepExecution]) -> Vec<StepExecution> {
    let ended: HashSet<Seq> = rows.iter().filter_map(|row| row.execution).collect();
    let mut data = RunData::new(run.id.clone(), run.input.clone());
    for row in rows {
        if let (StepStatus::Completed, Some(output)) = (row.status, &row.output) {
            data.outputs.insert(row.path.clone(), output.clone());
        }
    }
    if let Ok(state) = RunState::fold(history) {
        restore_outputs(plan, &state, &mut data);
    }
    let mut open = Vec::new();
    for record in history {
        for (execution, event) in record.numbered() {
            match event {
                RunEvent::StepDispatched { path, .. }
                | RunEvent::ChildStarted { path, .. }
                | RunEvent::ChildResumed { path, .. }
                | RunEvent::EventAwaited { path, .. }
                    if !ended.contains(&execution) =>
                {
                    let Some((step, agent)) = plan.at(path).and_then(|step| Some((step, step.performer()?))) else {
                        continue;
                    };
                    let attempt = if let RunEvent::StepDispatched { attempt, .. } = event { *attempt } else { 1 };
                    let input = input_of(plan, &data, path);
                    open.push(StepExecution {
                        id: StepExecutionId::derive(&run.id, &step.id, execution),
                        execution: Some(execution),
                        run: run.id.clone(),
                        step: step.id.clone(),
                        path: path.clone(),
                        agent: agent.clone(),
                        status: StepStatus::Running,
                        attempt,
                        input: input.unwrap_or_else(Payload::empty),
                        output: None,
                        started_at: record.at,
                        completed_at: None,
                        error: None,
                    });
                }
                RunEvent::RunCancelled { .. } => open.iter_mut().for_each(|attempt| attempt.cut(record.at)),
                _ => {}
            }
        }
    }
    open
}

impl StepExecution {
    fn cut(&mut self, at: Timestamp) {
        if self.status == StepStatus::Running {
            self.status = StepStatus::Failed;
            self.completed_at = Some(at);
            self.error = Some("Cancelled".to_owned());
        }
    }
}
