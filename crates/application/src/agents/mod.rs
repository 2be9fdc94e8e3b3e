//! Use cases for agents.

mod affected;
mod check_agent_health;
mod create_agent;
mod delete_agent;
mod get_agent;
mod list_agents;
mod observed;
mod schemas;
mod update_agent;

pub use affected::AffectedWorkflow;
pub use check_agent_health::CheckAgentHealth;
pub use create_agent::{CreateAgent, CreateAgentError, NewAgent};
pub use delete_agent::{DeleteAgent, DeleteAgentError};
pub use get_agent::{GetAgent, GetAgentError};
pub use list_agents::ListAgents;
pub use observed::{Observation, ObservedAgent};
pub use schemas::InvalidSchemas;
pub use update_agent::{AgentChanges, AuthChange, AuthKind, Credentials, UpdateAgent, UpdateAgentError, UpdatedAgent};
