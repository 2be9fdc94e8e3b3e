//! What is measured of guarded agents.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use domain::agents::{AgentName, BreakerPhase};
use metrics::{Counter, Gauge, counter, gauge};

/// Agents beyond these are `other`: labels must not grow with what users register.
const MOST_LABELS: usize = 200;

/// The measurements of one agent. Added to and taken from, never set, so that several agents may share a label.
pub(super) struct AgentGauges {
    label: Arc<str>,
    pub(super) in_flight: Gauge,
    pub(super) waiting: Gauge,
    pub(super) rejected: Counter,
    phase: &'static str,
}

impl AgentGauges {
    pub(super) fn of(agent: &AgentName) -> Self {
        static LABELS: LazyLock<Mutex<Labels>> = LazyLock::new(Mutex::default);
        let label = LABELS.lock().unwrap_or_else(PoisonError::into_inner).of(agent);
        let phase = BreakerPhase::Closed.as_str();
        let gauges = Self {
            in_flight: gauge!("orrery_agent_calls_in_flight", "agent" => Arc::clone(&label)),
            waiting: gauge!("orrery_agent_calls_waiting", "agent" => Arc::clone(&label)),
            rejected: counter!("orrery_agent_calls_rejected_total", "agent" => Arc::clone(&label)),
            label,
            phase,
        };
        gauges.state(phase).increment(1);
        gauges
    }

    pub(super) fn is(&mut self, phase: BreakerPhase) {
        if phase.as_str() != self.phase {
            self.state(self.phase).decrement(1);
            self.phase = phase.as_str();
            self.state(self.phase).increment(1);
        }
    }

    /// Counted where it is stored: once, whichever executors see it.
    pub(super) fn turned(&self, to: BreakerPhase) {
        let labels = [("agent", self.label.to_string()), ("to", to.as_str().to_owned())];
        counter!("orrery_breaker_transitions_total", &labels).increment(1);
    }

    fn state(&self, phase: &'static str) -> Gauge {
        gauge!("orrery_breaker_state", "agent" => Arc::clone(&self.label), "state" => phase)
    }
}

impl Drop for AgentGauges {
    fn drop(&mut self) {
        self.state(self.phase).decrement(1);
    }
}

/// The labels that have been given.
#[derive(Default)]
struct Labels(HashMap<AgentName, Arc<str>>);

impl Labels {
    fn of(&mut self, agent: &AgentName) -> Arc<str> {
        if let Some(label) = self.0.get(agent) {
            return Arc::clone(label);
        }
        if self.0.len() >= MOST_LABELS {
            return "other".into();
        }
        let label: Arc<str> = agent.as_str().into();
        self.0.insert(agent.clone(), Arc::clone(&label));
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_beyond_two_hundred_share_a_label() {
        let mut labels = Labels::default();
        let mut label = |n: usize| labels.of(&AgentName::parse(&format!("agent {n}")).expect("a name")).to_string();
        assert_eq!(label(0), "agent 0");
        (1..200).for_each(|n| assert_eq!(label(n), format!("agent {n}")));
        assert_eq!(label(200), "other");
        assert_eq!(label(0), "agent 0", "a label stays");
    }
}
