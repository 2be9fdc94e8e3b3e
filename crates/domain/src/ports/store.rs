//! The management path: units of work over agents and workflows.

use async_trait::async_trait;

use crate::{
    Timestamp,
    access::{ApiKey, User},
    agents::Agent,
    audit::AuditEntry,
    ids::PlanHash,
    schedules::{Schedule, Tick},
    webhooks::Webhook,
    workflows::{WorkflowDefinition, WorkflowDocument},
};

/// Why a store did not do what it was asked; each variant says what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same thing, or took the same unique name: read again, decide again.
    #[error("{0} was changed or created by somebody else")]
    Conflict(&'static str),
    /// The store cannot be reached or is overloaded: try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It is kept encrypted under a key that this process lacks: others may have it, so try again once this one has it too.
    #[error("the store holds something encrypted that this process has no key for: {0}")]
    Locked(String),
    /// The store holds something that this program cannot read: call somebody.
    #[error("the store holds corrupt data: {0}")]
    Corrupt(String),
}

/// What [`UnitOfWork::record`] is refused for: the entry is there, so what it tells of was done before, by an attempt that could
/// not say so (see [`IdGenerator::again`](super::IdGenerator::again)).
pub const DONE_BEFORE: &str = "what was done before";

/// What [`UnitOfWork::keep_an_admin`] is refused for.
pub const LAST_ADMIN: &str = "the last administrator";

/// Opens units of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Transactions: Send + Sync {
    /// Begins a unit of work.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;
}

/// Changes that become true together or not at all. Dropping it without [`UnitOfWork::commit`] MUST change nothing.
///
/// A refusal may come from the change or from the commit; either way nothing is changed.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UnitOfWork: Send {
    /// Adds an agent. MUST be refused with `Conflict` if its id or name is taken, by a deleted agent too.
    async fn add_agent(&mut self, agent: &Agent) -> Result<(), StoreError>;

    /// Replaces an agent. MUST be refused with `Conflict` unless the stored revision is `agent.revision - 1`.
    async fn replace_agent(&mut self, agent: &Agent) -> Result<(), StoreError>;

    /// Adds a row of a workflow's chain. MUST be refused with `Conflict` if its id, or its name and version, are taken.
    async fn add_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError>;

    /// Replaces a row of a workflow's chain. MUST be refused with `Conflict` unless the stored revision is
    /// `workflow.revision - 1`, or if its name and version are taken by another row. Changes are made in the order in
    /// which they were asked for, so a version number can be freed and taken in one unit of work.
    async fn replace_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError>;

    /// Keeps a plan's document under its hash; keeping the same again changes nothing.
    async fn keep_plan(&mut self, hash: PlanHash, document: &WorkflowDocument) -> Result<(), StoreError>;

    /// Adds an API key. MUST be refused with `Conflict` if its id is taken, or its name by a key that is not revoked.
    async fn add_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    /// Replaces an API key, but for the time of its last use, which stays as it is stored. MUST be refused with `Conflict`
    /// unless the stored revision is `key.revision - 1`.
    async fn replace_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError>;

    /// Adds a person. MUST be refused with `Conflict` if the id or the name is taken.
    async fn add_user(&mut self, user: &User) -> Result<(), StoreError>;

    /// Replaces a person. MUST be refused with `Conflict` unless the stored revision is `user.revision - 1`.
    async fn replace_user(&mut self, user: &User) -> Result<(), StoreError>;

    /// Removes a person; the name is free then. MUST be refused with `Conflict` unless the stored revision is `user.revision`.
    async fn remove_user(&mut self, user: &User) -> Result<(), StoreError>;

    /// Revokes tokens by their revocation ids, which nobody needs to know after this time. Of two such times the later one
    /// counts.
    async fn revoke_tokens(&mut self, ids: &[String], until: Timestamp) -> Result<(), StoreError>;

    /// Asked after the other changes: MUST be refused with `Conflict(`[`LAST_ADMIN`]`)` unless there is then a key or a person
    /// that [keeps the installation manageable](ApiKey::is_keeper). Of two units of work at a time that would each take one of
    /// the last two away, one is refused.
    async fn keep_an_admin(&mut self) -> Result<(), StoreError>;

    /// Adds a webhook. MUST be refused with `Conflict` if its id or its name is taken.
    async fn add_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Replaces a webhook. Since when it is failing stays as it is stored, unless it is said not to be failing. MUST be refused with
    /// `Conflict` unless the stored revision is `webhook.revision - 1`, or if its name is taken by another one.
    async fn replace_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Removes a webhook and its deliveries; the name is free then. MUST be refused with `Conflict` unless the stored revision is
    /// `webhook.revision`.
    async fn remove_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Adds a schedule. MUST be refused with `Conflict` if its id or name is taken.
    async fn add_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError>;

    /// Replaces a schedule. MUST be refused with `Conflict` unless the stored revision is `schedule.revision - 1`, or if its name
    /// is taken by another one.
    async fn replace_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError>;

    /// Removes a schedule and its ticks; the name is free then. MUST be refused with `Conflict` unless the stored revision is
    /// `schedule.revision`.
    async fn remove_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError>;

    /// Adds a tick of a schedule that is there. MUST be refused with `Conflict` if its id is taken.
    async fn add_tick(&mut self, tick: &Tick) -> Result<(), StoreError>;

    /// Changes the status, the reason, the message and the time of the decision of a tick to those of this one, if the stored
    /// status is [before](crate::schedules::TickStatus::before) its own; else nothing is changed, and nothing refused.
    async fn change_tick(&mut self, tick: &Tick) -> Result<(), StoreError>;

    /// Writes down in the audit log who does this. The row is there if and only if the changes are. MUST be refused with
    /// `Conflict(`[`DONE_BEFORE`]`)` if there is an entry with this id, so that nothing is done twice under it.
    async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Makes all of it true and durable.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
