//! Asks an agent how it is.

use std::sync::Arc;

use domain::{
    ids::AgentId,
    ports::{AgentGateway, AgentHealth, Agents},
};

use super::GetAgentError;
use crate::Ports;

/// Asks an agent for its card.
pub struct CheckAgentHealth {
    agents: Arc<dyn Agents>,
    gateway: Arc<dyn AgentGateway>,
}

impl CheckAgentHealth {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone(), gateway: ports.gateway.clone() }
    }

    /// The agent's health; an unhealthy agent is an answer, not an error.
    pub async fn execute(&self, id: AgentId) -> Result<AgentHealth, GetAgentError> {
        let agent = self.agents.get(id).await?.ok_or(GetAgentError::NotFound(id))?;
        Ok(self.gateway.health(&agent).await)
    }
}
