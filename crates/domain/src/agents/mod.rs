//! Agents: HTTP services that speak JSON-RPC 2.0 (A2A) and do the work of a step.

mod agent;
mod auth;
mod breaker;
mod limit;
mod networks;
mod retry;
mod schemas;
mod shares;
mod traffic;
mod waiting;
mod window;

pub use agent::{
    Agent, AgentFilter, AgentName, AgentSort, AgentStatus, AgentUrl, CircuitBreakerConfig, InvalidAgent, OnOpen,
};
pub use auth::{AgentAuth, ApiKey, Secret};
pub use breaker::{Breaker, BreakerChange, BreakerNews, BreakerPhase, Outcomes};
pub use limit::{CallLimit, InvalidCallLimit};
pub use networks::{InvalidNetworks, Networks, RefusedHost};
pub use retry::{InvalidRetryPolicy, OnUnknown, RetryPolicy, StrategyMistake};
pub use schemas::AgentSchemas;
pub use shares::share_out;
pub use traffic::{CallCount, Exchanged, Part, Report, Traffic};
pub use waiting::{WaitingCall, WaitsFor, kept_elsewhere};
pub use window::Tally;
