//! The bus to other programs: what is sent there, and what comes from there.
//!
//! The bus assigns no runs and keeps nothing of ours. What must not be lost is in the store before it is sent, and stays
//! there until the bus has acknowledged it.

use async_trait::async_trait;

use super::outbox::QueuedMessage;
use crate::{
    agents::BreakerNews,
    runs::{
        AgentTask, CancellationRequest, ExecutionRequest, ExternalRequest, MonitoringUpdate, RaisedEvent, TaskOutcome,
    },
};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is acknowledged, or, where it can never be, kept as a dead letter with the reason.
    Delivered,
    /// The bus does not answer; try again. It may have arrived all the same.
    Unavailable(String),
}

/// What became of a request to the executor of the old system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is acknowledged.
    Delivered,
    /// It can never be sent, or would be dropped where it arrives; it is kept as a dead letter with this reason. Sent again it
    /// would be one again.
    Refused(String),
    /// The bus does not answer; try again. It may have arrived all the same.
    Unavailable(String),
}

/// Sends the messages of the outbox.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends messages and answers what became of each, in order. MUST keep the order of messages with the same key: after one
    /// that is not delivered, none with its key is. MUST end within a minute.
    async fn publish(&self, messages: &[QueuedMessage]) -> Vec<Delivery>;
}

/// The executor of the old system, which is asked over the bus.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ExternalExecutor: Send + Sync {
    /// Sends one request. MUST end within a minute.
    async fn request(&self, request: &ExternalRequest) -> Asked;
}

/// Tells whoever listens how runs are getting on, and agents. What it is told may be lost or repeated.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Monitoring: Send + Sync {
    /// MUST NOT wait: what cannot be sent now is dropped and counted.
    fn report(&self, update: MonitoringUpdate);

    /// MUST NOT wait either.
    fn breaker_changed(&self, news: BreakerNews);
}

/// What became of a request or an event from the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is durable, or needs nothing to be done: acknowledge it.
    Done,
    /// It can never be done: keep it as a dead letter with this reason, and acknowledge it.
    Refused(String),
    /// It cannot be done now: give it again later.
    Later(String),
}

/// What the bus delivers requests of foreign producers to.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RequestHandler: Send + Sync {
    /// Makes sure that a run exists. Requests may be doubled, late or out of order.
    async fn execution(&self, request: ExecutionRequest) -> Handled;

    /// Cancels a run, also one that does not exist yet.
    async fn cancellation(&self, request: CancellationRequest) -> Handled;
}

/// What the bus delivers events of foreign producers to.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// Tells the runs that it concerns. Events may be doubled, late or out of order.
    async fn event(&self, event: RaisedEvent) -> Handled;
}

/// What the bus delivers agent tasks of the old executor to.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TaskHandler: Send + Sync {
    /// Calls the agent and answers what came of it. MUST end.
    async fn perform(&self, task: &AgentTask) -> TaskOutcome;
}
