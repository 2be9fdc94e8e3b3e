//! Lists agents.

use std::sync::Arc;

use domain::{
    agents::{Agent, AgentFilter},
    page::{Page, PageRequest},
    ports::{Agents, StoreError},
};

use crate::Ports;

/// Lists agents by name.
pub struct ListAgents {
    agents: Arc<dyn Agents>,
}

impl ListAgents {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone() }
    }

    /// A page of the agents that the filter lets through.
    pub async fn execute(&self, filter: &AgentFilter, page: PageRequest) -> Result<Page<Agent>, StoreError> {
        self.agents.list(filter, page).await
    }
}
