//! What the core needs from the world. Each port is small and says what an adapter must keep; `port-contracts` has a test
//! for each of those sentences and runs them over every adapter.

mod agents;
mod engine;
mod gateway;
mod journal;
mod leases;
mod store;
mod time;
mod workflows;

pub use agents::Agents;
pub use engine::{Adopted, Engine};
pub use gateway::{AgentCard, AgentGateway, AgentHealth};
pub use journal::{Overloaded, RunJournal, RunWriter, Runs, Then};
pub use leases::{Claimed, RunLeases};
pub use store::{StoreError, Transactions, UnitOfWork};
pub use time::{Clock, IdGenerator};
pub use workflows::Workflows;

#[cfg(any(test, feature = "testing"))]
pub use {
    agents::MockAgents,
    engine::MockEngine,
    gateway::MockAgentGateway,
    journal::{MockRunWriter, MockRuns},
    store::{MockTransactions, MockUnitOfWork},
    time::{MockClock, MockIdGenerator},
    workflows::MockWorkflows,
};
