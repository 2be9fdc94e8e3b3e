//! What others tell the owner of a run, who alone decides. Such a message is durable and is told until a commit has drained it.

use serde::{Deserialize, Serialize};

use super::child::ChildOutcome;
use crate::{
    agents::RetryPolicy,
    ids::{EventId, InboxId, RunId, StepPath},
    payload::Payload,
};

/// A message. The stored form is this enum's JSON; variants and members may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InboxMessage {
    /// Finish what is under way, and begin nothing new.
    Pause {
        /// Who wants it.
        by: String,
    },
    /// Go on.
    Unpause {
        /// Who wants it.
        by: String,
    },
    /// End at once: the run that started this one does not need it any more.
    Cancel {
        /// Who wants it.
        by: String,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Give a step its output instead of its agent.
    Skip {
        /// The step.
        path: StepPath,
        /// The output.
        output: Payload,
        /// Who wants it.
        by: String,
    },
    /// A run that this one started has ended.
    ChildEnded {
        /// The step that started it.
        path: StepPath,
        /// The run.
        child: RunId,
        /// What became of it.
        outcome: ChildOutcome,
    },
    /// Something happened that a step may wait for.
    Event {
        /// What.
        name: String,
        /// The step that waits for it; none where the sender knows only the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<StepPath>,
        /// What is known about it.
        data: Payload,
        /// Tells it from others: told again, it is the same event, also after it has been taken into account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<EventId>,
    },
    /// An agent says itself what came of a call, perhaps while its answer is still waited for.
    CallReported {
        /// The step.
        path: StepPath,
        /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
        generation: u32,
        /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
        round: u32,
        /// What came of it.
        outcome: Reported,
        /// The agent's policy, as it was then.
        retry: RetryPolicy,
    },
    /// An agent says how a call is getting on.
    CallProgressed {
        /// The step.
        path: StepPath,
        /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
        generation: u32,
        /// See [`RunEvent::StepDispatched`](super::RunEvent::StepDispatched).
        round: u32,
        /// What it says.
        message: String,
    },
}

/// What an agent says has come of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Reported {
    /// It has done the work; the step's output.
    Completed {
        /// The output.
        output: Payload,
    },
    /// It has not, and will not.
    Failed {
        /// Why.
        error: String,
    },
}

/// A message that waits in the inbox of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Names it within the run.
    pub id: InboxId,
    /// What it says.
    pub message: InboxMessage,
}
