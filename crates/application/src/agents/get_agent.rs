//! Reads one agent.

use std::sync::Arc;

use domain::{
    agents::Agent,
    ids::AgentId,
    ports::{Agents, StoreError},
};

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
}

impl GetAgent {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone() }
    }

    /// The agent, deleted or not.
    pub async fn execute(&self, id: AgentId) -> Result<Agent, GetAgentError> {
        self.agents.get(id).await?.ok_or(GetAgentError::NotFound(id))
    }
}
