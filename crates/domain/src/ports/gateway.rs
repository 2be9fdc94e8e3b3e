//! The way to the agents.

use async_trait::async_trait;

use crate::{
    agents::Agent,
    runs::{AgentRequest, CallIds, CallOutcome},
};

/// What an agent says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentCard(pub serde_json::Value);

/// The health of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentHealth {
    /// Its card; none if it is unhealthy.
    pub card: Option<AgentCard>,
    /// What it does, or why it is unhealthy.
    pub message: String,
    /// How long it took to answer; none if it did not.
    pub response_time: Option<std::time::Duration>,
}

/// Calls agents.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AgentGateway: Send + Sync {
    /// Makes one call. MUST end within the agent's timeout (where somebody else makes the attempts: within what those may take),
    /// MUST bound the memory that an answer can take, and MUST send
    /// the same bytes for the same request.
    async fn call(&self, agent: &Agent, request: &AgentRequest) -> CallOutcome;

    /// Tells an agent that the answer to a call is not wanted any more, if it is known to have an open task for it; whoever
    /// waits for the answer still does. May be lost. MUST end within two seconds.
    async fn cancel(&self, agent: &Agent, ids: &CallIds);

    /// Asks an agent for its card. MUST end within the agent's timeout.
    async fn health(&self, agent: &Agent) -> AgentHealth;
}
