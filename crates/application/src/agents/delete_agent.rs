//! Deletes an agent, softly: its name stays taken and its history readable.

use std::sync::Arc;

use domain::{
    access::Actor,
    agents::{Agent, AgentStatus},
    audit::AuditEntry,
    ids::{AgentId, AuditId},
    ports::{Agents, Clock, Engine, IdGenerator, StoreError, Transactions},
    revision::{Expected, Outdated},
};

use crate::{Ports, TRIES};

/// Why an agent was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAgentError {
    /// There is none with this id.
    #[error("Agent with id '{0}' not found")]
    NotFound(AgentId),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes an agent.
pub struct DeleteAgent {
    agents: Arc<dyn Agents>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    engine: Arc<dyn Engine>,
}

impl DeleteAgent {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            agents: ports.agents.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            engine: ports.engine.clone(),
        }
    }

    /// Deletes the agent, if it is the expected revision; deleting it again changes nothing. Answers the agent as it is then.
    pub async fn execute(&self, expected: &Expected, id: AgentId, by: &Actor) -> Result<Agent, DeleteAgentError> {
        let mut tries = 0;
        loop {
            let old = self.agents.get(id).await?.ok_or(DeleteAgentError::NotFound(id))?;
            expected.check(id.uuid(), old.revision)?;
            if old.status == AgentStatus::Deleted {
                return Ok(old);
            }
            let mut agent = old.clone();
            agent.status = AgentStatus::Deleted;
            agent.revision += 1;
            agent.updated_at = self.clock.now();
            agent.updated_by = Some(by.name.clone());
            tries += 1;
            let entry = AuditEntry::of_agent(AuditId::new(self.ids.unique()), by, Some(&old), &agent);
            match self.keep(&agent, &entry).await {
                Ok(()) => {
                    self.engine.agents_changed();
                    return Ok(agent);
                }
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn keep(&self, agent: &Agent, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_agent(agent).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
