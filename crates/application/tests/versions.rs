//! Versions of workflows over the memory store: their statuses, which of them is executed, deleting them, comparing them and
//! going back to them.

use std::{collections::BTreeMap, sync::Arc};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    agents::{AgentChanges, NewAgent},
    plans::PlanCache,
    runs::{ExecuteWorkflowError, Execution},
    workflows::{
        ChangeVersionStatusError, DeleteVersionError, DeleteWorkflowError, GetVersionError, NewWorkflow, Refused,
        RollBackWorkflowError, UpdateWorkflowError, WorkflowChanges,
    },
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::Actor,
    agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::{AgentId, WorkflowId},
    payload::Payload,
    ports::{
        MockAgentGateway, MockEngine, MockFeedWatch, MockRunFeed, MockRunWatch, Overloaded, RunWriter, Then, Workflows,
    },
    revision::Expected,
    runs::{CommitOutcome, RunCommit},
    workflows::{
        ChangeSummary, StepDocument, WorkflowDefinition, WorkflowName,
        WorkflowStatus::{self, Active, Archived, Deleted, Deprecated, Draft, Inactive},
    },
};

struct AtOnce(Arc<MemoryStore>);

#[async_trait]
impl RunWriter for AtOnce {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        let outcome = self.0.commit_now(&[commit])[0];
        then(outcome);
        Ok(outcome)
    }
}

/// One workflow, whose versions have as many steps as their number says.
struct Bench {
    uses: UseCases,
    store: Arc<MemoryStore>,
    agent: AgentId,
    head: WorkflowId,
}

impl Bench {
    /// A workflow with a version for each status.
    async fn with(statuses: &[WorkflowStatus]) -> Self {
        let store = Arc::new(MemoryStore::new());
        let uses = UseCases::new(&ports(&store));
        let agent = uses.create_agent.execute(agent(), &Actor::system()).await.expect("registered").id;
        let head = uses.create_workflow.execute(new(1, Active), &Actor::named("me")).await.expect("created").id;
        let bench = Self { uses, store, agent, head };
        for number in 2..=statuses.len() {
            bench.change(WorkflowChanges { steps: Some(steps(number)), ..WorkflowChanges::default() }).await;
        }
        for (number, status) in (1..).zip(statuses) {
            bench.give(number, *status).await;
        }
        bench
    }

    async fn change(&self, changes: WorkflowChanges) -> WorkflowDefinition {
        self.uses.update_workflow.execute(self.head, &changes, &Actor::named("you")).await.expect("updated")
    }

    async fn give(&self, number: u32, status: WorkflowStatus) -> WorkflowDefinition {
        self.uses
            .change_version_status
            .execute(&Expected::Any, self.head, number, status, &Actor::named("you"))
            .await
            .expect("changed")
    }

    async fn version(&self, number: u32) -> WorkflowDefinition {
        self.uses.get_version.execute(self.head, number).await.expect("it is there")
    }

    async fn execute(&self, id: WorkflowId, version: Option<u32>) -> Result<Execution, ExecuteWorkflowError> {
        self.uses.execute_workflow.execute_version(id, version, Payload::empty(), &Actor::named("me")).await
    }

    /// The version that is executed, or why none is.
    async fn executed(&self, version: Option<u32>) -> Result<u32, String> {
        let execution = self.execute(self.head, version).await.map_err(|error| error.to_string())?;
        assert_eq!(execution.run.workflow_version, Some(execution.version));
        assert_eq!(execution.run.plan, Some(self.version(execution.version).await.plan));
        assert_eq!(execution.status, self.version(execution.version).await.status);
        Ok(execution.version)
    }
}

fn ports(store: &Arc<MemoryStore>) -> Ports {
    let mut engine = MockEngine::new();
    engine.expect_offer().returning(|| None);
    engine.expect_ring().return_const(());
    engine.expect_agents_changed().return_const(());
    engine.expect_cancelled().return_const(());
    Ports {
        agents: store.clone(),
        workflows: store.clone(),
        transactions: store.clone(),
        runs: store.clone(),
        watch: Arc::new(MockRunWatch::new()),
        feed: Arc::new(MockRunFeed::new()),
        feed_watch: Arc::new(MockFeedWatch::new()),
        inbox: store.clone(),
        leases: store.clone(),
        fleet: None,
        dead_letters: store.clone(),
        audit: store.clone(),
        schedules: store.clone(),
        calendar: Arc::new(domain::ports::NoCalendar),
        traffic: store.clone(),
        writer: Arc::new(AtOnce(store.clone())),
        gateway: Arc::new(MockAgentGateway::new()),
        engine: Arc::new(engine),
        clock: Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH)),
        ids: Arc::new(SequentialIds::new(1)),
        plans: Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas))),
        schemas: Arc::new(JsonSchemas),
        max_nesting: domain::workflows::MAX_NESTING,
        agent_networks: domain::agents::Networks::default(),
        external: None,
    }
}

fn agent() -> NewAgent {
    NewAgent {
        name: AgentName::parse("A").expect("a name"),
        url: AgentUrl::parse("http://agent/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: std::time::Duration::from_secs(30),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
    }
}

fn new(count: usize, status: WorkflowStatus) -> NewWorkflow {
    NewWorkflow {
        name: WorkflowName::parse("w").expect("a name"),
        description: Some("what it is for".into()),
        start_step: "s1".into(),
        steps: steps(count),
        limits: domain::workflows::RunLimits::default(),
        input_schema: None,
        output: None,
        on_complete: None,
        status,
        change_summary: None,
    }
}

fn steps(count: usize) -> BTreeMap<String, StepDocument> {
    let step = |n: usize| StepDocument {
        id: format!("s{n}"),
        agent_name: Some("A".into()),
        next_step: (n < count).then(|| format!("s{}", n + 1)),
        input_mapping: Some(serde_json::Map::new()),
        ..StepDocument::default()
    };
    (1..=count).map(|n| (format!("s{n}"), step(n))).collect()
}

fn summary(text: &str) -> Option<ChangeSummary> {
    ChangeSummary::parse(text)
}

#[tokio::test]
async fn the_workflows_own_id_executes_the_newest_active_version_or_else_the_newest_deprecated_one() {
    for (statuses, expected) in [
        (&[Active, Active, Draft][..], Ok(2)),
        (&[Active, Deprecated, Archived], Ok(1)),
        (&[Deprecated, Deprecated, Archived], Ok(2)),
        (&[Archived, Draft], Err("Workflow 'w' is not active (status: draft)")),
        (&[Active, Inactive], Err("Workflow 'w' is not active (status: inactive)")),
        (&[Active, Deleted], Err("Workflow 'w' is not active (status: deleted)")),
    ] {
        let bench = Bench::with(statuses).await;
        assert_eq!(bench.executed(None).await, expected.map_err(str::to_owned), "{statuses:?}");
    }
}

#[tokio::test]
async fn a_draft_is_checked_once_more_before_it_is_activated() {
    let bench = Bench::with(&[Archived, Draft]).await;
    bench.uses.delete_agent.execute(&Expected::Any, bench.agent, &Actor::named("me")).await.expect("deleted");
    let is_refused = |refused: &Refused| refused.only_agents() && !refused.diagnostics.is_empty();

    let refused =
        bench.uses.change_version_status.execute(&Expected::Any, bench.head, 2, Active, &Actor::named("you")).await;
    assert!(matches!(refused, Err(ChangeVersionStatusError::Refused(refused)) if is_refused(&refused)));
    let activate = WorkflowChanges { status: Some(Active), ..WorkflowChanges::default() };
    let refused = bench.uses.update_workflow.execute(bench.head, &activate, &Actor::named("you")).await;
    assert!(matches!(refused, Err(UpdateWorkflowError::Refused(refused)) if is_refused(&refused)));
    assert_eq!(bench.version(2).await.status, Draft);

    bench.give(2, Archived).await;
    bench.give(1, Active).await;
    assert_eq!(bench.version(1).await.status, Active, "it has been active before");
}

#[tokio::test]
async fn a_version_is_chosen_by_its_number_or_by_its_own_id() {
    let bench = Bench::with(&[Deprecated, Archived, Draft, Active]).await;
    assert_eq!(bench.executed(Some(1)).await, Ok(1));
    let refused = "Version 2 of workflow 'w' is not active (status: archived)";
    assert_eq!(bench.executed(Some(2)).await, Err(refused.to_owned()));
    let refused = "Version 3 of workflow 'w' is not active (status: draft)";
    assert_eq!(bench.executed(Some(3)).await, Err(refused.to_owned()));
    let unknown = bench.execute(bench.head, Some(5)).await;
    assert!(matches!(unknown, Err(ExecuteWorkflowError::NoVersion { version: 5, workflow }) if workflow == bench.head));

    let first = bench.version(1).await.id;
    let execution = bench.execute(first, None).await.expect("it runs");
    assert_eq!((execution.version, execution.status, execution.run.workflow), (1, Deprecated, first.into()));
    let by_number = bench.execute(first, Some(4)).await.expect("it runs");
    assert_eq!((by_number.version, by_number.run.workflow), (4, bench.head.into()));
    let archived = bench.execute(bench.version(2).await.id, None).await;
    let refused = archived.err().map(|error| error.to_string());
    assert_eq!(refused.as_deref(), Some("Version 2 of workflow 'w' is not active (status: archived)"));
    bench.uses.delete_workflow.execute(&Expected::Any, bench.head, &Actor::named("me")).await.expect("deleted");
    let gone = bench.execute(first, None).await;
    assert!(matches!(gone, Err(ExecuteWorkflowError::NotActive { status: Deleted, .. })), "all of it is deleted");
}

#[tokio::test]
async fn a_new_version_has_its_own_status_and_summary_and_leaves_the_old_ones_alone() {
    let bench = Bench::with(&[Active]).await;
    let draft = WorkflowChanges {
        steps: Some(steps(2)),
        status: Some(Draft),
        change_summary: summary("two steps"),
        ..WorkflowChanges::default()
    };
    let second = bench.change(draft).await;
    assert_eq!((second.version, second.status, &second.change_summary), (2, Draft, &summary("two steps")));
    assert_eq!(bench.executed(None).await, Ok(1));
    let third = bench.change(WorkflowChanges { steps: Some(steps(3)), ..WorkflowChanges::default() }).await;
    assert_eq!((third.status, third.change_summary, third.created_by.as_deref()), (Active, None, Some("you")));
    let old = bench.version(2).await;
    assert_eq!((old.status, old.change_summary, old.document), (Draft, summary("two steps"), second.document));
    let posted = bench.uses.create_workflow.execute(new(4, Draft), &Actor::named("me")).await.expect("created");
    assert_eq!((posted.version, posted.status), (4, Draft));
    assert_eq!(bench.executed(None).await, Ok(3));
}

#[tokio::test]
async fn new_content_does_not_open_a_closed_workflow() {
    for status in [Inactive, Deleted] {
        let bench = Bench::with(&[status]).await;
        let second = bench.change(WorkflowChanges { steps: Some(steps(2)), ..WorkflowChanges::default() }).await;
        assert_eq!(second.status, status);
    }
}

#[tokio::test]
async fn a_version_with_live_runs_cannot_be_deleted() {
    let bench = Bench::with(&[Active, Active]).await;
    let first = bench.version(1).await.id;
    let by_number = bench.execute(bench.head, Some(1)).await.expect("it runs").run.id;
    let by_id = bench.execute(first, None).await.expect("it runs").run.id;
    bench.execute(bench.head, None).await.expect("another version runs");

    let refused = bench
        .uses
        .delete_version
        .execute(&Expected::Any, bench.head, 1, &Actor::named("me"))
        .await
        .expect_err("it is executed");
    assert!(matches!(refused, DeleteVersionError::LiveRuns(_)));
    let message = "Version 1 of workflow 'w' has 2 pending or running runs and cannot be deleted";
    assert_eq!(refused.to_string(), message);
    let refused = bench.uses.delete_workflow.execute(&Expected::Any, first, &Actor::named("me")).await;
    assert!(matches!(refused, Err(DeleteWorkflowError::LiveRuns(ref live)) if live.live == 2));

    for run in [by_number, by_id] {
        bench.uses.cancel_run.execute(&run, None, &Actor::named("me")).await.expect("cancelled");
    }
    for _ in 0..2 {
        let deleted = bench
            .uses
            .delete_version
            .execute(&Expected::Any, bench.head, 1, &Actor::named("me"))
            .await
            .expect("deleted");
        assert_eq!((deleted.id, deleted.status), (first, Deleted));
    }
    assert_eq!(bench.executed(None).await, Ok(2));
    let message = "Version 1 of workflow 'w' is not active (status: deleted)";
    assert_eq!(bench.executed(Some(1)).await, Err(message.to_owned()));
}

#[tokio::test]
async fn the_newest_of_several_versions_cannot_be_deleted_without_the_workflow() {
    let bench = Bench::with(&[Active, Active]).await;
    let refused = bench.uses.delete_version.execute(&Expected::Any, bench.head, 2, &Actor::named("me")).await;
    assert!(matches!(refused, Err(DeleteVersionError::Newest { version: 2, .. })));
    let alone = Bench::with(&[Active]).await;
    alone.uses.delete_version.execute(&Expected::Any, alone.head, 1, &Actor::named("me")).await.expect("deleted");
    assert_eq!(alone.executed(None).await, Err("Workflow 'w' is not active (status: deleted)".to_owned()));
}

#[tokio::test]
async fn deleting_a_workflow_leaves_its_runs_alone() {
    let bench = Bench::with(&[Active, Active]).await;
    bench.execute(bench.head, None).await.expect("it runs");
    let deleted =
        bench.uses.delete_workflow.execute(&Expected::Any, bench.head, &Actor::named("me")).await.expect("deleted");
    assert_eq!((deleted.status, bench.version(1).await.status), (Deleted, Active));
}

#[tokio::test]
async fn two_versions_are_compared_in_either_direction() {
    let bench = Bench::with(&[Active, Draft]).await;
    let forth = bench.uses.compare_versions.execute(bench.head, 1, 2).await.expect("compared");
    assert_eq!((forth.from.version, forth.to.version), (1, 2));
    assert_eq!(
        (&forth.difference.steps_added, &forth.difference.steps_changed),
        (&vec!["s2".into()], &vec!["s1".into()])
    );
    let back = bench.uses.compare_versions.execute(bench.head, 2, 1).await.expect("compared");
    assert_eq!(back.difference.steps_removed, ["s2"]);
    let unknown = bench.uses.compare_versions.execute(bench.head, 1, 3).await;
    assert!(matches!(unknown, Err(GetVersionError::NoVersion { version: 3, .. })));
}

#[tokio::test]
async fn a_rollback_is_a_new_version_with_the_old_content() {
    let bench = Bench::with(&[Archived, Active]).await;
    let old = bench.version(1).await;
    let rolled =
        bench.uses.roll_back_workflow.execute(bench.head, 1, None, &Actor::named("you")).await.expect("rolled back");
    assert_eq!((rolled.id, rolled.version, rolled.status), (bench.head, 3, Active));
    assert_eq!(rolled.change_summary, summary("Rolled back to version 1"));
    assert_eq!((&rolled.document.steps, &rolled.description), (&old.document.steps, &old.description));
    assert_eq!(bench.version(1).await, old);
    assert_eq!(bench.executed(None).await, Ok(3));
    let again = bench
        .uses
        .roll_back_workflow
        .execute(old.id, 2, summary("better"), &Actor::named("you"))
        .await
        .expect("rolled back");
    assert_eq!((again.id, again.version, again.change_summary), (bench.head, 4, summary("better")));
    let unknown = bench.uses.roll_back_workflow.execute(bench.head, 9, None, &Actor::named("you")).await;
    assert!(matches!(unknown, Err(RollBackWorkflowError::Version(GetVersionError::NoVersion { version: 9, .. }))));
}

#[tokio::test]
async fn a_rollback_is_checked_as_any_other_version() {
    let bench = Bench::with(&[Active, Active]).await;
    let idle = AgentChanges { status: Some(AgentStatus::Inactive), ..AgentChanges::default() };
    bench.uses.update_agent.execute(bench.agent, &idle, &Actor::named("me")).await.expect("changed");
    let refused = bench.uses.roll_back_workflow.execute(bench.head, 1, None, &Actor::named("you")).await;
    let Err(RollBackWorkflowError::Update(UpdateWorkflowError::Refused(refused))) = refused else { panic!("accepted") };
    assert!(refused.only_agents());
    assert_eq!(bench.store.version(bench.head, 3).await.expect("the store works"), None);
}
