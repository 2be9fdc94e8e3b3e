//! Calls that are kept from their agents, for whoever asks why a run does not move.

use super::{Agent, AgentName, BreakerPhase, CallLimit, OnOpen, Traffic};
use crate::{
    Timestamp,
    ids::{ExecutorId, StepPath},
};

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
    /// As [`WaitsFor::Limit`], or it is one of the calls under way: another process knows.
    Turn {
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

/// What a call of another process waits for, as far as that process has told. None where it is under way, or may be where a
/// breaker is concerned.
pub fn kept_elsewhere(
    agent: &Agent,
    traffic: &Traffic,
    owner: ExecutorId,
    dispatched_at: Timestamp,
    now: Timestamp,
) -> Option<WaitsFor> {
    let part = traffic.part(owner);
    if part.waiting == 0 {
        return None;
    }
    let mut breaker = traffic.breaker().clone();
    if let Some(config) = agent.breaker().filter(|config| config.on_open == OnOpen::Wait) {
        breaker.pass(config, now);
        let shut = match breaker.phase() {
            BreakerPhase::Closed => false,
            BreakerPhase::Open { since } => part.in_flight == 0 || since <= dispatched_at,
            BreakerPhase::HalfOpen { .. } => part.in_flight == 0,
        };
        if shut {
            return Some(WaitsFor::Breaker { until: breaker.retry_at(config) });
        }
    }
    let limit = agent.max_concurrent_calls?;
    Some(if part.in_flight == 0 { WaitsFor::Limit { limit } } else { WaitsFor::Turn { limit } })
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
