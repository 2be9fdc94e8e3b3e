//! The unit of work: changes are gathered and sent to the writer as one piece, which decides about them where nobody can
//! come between.

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{ApiKey, User},
    agents::Agent,
    audit::AuditEntry,
    ids::PlanHash,
    ports::{StoreError, Transactions, UnitOfWork, Vault},
    schedules::{Schedule, Tick},
    webhooks::Webhook,
    workflows::{WorkflowDefinition, WorkflowDocument},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    accounts::AccountChange,
    agents, audit,
    failure::{Failure, Outcome},
    schedules::ScheduleChange,
    webhooks::WebhookChange,
    workflows,
};

#[async_trait]
impl Transactions for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(Buffered { store: self.clone(), changes: Vec::new() }))
    }
}

struct Buffered {
    store: SqliteStore,
    changes: Vec<Change>,
}

enum Change {
    AddAgent(Agent),
    ReplaceAgent(Agent),
    AddWorkflow(WorkflowDefinition),
    ReplaceWorkflow(WorkflowDefinition),
    KeepPlan(PlanHash, WorkflowDocument),
    Account(AccountChange),
    Webhook(WebhookChange),
    Schedule(ScheduleChange),
    Record(AuditEntry),
}

#[async_trait]
impl UnitOfWork for Buffered {
    async fn add_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        self.changes.push(Change::AddAgent(agent.clone()));
        Ok(())
    }

    async fn replace_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        self.changes.push(Change::ReplaceAgent(agent.clone()));
        Ok(())
    }

    async fn add_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        self.changes.push(Change::AddWorkflow(workflow.clone()));
        Ok(())
    }

    async fn replace_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        self.changes.push(Change::ReplaceWorkflow(workflow.clone()));
        Ok(())
    }

    async fn keep_plan(&mut self, hash: PlanHash, document: &WorkflowDocument) -> Result<(), StoreError> {
        self.changes.push(Change::KeepPlan(hash, document.clone()));
        Ok(())
    }

    async fn add_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::AddKey(key.clone())));
        Ok(())
    }

    async fn replace_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::ReplaceKey(key.clone())));
        Ok(())
    }

    async fn add_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::AddUser(user.clone())));
        Ok(())
    }

    async fn replace_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::ReplaceUser(user.clone())));
        Ok(())
    }

    async fn remove_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::RemoveUser(user.clone())));
        Ok(())
    }

    async fn revoke_tokens(&mut self, ids: &[String], until: Timestamp) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::Revoke(ids.to_vec(), until)));
        Ok(())
    }

    async fn keep_an_admin(&mut self) -> Result<(), StoreError> {
        self.changes.push(Change::Account(AccountChange::KeepAnAdmin));
        Ok(())
    }

    async fn add_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.changes.push(Change::Webhook(WebhookChange::Add(webhook.clone())));
        Ok(())
    }

    async fn replace_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.changes.push(Change::Webhook(WebhookChange::Replace(webhook.clone())));
        Ok(())
    }

    async fn remove_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.changes.push(Change::Webhook(WebhookChange::Remove(webhook.clone())));
        Ok(())
    }

    async fn add_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        self.changes.push(Change::Schedule(ScheduleChange::Add(schedule.clone())));
        Ok(())
    }

    async fn replace_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        self.changes.push(Change::Schedule(ScheduleChange::Replace(schedule.clone())));
        Ok(())
    }

    async fn remove_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        self.changes.push(Change::Schedule(ScheduleChange::Remove(schedule.clone())));
        Ok(())
    }

    async fn add_tick(&mut self, tick: &Tick) -> Result<(), StoreError> {
        self.changes.push(Change::Schedule(ScheduleChange::AddTick(tick.clone())));
        Ok(())
    }

    async fn change_tick(&mut self, tick: &Tick) -> Result<(), StoreError> {
        self.changes.push(Change::Schedule(ScheduleChange::ChangeTick(tick.clone())));
        Ok(())
    }

    async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.changes.push(Change::Record(entry.clone()));
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { store, changes } = *self;
        let vault = store.vault().clone();
        let work =
            move |connection: &Connection| changes.iter().try_for_each(|change| make(connection, change, &*vault));
        store.writer().work(move |session| session.transaction(work)).await
    }
}

fn make(connection: &Connection, change: &Change, vault: &dyn Vault) -> Outcome<()> {
    match change {
        Change::AddAgent(agent) => refused("agent", agents::insert(connection, agent, vault)),
        Change::ReplaceAgent(agent) => refused("agent", agents::update(connection, agent, vault)),
        Change::AddWorkflow(workflow) => refused("workflow", workflows::insert(connection, workflow)),
        Change::ReplaceWorkflow(workflow) => refused("workflow", workflows::update(connection, workflow)),
        Change::KeepPlan(hash, document) => keep_plan(connection, *hash, document),
        Change::Account(change) => change.make(connection),
        Change::Webhook(change) => refused("webhook", change.make(connection, vault)),
        Change::Schedule(change) => change.make(connection),
        Change::Record(entry) => audit::write(connection, entry),
    }
}

/// A row that is not there in its revision, or whose id or name is taken.
pub(crate) fn refused(what: &'static str, changed: Outcome<usize>) -> Outcome<()> {
    match changed.map_err(|failure| failure.or_conflict(what))? {
        0 => Err(Failure::Conflict(what)),
        _ => Ok(()),
    }
}

fn keep_plan(connection: &Connection, hash: PlanHash, document: &WorkflowDocument) -> Outcome<()> {
    connection
        .prepare_cached("INSERT INTO plans (hash, document) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING")?
        .execute(params![hash.bytes(), workflows::document_text(document)?])?;
    Ok(())
}
