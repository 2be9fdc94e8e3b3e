//! The unit of work: a transaction that is rolled back unless it is committed.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{ApiKey, User},
    agents::Agent,
    audit::AuditEntry,
    ids::PlanHash,
    ports::{DONE_BEFORE, LAST_ADMIN, StoreError, Transactions, UnitOfWork, Vault},
    schedules::{Schedule, Tick},
    webhooks::Webhook,
    workflows::{WorkflowDefinition, WorkflowDocument},
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait};

use crate::{
    PgStore, accounts, agents, audit,
    codec::signed,
    entities::{agent, workflow},
    failure::{Failure, Outcome},
    schedules, webhooks, workflows,
};

#[async_trait]
impl Transactions for PgStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let transaction = self.management().begin().await.map_err(Failure::from)?;
        Ok(Box::new(Open { transaction, vault: self.vault().clone(), refused: None }))
    }
}

struct Open {
    transaction: DatabaseTransaction,
    vault: Arc<dyn Vault>,
    /// What was refused, if anything was; the rest must not become true without it.
    refused: Option<&'static str>,
}

impl Open {
    /// A row that is not there in its revision, or whose id or name is taken. Whatever the reason is, nothing of this unit
    /// of work becomes true any more.
    fn settle(&mut self, what: &'static str, changed: Outcome<u64>) -> Result<(), StoreError> {
        let failure = match changed {
            Ok(0) => Failure::Conflict(what),
            Ok(_) => return Ok(()),
            Err(failure) => failure.or_conflict(what),
        };
        self.refused = Some(what);
        Err(failure.into())
    }

    async fn insert_agent(&self, agent: &Agent) -> Outcome<u64> {
        Ok(agent::Entity::insert(agents::encode(agent, &*self.vault)?)
            .exec_without_returning(&self.transaction)
            .await?)
    }

    async fn update_agent(&self, agent: &Agent) -> Outcome<u64> {
        let updated = agent::Entity::update_many()
            .set(agents::encode(agent, &*self.vault)?)
            .filter(agent::Column::Id.eq(agent.id.uuid()))
            .filter(agent::Column::Revision.eq(signed(agent.revision)? - 1))
            .exec(&self.transaction)
            .await?;
        Ok(updated.rows_affected)
    }

    async fn insert_workflow(&self, workflow: &WorkflowDefinition) -> Outcome<u64> {
        Ok(workflow::Entity::insert(workflows::encode(workflow)?).exec_without_returning(&self.transaction).await?)
    }

    async fn update_workflow(&self, workflow: &WorkflowDefinition) -> Outcome<u64> {
        let updated = workflow::Entity::update_many()
            .set(workflows::encode(workflow)?)
            .filter(workflow::Column::Id.eq(workflow.id.uuid()))
            .filter(workflow::Column::Revision.eq(signed(workflow.revision)? - 1))
            .exec(&self.transaction)
            .await?;
        Ok(updated.rows_affected)
    }
}

#[async_trait]
impl UnitOfWork for Open {
    async fn add_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let added = self.insert_agent(agent).await;
        self.settle("agent", added)
    }

    async fn replace_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let replaced = self.update_agent(agent).await;
        self.settle("agent", replaced)
    }

    async fn add_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        let added = self.insert_workflow(workflow).await;
        self.settle("workflow", added)
    }

    async fn replace_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        let replaced = self.update_workflow(workflow).await;
        self.settle("workflow", replaced)
    }

    async fn keep_plan(&mut self, hash: PlanHash, document: &WorkflowDocument) -> Result<(), StoreError> {
        // One that is kept already is no refusal.
        let kept = workflows::keep_plan(&self.transaction, hash, document).await.map(|()| 1);
        self.settle("plan", kept)
    }

    async fn add_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let added = accounts::insert_key(&self.transaction, key).await;
        self.settle("API key", added)
    }

    async fn replace_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let replaced = accounts::update_key(&self.transaction, key).await;
        self.settle("API key", replaced)
    }

    async fn add_user(&mut self, user: &User) -> Result<(), StoreError> {
        let added = accounts::insert_user(&self.transaction, user).await;
        self.settle("user", added)
    }

    async fn replace_user(&mut self, user: &User) -> Result<(), StoreError> {
        let replaced = accounts::update_user(&self.transaction, user).await;
        self.settle("user", replaced)
    }

    async fn remove_user(&mut self, user: &User) -> Result<(), StoreError> {
        let removed = accounts::delete_user(&self.transaction, user).await;
        self.settle("user", removed)
    }

    async fn revoke_tokens(&mut self, ids: &[String], until: Timestamp) -> Result<(), StoreError> {
        let revoked = accounts::revoke(&self.transaction, ids, until).await.map(|()| 1);
        self.settle("revocation", revoked)
    }

    async fn keep_an_admin(&mut self) -> Result<(), StoreError> {
        let kept = accounts::keep_an_admin(&self.transaction).await.map(|()| 1);
        self.settle(LAST_ADMIN, kept)
    }

    async fn add_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let added = webhooks::insert(&self.transaction, webhook, &*self.vault).await;
        self.settle("webhook", added)
    }

    async fn replace_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let replaced = webhooks::update(&self.transaction, webhook, &*self.vault).await;
        self.settle("webhook", replaced)
    }

    async fn remove_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let removed = webhooks::delete(&self.transaction, webhook).await;
        self.settle("webhook", removed)
    }

    async fn add_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        let added = schedules::insert(&self.transaction, schedule).await;
        self.settle("schedule", added)
    }

    async fn replace_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        let replaced = schedules::update(&self.transaction, schedule).await;
        self.settle("schedule", replaced)
    }

    async fn remove_schedule(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        let removed = schedules::delete(&self.transaction, schedule).await;
        self.settle("schedule", removed)
    }

    async fn add_tick(&mut self, tick: &Tick) -> Result<(), StoreError> {
        let added = schedules::insert_tick(&self.transaction, tick).await;
        self.settle("tick", added)
    }

    async fn change_tick(&mut self, tick: &Tick) -> Result<(), StoreError> {
        let changed = schedules::change_tick(&self.transaction, tick).await.map(|()| 1);
        self.settle("tick", changed)
    }

    async fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let recorded = audit::record(&self.transaction, entry).await;
        self.settle(DONE_BEFORE, recorded)
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        // PostgreSQL answers the commit of a failed transaction with a rollback, and not with an error.
        if let Some(what) = self.refused {
            return Err(StoreError::Conflict(what));
        }
        Ok(self.transaction.commit().await.map_err(Failure::from)?)
    }
}
