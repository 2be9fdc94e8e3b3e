//! What runs say to other programs, and are told by them. The wire formats belong to the adapters; the old system's are
//! section 3.3 of the contract.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    adopt::AdoptRun,
    commit::{CancelRun, RunCommit},
    dead_letter_left::DeadLetterLeft,
    state::RunStatus,
};
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{RunId, Seq, StepExecutionId, StepId},
    payload::Payload,
    trace::{RunTrace, TraceParent},
    workflows::WorkflowDocument,
};

/// A run has ended: COMPLETED, FAILED or CANCELLED. Sent at least once; equal `event_id`s are the same news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// `{run}-{number of the event}`.
    pub event_id: String,
    /// The run.
    pub run_id: RunId,
    /// `COMPLETED`, `FAILED` or `CANCELLED`.
    pub status: String,
    /// When.
    pub timestamp: Timestamp,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// Always `run_ended`.
    pub message_type: String,
    /// From where the run comes within its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TraceParent>,
}

impl RunEnded {
    /// What a commit, once it is applied, tells others; adoptions apart ([`RunEnded::of_adoption`]). `last` is the number of the run's last event after it.
    pub fn of(commit: &RunCommit, last: Seq) -> Option<Self> {
        let (status, at, error, from) = match commit {
            RunCommit::Start(start) => (start.status, start.at, None, start.from()),
            RunCommit::Advance(advance) => {
                let update = advance.update.as_ref()?;
                (update.status, advance.at, update.error.clone(), Some(advance.origin.span(&advance.run)))
            }
            RunCommit::Cancel(cancel) => (RunStatus::Cancelled, cancel.at, cancel.message(), cancel.from),
            RunCommit::Resume(_) | RunCommit::Adopt(_) => return None,
        };
        status.is_terminal().then(|| Self { from, ..Self::new(commit.run(), last, status, at, error) })
    }

    /// What others are told of a run that ends where it is adopted: its plan cannot be executed, or it was cancelled ahead. A
    /// run that had events before is resumed by the same commit, and ends later.
    pub fn of_adoption(adopt: &AdoptRun, cancelled: Option<&CancelRun>, last: Seq) -> Option<Self> {
        let ended = match (cancelled, &adopt.failure) {
            (Some(cancel), _) => Some(Self::new(&adopt.run, last, RunStatus::Cancelled, adopt.at, cancel.message())),
            (None, Some(why)) => Some(Self::new(&adopt.run, last, RunStatus::Failed, adopt.at, Some(why.clone()))),
            (None, None) => None,
        };
        ended.map(|ended| Self { from: adopt.from, ..ended })
    }

    fn new(run: &RunId, last: Seq, status: RunStatus, timestamp: Timestamp, error_message: Option<String>) -> Self {
        Self {
            event_id: format!("{run}-{last}"),
            run_id: run.clone(),
            status: status.as_str().to_owned(),
            timestamp,
            error_message,
            message_type: "run_ended".to_owned(),
            from: None,
        }
    }
}

/// What others must not miss. Each is stored as its members are; they tell one from the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutboxMessage {
    /// A run has ended.
    RunEnded(RunEnded),
    /// A step has failed for good.
    DeadLetterLeft(Box<DeadLetterLeft>),
}

impl OutboxMessage {
    /// The run that it is about: messages with the same are delivered in their order.
    pub fn run(&self) -> &RunId {
        match self {
            Self::RunEnded(ended) => &ended.run_id,
            Self::DeadLetterLeft(left) => &left.run_id,
        }
    }

    /// The trace of that run.
    pub fn trace(&self) -> RunTrace {
        let from = match self {
            Self::RunEnded(ended) => ended.from,
            Self::DeadLetterLeft(left) => left.from,
        };
        RunTrace::of(self.run(), from)
    }

    /// When what it tells of became true.
    pub fn timestamp(&self) -> Timestamp {
        match self {
            Self::RunEnded(ended) => ended.timestamp,
            Self::DeadLetterLeft(left) => left.timestamp,
        }
    }

    /// Equal ids are the same news.
    pub fn event_id(&self) -> &str {
        match self {
            Self::RunEnded(ended) => &ended.event_id,
            Self::DeadLetterLeft(left) => &left.event_id,
        }
    }

    /// What kind of message it is.
    pub fn message_type(&self) -> &str {
        match self {
            Self::RunEnded(ended) => &ended.message_type,
            Self::DeadLetterLeft(left) => &left.message_type,
        }
    }
}

impl From<RunEnded> for OutboxMessage {
    fn from(ended: RunEnded) -> Self {
        Self::RunEnded(ended)
    }
}

impl From<DeadLetterLeft> for OutboxMessage {
    fn from(left: DeadLetterLeft) -> Self {
        Self::DeadLetterLeft(Box::new(left))
    }
}

/// How a run is getting on, for whoever watches (contract 3.3, monitoring update).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringUpdate {
    /// The run.
    pub run: RunId,
    /// From where it was started, if that belongs to a trace.
    pub from: Option<TraceParent>,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub news: News,
}

/// What happened to a run or to one of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The agent is about to be called.
    StepStarted {
        /// The step.
        step: StepId,
        /// Its agent.
        agent: AgentName,
        /// The attempt.
        execution: StepExecutionId,
        /// The id of the agent's task.
        task: String,
    },
    /// The agent answered.
    StepCompleted {
        /// The step.
        step: StepId,
        /// Its agent.
        agent: AgentName,
        /// The attempt.
        execution: StepExecutionId,
        /// The id of the agent's task.
        task: String,
    },
    /// An attempt failed.
    StepFailed {
        /// The step.
        step: StepId,
        /// Its agent.
        agent: AgentName,
        /// The attempt.
        execution: StepExecutionId,
        /// Why.
        error: String,
    },
    /// The run failed.
    RunFailed {
        /// The workflow's name.
        workflow: String,
        /// The step at which it failed, if it was at one.
        step: Option<StepId>,
        /// Why.
        error: String,
    },
}

/// A foreign producer wants a run (contract 3.3, execution request).
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionRequest {
    /// The run.
    pub run: RunId,
    /// What it executes, as it was sent: read with [`WorkflowDocument::read_leniently`].
    pub plan: Value,
    /// Its input.
    pub input: Payload,
    /// From where it is asked for, if that belongs to a trace.
    pub from: Option<TraceParent>,
}

/// A foreign producer wants a run to be cancelled (contract 3.3, cancellation request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancellationRequest {
    /// The run.
    pub run: RunId,
    /// Who wants it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Whom an event concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receivers {
    /// One run.
    Run(RunId),
    /// Every step that waits for the event with this correlation; the empty one is that of steps without any.
    Waiting {
        /// What they wait with.
        correlation: String,
    },
}

/// A foreign producer tells of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedEvent {
    /// What has happened; as steps of type `wait_for_event` name it.
    pub name: String,
    /// Whom it concerns.
    pub to: Receivers,
    /// What is known about it.
    pub data: Payload,
    /// Tells it from others, so that it counts once when it is given again.
    pub id: String,
}

/// A request to the external executor.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "almost all are starts")]
pub enum ExternalRequest {
    /// Execute a run.
    Start {
        /// The run.
        run: RunId,
        /// What it executes.
        document: WorkflowDocument,
        /// Its input.
        input: Payload,
        /// When this was decided.
        at: Timestamp,
    },
    /// Cancel a run.
    Cancel {
        /// The run.
        run: RunId,
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// When this was decided.
        at: Timestamp,
    },
}

impl ExternalRequest {
    /// The run.
    pub fn run(&self) -> &RunId {
        match self {
            Self::Start { run, .. } | Self::Cancel { run, .. } => run,
        }
    }
}

/// A task of the old executor for an agent (contract 3.3, agent task).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTask {
    /// The run.
    pub run: RunId,
    /// The task's id.
    pub task: String,
    /// The agent's name.
    pub agent: String,
    /// What is sent to the agent.
    pub input: Payload,
    /// What the executor knows the answer by.
    pub correlation: String,
    /// The call's place in a trace.
    pub trace: Option<TraceParent>,
}

/// What came of a task (contract 3.3, agent result).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// The agent completed it.
    Success(Payload),
    /// It did not, or could not be asked.
    Failure(String),
}
