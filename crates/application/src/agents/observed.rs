//! Agents with what the executors know of the calls to them.

use std::sync::Arc;

use domain::{
    agents::{Agent, Breaker, CallCount, Traffic},
    ports::{AgentTraffic, Clock, TrafficView},
};

use crate::Ports;

/// An agent, and how the calls to it are getting on.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedAgent {
    /// The agent.
    pub agent: Agent,
    /// None where nothing keeps calls from the agent, or where it cannot be known at the moment.
    pub observation: Option<Observation>,
}

/// How the calls to an agent are getting on, as the executors told it last, which is a second ago at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its breaker, as it is now.
    pub breaker: Breaker,
    /// Its calls.
    pub calls: CallCount,
}

/// Adds to agents what is known of the calls to them.
pub(super) struct Observers {
    traffic: Arc<dyn AgentTraffic>,
    clock: Arc<dyn Clock>,
}

impl Observers {
    pub(super) fn new(ports: &Ports) -> Self {
        Self { traffic: ports.traffic.clone(), clock: ports.clock.clone() }
    }

    /// The same agents in the same order. A store that does not say costs the observations and not the agents.
    pub(super) async fn observe(&self, agents: Vec<Agent>) -> Vec<ObservedAgent> {
        let guarded: Vec<_> = agents.iter().filter(|agent| agent.is_guarded()).map(|agent| agent.id).collect();
        let read = if guarded.is_empty() { Ok(TrafficView::default()) } else { self.traffic.read(&guarded).await };
        let view = read.inspect_err(|error| {
            tracing::warn!(%error, "what the executors know of agents cannot be read; the agents are told without it");
        });
        let now = self.clock.now();
        let observed = agents.into_iter().map(|agent| {
            let observation = view.as_ref().ok().filter(|_| agent.is_guarded()).map(|view| {
                let nothing = Traffic::default();
                let record = view.records.iter().find(|record| record.agent == agent.id);
                let traffic = record.map_or(&nothing, |record| &record.traffic);
                let mut breaker = traffic.breaker().clone();
                // Nobody may have called the agent since its time was over.
                agent.breaker().and_then(|config| breaker.pass(config, now));
                Observation { breaker, calls: traffic.calls(&view.gone) }
            });
            ObservedAgent { agent, observation }
        });
        observed.collect()
    }
}
