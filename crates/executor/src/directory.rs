//! Agents by name for the hot path: read from the store, kept for a moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    agents::{Agent, AgentName, AgentStatus},
    ports::{Agents, StoreError},
};

/// How long an agent is believed to be unchanged.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

/// The most agents kept.
const CAPACITY: usize = 10_000;

/// Finds agents without a question to the store for each call. A change of an agent takes effect at once in
/// the process that made it, and within a second elsewhere.
pub(crate) struct AgentDirectory {
    agents: Arc<dyn Agents>,
    known: Mutex<HashMap<AgentName, (Instant, Arc<Agent>)>>,
}

/// What the directory says about a name.
pub(crate) enum Found {
    /// The agent, ready to be called.
    Ready(Arc<Agent>),
    /// There is none with this name.
    Unknown,
    /// Why it must not be called.
    Unusable(String),
}

impl AgentDirectory {
    pub(crate) fn new(agents: Arc<dyn Agents>) -> Self {
        Self { agents, known: Mutex::default() }
    }

    /// Finds an agent by name.
    pub(crate) async fn find(&self, name: &AgentName) -> Result<Found, StoreError> {
        if let Some(agent) = self.fresh(name) {
            return Ok(Found::Ready(agent));
        }
        let Some(agent) = self.agents.by_names(std::slice::from_ref(name)).await?.pop() else {
            return Ok(Found::Unknown);
        };
        if agent.status != AgentStatus::Active {
            return Ok(Found::Unusable(format!("Agent '{name}' is not active (status: {})", agent.status.as_str())));
        }
        let agent = Arc::new(agent);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(name.clone(), (Instant::now(), Arc::clone(&agent)));
        Ok(Found::Ready(agent))
    }

    /// Forgets everything, so that a change made in this process takes effect at once.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn fresh(&self, name: &AgentName) -> Option<Arc<Agent>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, agent)| Arc::clone(agent))
    }
}
