//! Registers an agent.

use std::{sync::Arc, time::Duration};

use domain::{
    access::Actor,
    agents::{
        Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, CallLimit, CircuitBreakerConfig, Networks,
        RefusedHost, RetryPolicy,
    },
    audit::AuditEntry,
    ids::{AgentId, AuditId},
    ports::{Agents, Clock, IdGenerator, Schemas, StoreError, Transactions},
};

use super::schemas::{self, InvalidSchemas};
use crate::Ports;

/// What is said about a new agent.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members of an agent, as `Agent` documents them")]
pub struct NewAgent {
    pub name: AgentName,
    pub url: AgentUrl,
    pub description: Option<String>,
    pub auth: AgentAuth,
    pub timeout: Duration,
    pub retry: RetryPolicy,
    pub retry_strategy: Option<RetryPolicy>,
    pub circuit_breaker: Option<CircuitBreakerConfig>,
    pub max_concurrent_calls: Option<CallLimit>,
    pub schemas: AgentSchemas,
}

/// Why an agent was not registered.
#[derive(Debug, thiserror::Error)]
pub enum CreateAgentError {
    /// Another agent has the name.
    #[error("Agent with name '{0}' already exists")]
    NameTaken(AgentName),
    /// A deleted agent has the name: runs that it worked for tell of it by its name.
    #[error("Agent with name '{0}' already exists: it is deleted, and keeps its name")]
    NameDeleted(AgentName),
    /// Its URL leads where no agent is called.
    #[error(transparent)]
    Host(#[from] RefusedHost),
    /// What it declares is no schema.
    #[error("{}", .0.sentence())]
    Schemas(InvalidSchemas),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers an agent.
pub struct CreateAgent {
    networks: Networks,
    agents: Arc<dyn Agents>,
    schemas: Arc<dyn Schemas>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateAgent {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            networks: ports.agent_networks.clone(),
            agents: ports.agents.clone(),
            schemas: ports.schemas.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Registers the agent; it is active at once.
    pub async fn execute(&self, new: NewAgent, by: &Actor) -> Result<Agent, CreateAgentError> {
        self.networks.check_host(new.url.host())?;
        schemas::check(&*self.schemas, &new.schemas).map_err(CreateAgentError::Schemas)?;
        let now = self.clock.now();
        let agent = Agent {
            id: AgentId::new(self.ids.unique()),
            name: new.name,
            url: new.url,
            description: new.description,
            auth: new.auth,
            timeout: new.timeout,
            retry: new.retry,
            retry_strategy: new.retry_strategy,
            circuit_breaker: new.circuit_breaker,
            max_concurrent_calls: new.max_concurrent_calls,
            schemas: new.schemas,
            status: AgentStatus::Active,
            revision: 1,
            created_at: now,
            updated_at: now,
            created_by: Some(by.name.clone()),
            updated_by: None,
        };
        let entry = AuditEntry::of_agent(AuditId::new(self.ids.unique()), by, None, &agent);
        match self.keep(&agent, &entry).await {
            Ok(()) => Ok(agent),
            // It may be there under this very id: registered by an attempt that could not answer.
            Err(StoreError::Conflict(_)) => match self.agents.get(agent.id).await? {
                Some(registered) => Ok(registered),
                None => Err(self.taken(agent.name).await?),
            },
            Err(other) => Err(other.into()),
        }
    }

    async fn taken(&self, name: AgentName) -> Result<CreateAgentError, StoreError> {
        let others = self.agents.by_names(std::slice::from_ref(&name)).await?;
        let is_deleted = others.iter().any(|other| other.status == AgentStatus::Deleted);
        Ok(if is_deleted { CreateAgentError::NameDeleted(name) } else { CreateAgentError::NameTaken(name) })
    }

    async fn keep(&self, agent: &Agent, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_agent(agent).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
