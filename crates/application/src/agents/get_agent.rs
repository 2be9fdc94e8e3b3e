//! Reads one agent.

use std::sync::Arc;

use domain::{
    ids::AgentId,
    ports::{Agents, StoreError},
};

use super::observed::{ObservedAgent, Observers};
use crate::Ports;

/// Why no agent was read.
#[derive(Debug, thiserror::Error)]
pub enum GetAgentError {
    /// There is none with this id.
    #[error("Agent with id '{0}' not found")]
    NotFound(AgentId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads one agent.
pub struct GetAgent {
    agents: Arc<dyn Agents>,
    observers: Observers,
}

impl GetAgent {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone(), observers: Observers::new(ports) }
    }

    /// The agent, deleted or not.
    pub async fn execute(&self, id: AgentId) -> Result<ObservedAgent, GetAgentError> {
        let found = self.agents.get(id).await?.into_iter().collect();
        self.observers.observe(found).await.pop().ok_or(GetAgentError::NotFound(id))
    }
}
