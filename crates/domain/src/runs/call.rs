//! Agent calls: what identifies one, what is sent, and what came of it.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    agents::AgentName,
    ids::{RunId, StepId, StepPath},
    payload::Payload,
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
    fn digest(&self) -> String {
        let name = format!("{}\n{}\n{}\n{}", self.run, self.path, self.generation, self.round);
        Uuid::new_v5(&CALL_NAMESPACE, name.as_bytes()).simple().to_string()
    }
}

/// A call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCall {
    /// What identifies it.
    pub key: CallKey,
    /// The step's id in the document.
    pub step: StepId,
    /// The agent to be called.
    pub agent: AgentName,
    /// The step's input.
    pub input: Payload,
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

impl AgentCall {
    /// The ids of this call: equal for equal keys.
    pub fn ids(&self) -> CallIds {
        let digest = self.key.digest();
        let task = format!("task-{}-{digest}", self.step);
        let message = format!("msg-{task}");
        CallIds { task, message, correlation: format!("corr-{}-{}-{digest}", self.key.run, self.step) }
    }
}

/// Why a call gave no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The message for people.
    pub message: String,
    /// Whether the agent certainly did not, or certainly did, do the work: only then is the next call a new one.
    /// Timeouts, resets, 5xx, 408, 425 and 429 are not definite.
    pub definite: bool,
    /// The earliest time of another attempt, from now, where the agent asked for one (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Whether another attempt can help at all. An agent that does not exist does not appear by asking again.
    pub permanent: bool,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The agent completed the task; its output.
    Completed(Payload),
    /// It did not.
    Failed(CallFailure),
}
