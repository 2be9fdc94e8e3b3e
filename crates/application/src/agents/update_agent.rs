//! Changes an agent.

use std::{sync::Arc, time::Duration};

use domain::{
    access::Actor,
    agents::{
        Agent, AgentAuth, AgentSchemas, AgentStatus, AgentUrl, ApiKey, CallLimit, CircuitBreakerConfig, Networks,
        RefusedHost, RetryPolicy, Secret,
    },
    audit::AuditEntry,
    ids::{AgentId, AuditId},
    ports::{Agents, Clock, Engine, IdGenerator, Schemas, StoreError, Transactions, Workflows},
    revision::{Expected, Outdated},
};
use serde_json::Value;

use super::{
    affected::{Affected, AffectedWorkflow},
    schemas::{self, InvalidSchemas},
};
use crate::{Ports, TRIES};

/// What is to change; `None` leaves a member as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members of an agent, as `Agent` documents them")]
pub struct AgentChanges {
    pub url: Option<AgentUrl>,
    pub description: Option<Option<String>>,
    pub auth: AuthChange,
    pub timeout: Option<Duration>,
    pub retry: Option<RetryPolicy>,
    pub retry_strategy: Option<Option<RetryPolicy>>,
    pub circuit_breaker: Option<Option<CircuitBreakerConfig>>,
    pub max_concurrent_calls: Option<Option<CallLimit>>,
    pub input_schema: Option<Option<Value>>,
    pub output_schema: Option<Option<Value>>,
    pub status: Option<AgentStatus>,
}

/// What is to change in an agent's authentication. Credentials are write-only, so a client that sends back what it read sends
/// none; those are kept as long as the kind stays.
#[derive(Debug, Clone, Default)]
pub struct AuthChange {
    /// The new kind.
    pub kind: Option<AuthKind>,
    /// The new credentials: `Some(None)` removes them.
    pub credentials: Option<Option<Credentials>>,
}

/// A kind of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    /// None.
    None,
    /// A bearer token.
    Bearer,
    /// A key in a header.
    ApiKey,
}

/// Credentials, each of which may be missing.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members of `auth_config`, contract 1.6")]
pub struct Credentials {
    pub token: Option<Secret>,
    pub key: Option<Secret>,
    pub header: Option<String>,
}

/// The header of an API key for which none was named (contract 7.3).
const DEFAULT_HEADER: &str = "X-API-Key";

impl AuthChange {
    /// The authentication after the change.
    pub fn apply(&self, old: &AgentAuth) -> AgentAuth {
        let kind = self.kind.unwrap_or(match old {
            AgentAuth::None => AuthKind::None,
            AgentAuth::Bearer(_) => AuthKind::Bearer,
            AgentAuth::ApiKey(_) => AuthKind::ApiKey,
        });
        let (removed, new) = match &self.credentials {
            None => (false, Credentials::default()),
            Some(None) => (true, Credentials::default()),
            Some(Some(new)) => (false, new.clone()),
        };
        match kind {
            AuthKind::None => AgentAuth::None,
            AuthKind::Bearer => AgentAuth::Bearer(new.token.or_else(|| match old {
                AgentAuth::Bearer(token) if !removed => token.clone(),
                AgentAuth::None | AgentAuth::Bearer(_) | AgentAuth::ApiKey(_) => None,
            })),
            AuthKind::ApiKey => {
                let old = match old {
                    AgentAuth::ApiKey(old) if !removed => old.clone(),
                    AgentAuth::None | AgentAuth::Bearer(_) | AgentAuth::ApiKey(_) => None,
                };
                let (old_key, old_header) = old.map_or((None, None), |old| (Some(old.key), Some(old.header)));
                let header = new.header.or(old_header).unwrap_or_else(|| DEFAULT_HEADER.to_owned());
                AgentAuth::ApiKey(new.key.or(old_key).map(|key| ApiKey { header, key }))
            }
        }
    }
}

/// Why an agent was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateAgentError {
    /// There is none with this id.
    #[error("Agent with id '{0}' not found")]
    NotFound(AgentId),
    /// The new URL leads where no agent is called.
    #[error(transparent)]
    Host(#[from] RefusedHost),
    /// What it would declare is no schema.
    #[error("{}", .0.sentence())]
    Schemas(InvalidSchemas),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An agent after its change.
#[derive(Debug, Clone)]
pub struct UpdatedAgent {
    /// The agent.
    pub agent: Agent,
    /// The active workflows that the change breaks; none where the schemas are as before.
    pub affected: Option<Vec<AffectedWorkflow>>,
}

/// Changes an agent.
pub struct UpdateAgent {
    networks: Networks,
    agents: Arc<dyn Agents>,
    workflows: Arc<dyn Workflows>,
    schemas: Arc<dyn Schemas>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    engine: Arc<dyn Engine>,
}

impl UpdateAgent {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            networks: ports.agent_networks.clone(),
            agents: ports.agents.clone(),
            workflows: ports.workflows.clone(),
            schemas: ports.schemas.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            engine: ports.engine.clone(),
        }
    }

    /// [`UpdateAgent::execute_if`] it is any revision.
    pub async fn execute(
        &self,
        id: AgentId,
        changes: &AgentChanges,
        by: &Actor,
    ) -> Result<UpdatedAgent, UpdateAgentError> {
        self.execute_if(&Expected::Any, id, changes, by).await
    }

    /// Changes the agent, if it is the expected revision. Concurrent changes of other members are kept; of the same member, the last one wins.
    /// Workflows that it breaks are told and hinder nothing: their runs go on, and are held to the new schemas. What changes nothing
    /// makes no revision, and is no change to be told of.
    pub async fn execute_if(
        &self,
        expected: &Expected,
        id: AgentId,
        changes: &AgentChanges,
        by: &Actor,
    ) -> Result<UpdatedAgent, UpdateAgentError> {
        // A URL that stays is not looked at again: whoever mends something else need not mend it too.
        if let Some(url) = &changes.url {
            self.networks.check_host(url.host())?;
        }
        let mut tries = 0;
        loop {
            let old = self.agents.get(id).await?.ok_or(UpdateAgentError::NotFound(id))?;
            expected.check(id.uuid(), old.revision)?;
            let before = old.schemas.clone();
            let agent = changes.apply(old.clone(), self.clock.now(), by);
            if is_same(&old, &agent) {
                return Ok(UpdatedAgent { agent: old, affected: None });
            }
            let entry = AuditEntry::of_agent(AuditId::new(self.ids.unique()), by, Some(&old), &agent);
            if changes.schemas() {
                schemas::check(&*self.schemas, &agent.schemas).map_err(UpdateAgentError::Schemas)?;
            }
            // Before anything is changed: a store that fails at this has the whole request repeated.
            let affected = if agent.schemas == before {
                None
            } else {
                let Self { agents, workflows, schemas, .. } = self;
                let affected = Affected { agents: &**agents, workflows: &**workflows, schemas: &**schemas };
                Some(affected.by_change(&before, &agent).await?)
            };
            tries += 1;
            match self.keep(&agent, &entry).await {
                Ok(()) => {
                    self.engine.agents_changed();
                    return Ok(UpdatedAgent { agent, affected });
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

/// Whether a change has changed nothing but when it was, and by whom.
fn is_same(old: &Agent, new: &Agent) -> bool {
    let (revision, updated_at, updated_by) = (old.revision, old.updated_at, old.updated_by.clone());
    Agent { revision, updated_at, updated_by, ..new.clone() } == *old
}

impl AgentChanges {
    /// Whether they say anything about what the agent takes and gives.
    fn schemas(&self) -> bool {
        self.input_schema.is_some() || self.output_schema.is_some()
    }

    fn apply(&self, old: Agent, now: domain::Timestamp, by: &Actor) -> Agent {
        Agent {
            url: self.url.clone().unwrap_or(old.url),
            description: self.description.clone().unwrap_or(old.description),
            auth: self.auth.apply(&old.auth),
            timeout: self.timeout.unwrap_or(old.timeout),
            retry: self.retry.clone().unwrap_or(old.retry),
            retry_strategy: self.retry_strategy.clone().unwrap_or(old.retry_strategy),
            circuit_breaker: self.circuit_breaker.unwrap_or(old.circuit_breaker),
            max_concurrent_calls: self.max_concurrent_calls.unwrap_or(old.max_concurrent_calls),
            schemas: AgentSchemas {
                input: self.input_schema.clone().unwrap_or(old.schemas.input),
                output: self.output_schema.clone().unwrap_or(old.schemas.output),
            },
            status: self.status.unwrap_or(old.status),
            revision: old.revision + 1,
            updated_at: now,
            created_by: old.created_by,
            updated_by: Some(by.name.clone()),
            id: old.id,
            name: old.name,
            created_at: old.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        agents::AgentName,
        ports::{
            MockAgents, MockClock, MockEngine, MockIdGenerator, MockTransactions, MockUnitOfWork, MockWorkflows,
            NoSchemas,
        },
    };

    fn agent() -> Agent {
        let then = domain::Timestamp::UNIX_EPOCH;
        Agent {
            id: AgentId::new(uuid::Uuid::nil()),
            name: AgentName::parse("a").expect("a name"),
            url: AgentUrl::parse("http://h/").expect("a URL"),
            description: None,
            auth: AgentAuth::Bearer(Some(Secret::new("old"))),
            timeout: Duration::from_secs(1),
            retry: RetryPolicy::default(),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas: AgentSchemas::default(),
            status: AgentStatus::Active,
            revision: 7,
            created_at: then,
            updated_at: then,
            created_by: None,
            updated_by: None,
        }
    }

    #[test]
    fn credentials_that_are_not_sent_are_kept_while_the_kind_stays() {
        let kept = AuthChange { kind: Some(AuthKind::Bearer), credentials: Some(Some(Credentials::default())) };
        assert_eq!(kept.apply(&agent().auth), agent().auth);
        let removed = AuthChange { kind: None, credentials: Some(None) };
        assert_eq!(removed.apply(&agent().auth), AgentAuth::Bearer(None));
        let other = AuthChange { kind: Some(AuthKind::ApiKey), credentials: None };
        assert_eq!(other.apply(&agent().auth), AgentAuth::ApiKey(None));
        let key = Credentials { key: Some(Secret::new("k")), ..Credentials::default() };
        let header = "X-API-Key".to_owned();
        let with_key = AuthChange { kind: Some(AuthKind::ApiKey), credentials: Some(Some(key)) };
        assert_eq!(with_key.apply(&agent().auth), AgentAuth::ApiKey(Some(ApiKey { header, key: Secret::new("k") })));
    }

    #[tokio::test]
    async fn a_change_that_somebody_else_overtook_is_decided_again() {
        let mut agents = MockAgents::new();
        agents.expect_get().times(2).returning(|_| Ok(Some(agent())));
        let mut transactions = MockTransactions::new();
        let mut refused = true;
        transactions.expect_begin().times(2).returning(move || {
            let answer = std::mem::take(&mut refused);
            let mut work = MockUnitOfWork::new();
            work.expect_replace_agent().withf(|a| a.revision == 8).returning(|_| Ok(()));
            work.expect_record().withf(|entry| entry.by.name == "me").returning(|_| Ok(()));
            work.expect_commit().returning(move || if answer { Err(StoreError::Conflict("agent")) } else { Ok(()) });
            Ok(Box::new(work))
        });
        let mut clock = MockClock::new();
        clock.expect_now().return_const(domain::Timestamp::UNIX_EPOCH);
        let mut ids = MockIdGenerator::new();
        ids.expect_unique().return_const(uuid::Uuid::nil());
        let mut engine = MockEngine::new();
        engine.expect_agents_changed().times(1).return_const(());
        let update = UpdateAgent {
            networks: Networks::default(),
            agents: Arc::new(agents),
            workflows: Arc::new(MockWorkflows::new()),
            schemas: Arc::new(NoSchemas),
            transactions: Arc::new(transactions),
            clock: Arc::new(clock),
            ids: Arc::new(ids),
            engine: Arc::new(engine),
        };
        let changes = AgentChanges { status: Some(AgentStatus::Inactive), ..AgentChanges::default() };
        let after = update.execute(agent().id, &changes, &Actor::named("me")).await.expect("changed").agent;
        assert_eq!((after.status, after.revision, after.updated_by.as_deref()), (AgentStatus::Inactive, 8, Some("me")));
    }
}
