//! The ports of one store, as the contracts see them.

use std::{any::Any, sync::Arc};

use domain::{
    Timestamp,
    access::{ApiKey, User},
    agents::Agent,
    audit::AuditEntry,
    ids::{PlanHash, RunId},
    ports::{
        Accounts, AgentTraffic, Agents, AuditLog, DeadLetters, IdempotencyKeys, OldRuns, RunFeed, RunInbox, RunJournal,
        RunLeases, Runs, Schedules, StoreError, Transactions, UnitOfWork, WebhookQueue, Webhooks, Workflows,
    },
    runs::{
        AdoptRun, AdvanceRun, CancelRun, CommitOutcome, EventRecord, ResumeRun, Run, RunCommit, RunTip, StartRun,
        StepExecution,
    },
    schedules::{Schedule, Tick},
    webhooks::Webhook,
    workflows::{WorkflowDefinition, WorkflowDocument},
};

use crate::samples::run_id;

/// All ports of one fresh store.
#[derive(Clone)]
pub struct Stores {
    /// See [`Agents`].
    pub agents: Arc<dyn Agents>,
    /// See [`Workflows`].
    pub workflows: Arc<dyn Workflows>,
    /// See [`Transactions`].
    pub transactions: Arc<dyn Transactions>,
    /// See [`RunJournal`].
    pub journal: Arc<dyn RunJournal>,
    /// See [`Runs`].
    pub runs: Arc<dyn Runs>,
    /// See [`RunLeases`].
    pub leases: Arc<dyn RunLeases>,
    /// See [`RunInbox`].
    pub inbox: Arc<dyn RunInbox>,
    /// See [`DeadLetters`].
    pub dead_letters: Arc<dyn DeadLetters>,
    /// See [`AgentTraffic`].
    pub traffic: Arc<dyn AgentTraffic>,
    /// See [`Accounts`].
    pub accounts: Arc<dyn Accounts>,
    /// See [`AuditLog`].
    pub audit: Arc<dyn AuditLog>,
    /// See [`OldRuns`].
    pub old_runs: Arc<dyn OldRuns>,
    /// See [`RunFeed`].
    pub feed: Arc<dyn RunFeed>,
    /// See [`Webhooks`].
    pub webhooks: Arc<dyn Webhooks>,
    /// See [`WebhookQueue`].
    pub queue: Arc<dyn WebhookQueue>,
    /// See [`IdempotencyKeys`].
    pub keys: Arc<dyn IdempotencyKeys>,
    /// See [`Schedules`].
    pub schedules: Arc<dyn Schedules>,
    /// What must outlive the store, such as its folder.
    guard: Option<Arc<dyn Any + Send + Sync>>,
}

impl Stores {
    /// The ports of a store that has them all.
    pub fn new<S>(store: S) -> Self
    where
        S: Agents
            + Workflows
            + Transactions
            + RunJournal
            + Runs
            + RunLeases
            + RunInbox
            + DeadLetters
            + OldRuns
            + AgentTraffic
            + Accounts
            + AuditLog
            + RunFeed
            + Webhooks
            + WebhookQueue
            + IdempotencyKeys
            + Schedules
            + 'static,
    {
        let store = Arc::new(store);
        Self {
            agents: store.clone(),
            workflows: store.clone(),
            transactions: store.clone(),
            journal: store.clone(),
            runs: store.clone(),
            leases: store.clone(),
            inbox: store.clone(),
            dead_letters: store.clone(),
            old_runs: store.clone(),
            traffic: store.clone(),
            accounts: store.clone(),
            audit: store.clone(),
            feed: store.clone(),
            webhooks: store.clone(),
            queue: store.clone(),
            keys: store.clone(),
            schedules: store,
            guard: None,
        }
    }

    /// The same, dropping something only after the store.
    pub fn guarded(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Arc::new(guard));
        self
    }

    /// A batch of one.
    pub async fn commit(&self, commit: impl IntoCommit) -> CommitOutcome {
        let outcomes = self.journal.commit([commit.into_commit()].into()).await.expect("the store works");
        assert_eq!(outcomes.len(), 1, "one outcome for each commit");
        outcomes[0]
    }

    /// A batch of one that must be accepted.
    pub async fn committed(&self, commit: impl IntoCommit) {
        assert_eq!(self.commit(commit).await, CommitOutcome::Committed);
    }

    /// A run that must be there.
    pub async fn run(&self, id: &RunId) -> Run {
        self.runs.get(id).await.expect("the store works").expect("the run is there")
    }

    /// Where a run stands that must be there.
    pub async fn tip(&self, run: &str) -> RunTip {
        let tips = self.runs.tips(&[run_id(run)]).await.expect("the store works");
        tips.first().expect("the run is there").1
    }

    /// Everything that can be read of a run.
    pub async fn all_of(&self, id: &RunId) -> (Option<Run>, Vec<StepExecution>, Vec<EventRecord>) {
        let row = self.runs.get(id).await.expect("the store works");
        let steps = self.runs.steps(id).await.expect("the store works");
        (row, steps, self.runs.history(id).await.expect("the store works"))
    }

    /// Makes changes in one unit of work; a refusal may come from any of them or from the commit.
    pub async fn change(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut unit = self.transactions.begin().await?;
        for change in changes {
            change.ask(unit.as_mut()).await?;
        }
        unit.commit().await
    }

    /// Makes changes that must be accepted.
    pub async fn changed(&self, changes: &[Change]) {
        self.change(changes).await.expect("the changes are accepted");
    }

    /// Makes changes that must be refused with a conflict.
    pub async fn refused(&self, changes: &[Change]) {
        let answer = self.change(changes).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?} instead of a conflict");
    }
}

/// A change of a unit of work, as a value.
#[derive(Debug, Clone)]
pub enum Change {
    /// See [`UnitOfWork::add_agent`].
    AddAgent(Agent),
    /// See [`UnitOfWork::replace_agent`].
    ReplaceAgent(Agent),
    /// See [`UnitOfWork::add_workflow`].
    AddWorkflow(WorkflowDefinition),
    /// See [`UnitOfWork::replace_workflow`].
    ReplaceWorkflow(WorkflowDefinition),
    /// See [`UnitOfWork::keep_plan`].
    KeepPlan(PlanHash, WorkflowDocument),
    /// See [`UnitOfWork::add_api_key`].
    AddKey(ApiKey),
    /// See [`UnitOfWork::replace_api_key`].
    ReplaceKey(ApiKey),
    /// See [`UnitOfWork::add_user`].
    AddUser(User),
    /// See [`UnitOfWork::replace_user`].
    ReplaceUser(User),
    /// See [`UnitOfWork::remove_user`].
    RemoveUser(User),
    /// See [`UnitOfWork::revoke_tokens`].
    RevokeTokens(Vec<String>, Timestamp),
    /// See [`UnitOfWork::keep_an_admin`].
    KeepAnAdmin,
    /// See [`UnitOfWork::add_webhook`].
    AddWebhook(Webhook),
    /// See [`UnitOfWork::replace_webhook`].
    ReplaceWebhook(Webhook),
    /// See [`UnitOfWork::remove_webhook`].
    RemoveWebhook(Webhook),
    /// See [`UnitOfWork::add_schedule`].
    AddSchedule(Schedule),
    /// See [`UnitOfWork::replace_schedule`].
    ReplaceSchedule(Schedule),
    /// See [`UnitOfWork::remove_schedule`].
    RemoveSchedule(Schedule),
    /// See [`UnitOfWork::add_tick`].
    AddTick(Tick),
    /// See [`UnitOfWork::change_tick`].
    ChangeTick(Tick),
    /// See [`UnitOfWork::record`].
    Record(AuditEntry),
}

impl Change {
    /// Asks a unit of work for the change.
    pub async fn ask(&self, unit: &mut dyn UnitOfWork) -> Result<(), StoreError> {
        match self {
            Self::AddAgent(agent) => unit.add_agent(agent).await,
            Self::ReplaceAgent(agent) => unit.replace_agent(agent).await,
            Self::AddWorkflow(workflow) => unit.add_workflow(workflow).await,
            Self::ReplaceWorkflow(workflow) => unit.replace_workflow(workflow).await,
            Self::KeepPlan(hash, document) => unit.keep_plan(*hash, document).await,
            Self::AddKey(key) => unit.add_api_key(key).await,
            Self::ReplaceKey(key) => unit.replace_api_key(key).await,
            Self::AddUser(user) => unit.add_user(user).await,
            Self::ReplaceUser(user) => unit.replace_user(user).await,
            Self::RemoveUser(user) => unit.remove_user(user).await,
            Self::RevokeTokens(ids, until) => unit.revoke_tokens(ids, *until).await,
            Self::KeepAnAdmin => unit.keep_an_admin().await,
            Self::AddWebhook(webhook) => unit.add_webhook(webhook).await,
            Self::ReplaceWebhook(webhook) => unit.replace_webhook(webhook).await,
            Self::RemoveWebhook(webhook) => unit.remove_webhook(webhook).await,
            Self::AddSchedule(schedule) => unit.add_schedule(schedule).await,
            Self::ReplaceSchedule(schedule) => unit.replace_schedule(schedule).await,
            Self::RemoveSchedule(schedule) => unit.remove_schedule(schedule).await,
            Self::AddTick(tick) => unit.add_tick(tick).await,
            Self::ChangeTick(tick) => unit.change_tick(tick).await,
            Self::Record(entry) => unit.record(entry).await,
        }
    }
}

/// One of the kinds of commit.
pub trait IntoCommit {
    /// The commit.
    fn into_commit(self) -> RunCommit;
}

impl IntoCommit for RunCommit {
    fn into_commit(self) -> RunCommit {
        self
    }
}

impl IntoCommit for StartRun {
    fn into_commit(self) -> RunCommit {
        RunCommit::Start(self)
    }
}

impl IntoCommit for AdvanceRun {
    fn into_commit(self) -> RunCommit {
        RunCommit::Advance(self)
    }
}

impl IntoCommit for CancelRun {
    fn into_commit(self) -> RunCommit {
        RunCommit::Cancel(self)
    }
}

impl IntoCommit for ResumeRun {
    fn into_commit(self) -> RunCommit {
        RunCommit::Resume(self)
    }
}

impl IntoCommit for AdoptRun {
    fn into_commit(self) -> RunCommit {
        RunCommit::Adopt(self)
    }
}
