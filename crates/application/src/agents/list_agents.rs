//! Lists agents.

use std::sync::Arc;

use domain::{
    agents::{AgentFilter, AgentSort},
    page::{Page, PageRequest, SortOrder},
    ports::{Agents, StoreError},
};

use super::observed::{ObservedAgent, Observers};
use crate::Ports;

/// Lists agents.
pub struct ListAgents {
    agents: Arc<dyn Agents>,
    observers: Observers,
}

impl ListAgents {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { agents: ports.agents.clone(), observers: Observers::new(ports) }
    }

    /// A page of the agents that the filter lets through.
    pub async fn execute(
        &self,
        filter: &AgentFilter,
        sort: AgentSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<ObservedAgent>, StoreError> {
        let Page { items, total, next } = self.agents.list(filter, sort, order, page).await?;
        Ok(Page { items: self.observers.observe(items).await, total, next })
    }
}
