//! Agents: HTTP services that speak JSON-RPC 2.0 (A2A) and do the work of a step.

mod agent;
mod auth;
mod retry;
mod schemas;

pub use agent::{Agent, AgentFilter, AgentName, AgentStatus, AgentUrl, CircuitBreakerConfig, InvalidAgent};
pub use auth::{AgentAuth, ApiKey, Secret};
pub use retry::{InvalidRetryPolicy, OnUnknown, RetryPolicy, StrategyMistake};
pub use schemas::AgentSchemas;
