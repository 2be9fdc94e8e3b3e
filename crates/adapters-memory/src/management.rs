//! Agents and workflow definitions: reading them, and the unit of work that changes them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{ApiKey, User},
    agents::{Agent, AgentFilter, AgentName, AgentSort},
    audit::AuditEntry,
    ids::{AgentId, PlanHash, WorkflowId},
    page::{Page, PageRequest, SortOrder},
    ports::{Agents, StoreError, Transactions, UnitOfWork, Workflows},
    schedules::{Schedule, Tick},
    webhooks::Webhook,
    workflows::{ExecutableVersion, WorkflowDefinition, WorkflowDocument, WorkflowFilter, WorkflowName, WorkflowSort},
};

use crate::{
    MemoryStore,
    accounts::{AccountChange, AccountTable},
    lists::page_of,
    schedules::{ScheduleChange, ScheduleTable},
    webhooks::WebhookTable,
};

/// The rows and their unique names. Rows are shared, so that a unit of work can try its changes on a copy.
#[derive(Clone, Default)]
pub(crate) struct Management {
    agents: BTreeMap<AgentId, Arc<Agent>>,
    agent_names: BTreeMap<AgentName, AgentId>,
    workflows: BTreeMap<WorkflowId, Arc<WorkflowDefinition>>,
    versions: BTreeMap<(WorkflowName, u32), WorkflowId>,
    plans: BTreeMap<PlanHash, Arc<WorkflowDocument>>,
    pub(crate) accounts: AccountTable,
    pub(crate) webhooks: WebhookTable,
    pub(crate) schedules: ScheduleTable,
}

impl Management {
    fn add_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        if self.agents.contains_key(&agent.id) || self.agent_names.contains_key(&agent.name) {
            return Err(StoreError::Conflict("agent"));
        }
        self.agent_names.insert(agent.name.clone(), agent.id);
        self.agents.insert(agent.id, Arc::new(agent.clone()));
        Ok(())
    }

    fn replace_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let stored = self.agents.get(&agent.id).filter(|stored| stored.revision + 1 == agent.revision);
        let stored = stored.ok_or(StoreError::Conflict("agent"))?;
        self.agent_names.remove(&stored.name);
        if self.agent_names.insert(agent.name.clone(), agent.id).is_some() {
            return Err(StoreError::Conflict("agent"));
        }
        self.agents.insert(agent.id, Arc::new(agent.clone()));
        Ok(())
    }

    fn add_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        if self.workflows.contains_key(&workflow.id) {
            return Err(StoreError::Conflict("workflow"));
        }
        self.put_workflow(workflow)
    }

    fn replace_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        let stored = self.workflows.get(&workflow.id).filter(|stored| stored.revision + 1 == workflow.revision);
        let stored = stored.ok_or(StoreError::Conflict("workflow"))?;
        self.versions.remove(&(stored.name.clone(), stored.version));
        self.put_workflow(workflow)
    }

    fn head(&self, name: &WorkflowName) -> Option<&WorkflowDefinition> {
        let versions = self.versions.range((name.clone(), 0)..=(name.clone(), u32::MAX)).rev();
        versions.filter_map(|(_, id)| self.workflows.get(id)).map(AsRef::as_ref).find(|row| row.is_head())
    }

    fn chain(&self, head: WorkflowId) -> impl Iterator<Item = &WorkflowDefinition> {
        self.workflows.values().map(AsRef::as_ref).filter(move |row| row.head == head)
    }

    fn executable(&self, addressed: WorkflowId, version: Option<u32>) -> Option<ExecutableVersion> {
        let head = self.workflows.get(&addressed)?.head;
        ExecutableVersion::choose(&self.chain(head).collect::<Vec<_>>(), addressed, version)
    }

    fn put_workflow(&mut self, workflow: &WorkflowDefinition) -> Result<(), StoreError> {
        if self.versions.insert((workflow.name.clone(), workflow.version), workflow.id).is_some() {
            return Err(StoreError::Conflict("workflow"));
        }
        self.workflows.insert(workflow.id, Arc::new(workflow.clone()));
        Ok(())
    }
}

#[async_trait]
impl Agents for MemoryStore {
    async fn get(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        Ok(self.lock().management.agents.get(&id).map(|agent| Agent::clone(agent)))
    }

    async fn by_names(&self, names: &[AgentName]) -> Result<Vec<Agent>, StoreError> {
        let state = self.lock();
        let Management { agents, agent_names, .. } = &state.management;
        // A name that is asked for twice is answered once, as a database does.
        let ids = agent_names.iter().filter(|(name, _)| names.contains(name)).map(|(_, id)| id);
        Ok(ids.filter_map(|id| agents.get(id)).map(|agent| Agent::clone(agent)).collect())
    }

    async fn list(
        &self,
        filter: &AgentFilter,
        sort: AgentSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        let state = self.lock();
        let found = state.management.agents.values().map(AsRef::as_ref).filter(|agent| filter.matches(agent));
        Ok(page_of(found, |agent| agent.cursor(sort), order, &page))
    }
}

#[async_trait]
impl Workflows for MemoryStore {
    async fn get(&self, id: WorkflowId) -> Result<Option<WorkflowDefinition>, StoreError> {
        Ok(self.lock().management.workflows.get(&id).map(|row| WorkflowDefinition::clone(row)))
    }

    async fn executable(&self, id: WorkflowId, version: Option<u32>) -> Result<Option<ExecutableVersion>, StoreError> {
        Ok(self.lock().management.executable(id, version))
    }

    async fn executable_named(
        &self,
        name: &WorkflowName,
        version: Option<u32>,
    ) -> Result<Option<ExecutableVersion>, StoreError> {
        let state = self.lock();
        let head = state.management.head(name).map(|head| head.id);
        Ok(head.and_then(|head| state.management.executable(head, version)))
    }

    async fn head(&self, name: &WorkflowName) -> Result<Option<WorkflowDefinition>, StoreError> {
        Ok(self.lock().management.head(name).cloned())
    }

    async fn list(
        &self,
        filter: &WorkflowFilter,
        sort: WorkflowSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, StoreError> {
        let state = self.lock();
        let heads = state.management.workflows.values().map(AsRef::as_ref).filter(|row| row.is_head());
        Ok(page_of(heads.filter(|head| filter.matches(head)), |head| head.cursor(sort), order, &page))
    }

    async fn version(&self, head: WorkflowId, number: u32) -> Result<Option<WorkflowDefinition>, StoreError> {
        let state = self.lock();
        Ok(state.management.chain(head).find(|row| row.version == number).cloned())
    }

    async fn versions(&self, head: WorkflowId, page: PageRequest) -> Result<Page<WorkflowDefinition>, StoreError> {
        let state = self.lock();
        let chain = state.management.chain(head);
        Ok(page_of(chain, WorkflowDefinition::version_cursor, SortOrder::Descending, &page))
    }

    async fn plan(&self, hash: PlanHash) -> Result<Option<WorkflowDocument>, StoreError> {
        Ok(self.lock().management.plans.get(&hash).map(|document| WorkflowDocument::clone(document)))
    }
}

#[async_trait]
impl Transactions for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(Buffered { store: self.clone(), changes: Vec::new() }))
    }
}

/// A unit of work that gathers its changes and decides about them at the commit, where nobody can come between.
struct Buffered {
    store: MemoryStore,
    changes: Vec<Change>,
}

enum Change {
    AddAgent(Agent),
    ReplaceAgent(Agent),
    AddWorkflow(WorkflowDefinition),
    ReplaceWorkflow(WorkflowDefinition),
    KeepPlan(PlanHash, WorkflowDocument),
    Account(AccountChange),
    AddWebhook(Webhook),
    ReplaceWebhook(Webhook),
    RemoveWebhook(Webhook),
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
        self.changes.push(Change::AddWebhook(webhook.clone()));
        Ok(())
    }

    async fn replace_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.changes.push(Change::ReplaceWebhook(webhook.clone()));
        Ok(())
    }

    async fn remove_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.changes.push(Change::RemoveWebhook(webhook.clone()));
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
        let mut state = self.store.lock();
        let mut recorded = Vec::new();
        let mut changed = state.management.clone();
        for change in self.changes {
            match change {
                Change::AddAgent(agent) => changed.add_agent(&agent)?,
                Change::ReplaceAgent(agent) => changed.replace_agent(&agent)?,
                Change::AddWorkflow(workflow) => changed.add_workflow(&workflow)?,
                Change::ReplaceWorkflow(workflow) => changed.replace_workflow(&workflow)?,
                Change::KeepPlan(hash, document) => {
                    changed.plans.entry(hash).or_insert_with(|| Arc::new(document));
                }
                Change::Account(change) => changed.accounts.make(change)?,
                Change::Schedule(change) => changed.schedules.make(change)?,
                Change::AddWebhook(webhook) => changed.webhooks.add(webhook)?,
                Change::ReplaceWebhook(webhook) => changed.webhooks.replace(webhook)?,
                Change::RemoveWebhook(webhook) => changed.webhooks.remove(&webhook)?,
                Change::Record(entry) => {
                    state.audit.check(&entry)?;
                    recorded.push(entry);
                }
            }
        }
        state.management = changed;
        state.audit.add(&recorded);
        Ok(())
    }
}
