//! What keeps the calls of a run from their agents: limits and breakers.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    Timestamp,
    agents::{Agent, AgentName, WaitingCall, kept_elsewhere},
    ids::{ExecutorId, RunId, StepPath},
    ports::{AgentTraffic, Agents, Clock, Engine, StoreError},
    runs::WaitingOn,
};

use crate::Ports;

/// Knows what keeps calls from their agents.
pub(super) struct KeptCalls {
    engine: Arc<dyn Engine>,
    agents: Arc<dyn Agents>,
    traffic: Arc<dyn AgentTraffic>,
    clock: Arc<dyn Clock>,
}

impl KeptCalls {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            engine: ports.engine.clone(),
            agents: ports.agents.clone(),
            traffic: ports.traffic.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// The calls among what a run waits for that are kept. The executor next door knows it; of another one only what it
    /// has told the others.
    pub(super) async fn of(
        &self,
        run: &RunId,
        owner: ExecutorId,
        waits: &[WaitingOn],
    ) -> Result<Vec<WaitingCall>, StoreError> {
        if let Some(here) = self.engine.waiting_of(owner, run) {
            return Ok(here);
        }
        let called: BTreeSet<AgentName> = waits.iter().filter_map(|waits| Some(call(waits)?.1.clone())).collect();
        if called.is_empty() {
            return Ok(Vec::new());
        }
        let mut agents = self.agents.by_names(&called.into_iter().collect::<Vec<_>>()).await?;
        agents.retain(Agent::is_guarded);
        if agents.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = agents.iter().map(|agent| agent.id).collect();
        let records = self.traffic.read(&ids).await?.records;
        let now = self.clock.now();
        let kept = waits.iter().filter_map(|waits| {
            let (path, name, since) = call(waits)?;
            let agent = agents.iter().find(|agent| agent.name == *name)?;
            let traffic = &records.iter().find(|record| record.agent == agent.id)?.traffic;
            let on = kept_elsewhere(agent, traffic, owner, since, now)?;
            Some(WaitingCall { path: path.clone(), agent: name.clone(), since, on })
        });
        Ok(kept.collect())
    }
}

/// Place, agent and time of a call that has been dispatched.
fn call(waits: &WaitingOn) -> Option<(&StepPath, &AgentName, Timestamp)> {
    match waits {
        WaitingOn::Agent { path, agent, since, .. } => Some((path, agent, *since)),
        _ => None,
    }
}
