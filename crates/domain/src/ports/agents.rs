//! Reading agents.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    agents::{Agent, AgentFilter, AgentName, AgentSort},
    ids::AgentId,
    page::{Page, PageRequest, SortOrder},
};

/// The registered agents, deleted ones included.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Agents: Send + Sync {
    /// An agent by id, deleted or not.
    async fn get(&self, id: AgentId) -> Result<Option<Agent>, StoreError>;

    /// The agents with these names, in any order, deleted or not; unknown names are left out.
    async fn by_names(&self, names: &[AgentName]) -> Result<Vec<Agent>, StoreError>;

    /// A page of the agents that [`AgentFilter::matches`], sorted, ties by id in the same direction.
    async fn list(
        &self,
        filter: &AgentFilter,
        sort: AgentSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError>;
}
