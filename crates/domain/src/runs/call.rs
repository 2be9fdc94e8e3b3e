//! Agent calls: what identifies one, what is sent, and what came of it.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    agents::{AgentName, OnUnknown, Secret},
    ids::{RunId, Seq, StepExecutionId, StepId, StepPath},
    payload::Payload,
    trace::TraceParent,
};

/// What identifies a call to an agent. After an unknown outcome the same key and the same bytes are sent again, so that
/// an agent which de-duplicates by message id sees one effect (G4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The run.
    pub run: RunId,
    /// The step.
    pub path: StepPath,
    /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
    pub generation: u32,
    /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
    pub round: u32,
}

/// The namespace of ids derived from call keys; a random constant.
const CALL_NAMESPACE: Uuid = Uuid::from_u128(0x8f0d_3a51_6c0e_4c59_9d1f_27b4_5e83_a6d2);

impl CallKey {
    /// 32 hexadecimal digits derived from the key (UUIDv5): the unique part of task, message and correlation ids.
    pub fn digest(&self) -> String {
        let name = format!("{}\n{}\n{}\n{}", self.run, self.path, self.generation, self.round);
        Uuid::new_v5(&CALL_NAMESPACE, name.as_bytes()).simple().to_string()
    }

    /// A number that looks like chance, and is the same whoever asks for it: what jitter is made of.
    pub(super) fn chance(&self, attempt: u32) -> u64 {
        Uuid::new_v5(&CALL_NAMESPACE, format!("{}\n{}\n{attempt}", self.run, self.path).as_bytes()).as_u64_pair().0
    }

    /// The ids of the call: equal for equal keys.
    pub fn ids(&self, step: &StepId) -> CallIds {
        let digest = self.digest();
        let task = format!("task-{step}-{digest}");
        let message = format!("msg-{task}");
        CallIds { task, message, correlation: format!("corr-{}-{step}-{digest}", self.run) }
    }
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCall {
    /// What identifies it.
    pub key: CallKey,
    /// The attempt that it is made for.
    pub execution: Seq,
    /// The step's id in the document.
    pub step: StepId,
    /// The agent to be called.
    pub agent: AgentName,
    /// The step's input.
    pub input: Payload,
    /// Whether it may have been made before, by an executor that is gone.
    pub repeated: bool,
    /// What the step says about calls whose outcome is unknown; none where that is for the agent to say.
    pub on_unknown: Option<OnUnknown>,
}

/// The ids that go with a call, all derived from its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallIds {
    /// `task-{step}-{hex}` (contract 4.3, with a longer digest).
    pub task: String,
    /// `msg-{task id}` (contract 4.3).
    pub message: String,
    /// `corr-{run}-{step}-{hex}` (contract 4.3).
    pub correlation: String,
}

/// What is sent to an agent, and under which ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRequest {
    /// The run that it is sent for.
    pub run: RunId,
    /// The ids that go with it.
    pub ids: CallIds,
    /// What the agent is to work on.
    pub input: Payload,
    /// With what the agent may say itself what comes of it; none where nothing is to be carried. It stands beside what is sent:
    /// the bytes are the same, whatever it is.
    pub pass: Option<CallPass>,
    /// The call's place in a trace. It stands beside what is sent, too.
    pub trace: Option<TraceParent>,
}

/// With what an agent may report about the call that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPass {
    /// The token, of the one call.
    pub token: Secret,
    /// Under which URL this installation is reached; none if nobody has said.
    pub callback: Option<Arc<str>>,
}

impl AgentCall {
    /// What is sent: equal for equal calls.
    pub fn request(&self) -> AgentRequest {
        AgentRequest { run: self.key.run.clone(), ids: self.ids(), input: self.input.clone(), pass: None, trace: None }
    }

    /// The id of the attempt's row.
    pub fn execution_id(&self) -> StepExecutionId {
        StepExecutionId::derive(&self.key.run, &self.step, self.execution)
    }

    /// The ids of this call: equal for equal keys.
    pub fn ids(&self) -> CallIds {
        self.key.ids(&self.step)
    }
}

/// What kind of failure it was. Names are those of the old system's texts where these have one; documents use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Connection,
    /// An HTTP status other than success.
    Status(u16),
    /// An answer that is none: no JSON-RPC, too large, cut off.
    Protocol,
    /// A JSON-RPC error.
    Rpc,
    /// The agent says that the task failed, or left it unfinished.
    Task,
    /// What is sent or answered does not fit the agent's schemas, or cannot be stored.
    Validation,
    /// The agent is not to be called: unknown, not active, without a URL or credentials that can be used.
    Agent,
    /// The agent's circuit breaker let no call through.
    Breaker,
}

impl FailureKind {
    /// All names.
    pub const NAMES: [&'static str; 9] = [
        "TimeoutError",
        "ConnectionError",
        "HTTPError",
        "ProtocolError",
        "JSONRPCError",
        "TaskError",
        "ValidationError",
        "AgentError",
        "CircuitBreakerError",
    ];

    /// The name.
    pub fn as_str(self) -> &'static str {
        let number = match self {
            Self::Timeout => 0,
            Self::Connection => 1,
            Self::Status(_) => 2,
            Self::Protocol => 3,
            Self::Rpc => 4,
            Self::Task => 5,
            Self::Validation => 6,
            Self::Agent => 7,
            Self::Breaker => 8,
        };
        Self::NAMES[number]
    }
}

/// Why a call gave no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The message for people.
    pub message: String,
    /// Whether the agent certainly did not, or certainly did, do the work: only then is the next call a new one.
    /// Timeouts, resets, 5xx, 408, 425 and 429 are not definite.
    pub definite: bool,
    /// The earliest time of another attempt, from now, where the agent asked for one (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Whether another attempt can help at all. An agent that does not exist does not appear by asking again.
    pub permanent: bool,
    /// Whether the way to the agent failed, or the agent for the moment, so that a bridge calls again by itself (contract
    /// 7.5): no connection, a connection that broke, a timeout, 5xx, 429. What the agent answered does not pass.
    pub passing: bool,
}

impl CallFailure {
    /// The agent certainly did not do the work, or certainly did: another attempt is a new call.
    pub fn definite(kind: FailureKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message, definite: true, retry_after: None, permanent: false, passing: false }
    }

    /// Nobody knows whether the agent did the work: another attempt repeats this call.
    pub fn unknown(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { definite: false, ..Self::definite(kind, message) }
    }

    /// No attempt can go better.
    pub fn permanent(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::definite(kind, message) }
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The agent completed the task; its output.
    Completed(Payload),
    /// It did not.
    Failed(CallFailure),
}

/// What came of a call, as far as the agent's health goes (contract 7.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The agent answered in its protocol, perhaps that it could not do what it was asked.
    Answered,
    /// It did not: a status other than 2xx, no connection, no or no whole answer, or one that is none.
    Failed,
    /// It was not asked.
    NotAsked,
}

impl CallOutcome {
    /// What a breaker makes of it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Completed(_) => Verdict::Answered,
            Self::Failed(failure) => failure.verdict(),
        }
    }
}

impl CallFailure {
    /// What was found out before the call, or refused for good, was never sent.
    fn verdict(&self) -> Verdict {
        match self.kind {
            FailureKind::Agent | FailureKind::Breaker => Verdict::NotAsked,
            FailureKind::Validation if self.permanent => Verdict::NotAsked,
            FailureKind::Rpc | FailureKind::Task | FailureKind::Validation => Verdict::Answered,
            FailureKind::Timeout | FailureKind::Connection | FailureKind::Status(_) | FailureKind::Protocol => {
                Verdict::Failed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: FailureKind) -> Verdict {
        CallOutcome::Failed(CallFailure::unknown(kind, "x")).verdict()
    }

    #[test]
    fn an_agent_that_says_no_in_its_protocol_has_answered() {
        let output = Payload::new(serde_json::json!({})).expect("storable");
        assert_eq!(CallOutcome::Completed(output).verdict(), Verdict::Answered);
        for kind in [FailureKind::Rpc, FailureKind::Task, FailureKind::Validation] {
            assert_eq!(failed(kind), Verdict::Answered, "{kind:?}");
        }
    }

    #[test]
    fn an_agent_that_breaks_off_or_answers_nonsense_has_failed() {
        let broken = [FailureKind::Timeout, FailureKind::Connection, FailureKind::Protocol];
        for kind in broken.into_iter().chain([500, 404].map(FailureKind::Status)) {
            assert_eq!(failed(kind), Verdict::Failed, "{kind:?}");
        }
    }

    #[test]
    fn what_was_never_sent_says_nothing_about_the_agent() {
        assert_eq!(failed(FailureKind::Agent), Verdict::NotAsked);
        assert_eq!(failed(FailureKind::Breaker), Verdict::NotAsked);
        let unfit = CallFailure::permanent(FailureKind::Validation, "the input does not fit");
        assert_eq!(CallOutcome::Failed(unfit).verdict(), Verdict::NotAsked);
    }
}
