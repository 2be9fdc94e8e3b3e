//! Calls that are kept from their agents, for whoever asks why a run does not move.

use super::{AgentName, CallLimit};
use crate::{Timestamp, ids::StepPath};

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// The breaker, which does not let it through.
    Breaker {
        /// When it lets a few calls through again; none where it does already, for others.
        until: Option<Timestamp>,
    },
    /// A share of the agent's limit.
    Limit {
        /// The limit.
        limit: CallLimit,
    },
    /// To learn what the other executors know of the agent; a moment.
    News,
}

/// A call that waits in an executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCall {
    /// Its step.
    pub path: StepPath,
    /// Its agent.
    pub agent: AgentName,
    /// Since when.
    pub since: Timestamp,
    /// What for.
    pub on: WaitsFor,
}
