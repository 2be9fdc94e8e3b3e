//! Lists agents.

use std::sync::Arc;

use domain::{
    agents::AgentFilter,
    page::{Page, PageRequest},
    ports::{Agents, StoreError},
};

use super::observed::{ObservedAgent, Observers};
use crate::Ports;

/// Lists agents by name.
pub struct ListAgents {
    agents: Arc<dyn Agents>,
    observers: Observers,
}

impl ListAgents {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone(), observers: Observers::new(ports) }
    }

    /// A page of the agents that the filter lets through.
    pub async fn execute(&self, filter: &AgentFilter, page: PageRequest) -> Result<Page<ObservedAgent>, StoreError> {
        let found = self.agents.list(filter, page).await?;
        Ok(Page { items: self.observers.observe(found.items).await, total: found.total })
    }
}
