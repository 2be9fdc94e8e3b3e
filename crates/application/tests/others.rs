//! Runs that other systems ask for, events that they tell of, and runs that the existing executor does, over the memory store.

use std::{collections::BTreeMap, sync::Arc};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    External, Ports, UseCases,
    agents::NewAgent,
    plans::PlanCache,
    runs::{ExecuteWorkflowError, MAX_EVENT_BYTES, ServeEvents, ServeRequests},
    workflows::NewWorkflow,
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::Actor,
    agents::{AgentAuth, AgentName, AgentSchemas, AgentUrl, RetryPolicy},
    ids::{RunId, StepPath, WorkflowId},
    payload::Payload,
    ports::{
        Appended, EventHandler, Handled, MockAgentGateway, MockEngine, MockExternalRuns, MockFeedWatch, MockRunFeed,
        MockRunInbox, MockRunWatch, MockRunWriter, Overloaded, RequestHandler, RunWriter, Runs, StoreError, Then,
    },
    runs::{
        CancellationRequest, CommitOutcome, ExecutionRequest, RaisedEvent, Receivers, Run, RunCommit, RunEngine,
        RunStatus,
    },
    workflows::{StepDocument, WorkflowName, WorkflowStatus},
};
use serde_json::{Value, json};

struct AtOnce(Arc<MemoryStore>);

#[async_trait]
impl RunWriter for AtOnce {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        let outcome = self.0.commit_now(&[commit])[0];
        then(outcome);
        Ok(outcome)
    }
}

fn ports(store: &Arc<MemoryStore>, external: Option<External>) -> Ports {
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
        external,
    }
}

struct Bench {
    store: Arc<MemoryStore>,
    requests: ServeRequests,
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let requests = ServeRequests::new(&ports(&store, None));
        Self { store, requests }
    }

    async fn ask(&self, run: &str, plan: Value) -> Handled {
        let request = ExecutionRequest { run: id(run), plan, input: Payload::empty(), from: None };
        self.requests.execution(request).await
    }

    async fn cancel(&self, run: &str) -> Handled {
        self.requests.cancellation(CancellationRequest { run: id(run), by: None, reason: Some("late".into()) }).await
    }

    async fn run(&self, run: &str) -> Option<Run> {
        self.store.get(&id(run)).await.expect("the store works")
    }
}

fn id(run: &str) -> RunId {
    RunId::parse(run).expect("an id")
}

fn plan() -> Value {
    json!({"workflow_id": "wf-x-1", "name": "x", "version": "1", "start_step": "a",
           "steps": {"a": {"id": "a", "agent_name": "A", "input_mapping": {}}}})
}

#[tokio::test]
async fn a_request_makes_a_run_and_its_double_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.ask("run-1", plan()).await, Handled::Done);
    let run = bench.run("run-1").await.expect("it is there");
    assert_eq!((run.status, run.engine, run.workflow.as_str()), (RunStatus::Pending, RunEngine::Orrery, "wf-x-1"));

    assert_eq!(bench.ask("run-1", plan()).await, Handled::Done);
    assert_eq!(bench.run("run-1").await, Some(run));
}

#[tokio::test]
async fn what_is_no_plan_is_refused_for_good() {
    let bench = Bench::new();
    let Handled::Refused(reason) = bench.ask("run-1", json!({"steps": {}})).await else { panic!("it is no plan") };
    assert_eq!(reason, "the workflow plan has no start_step");
    assert_eq!(bench.run("run-1").await, None);
}

#[tokio::test]
async fn a_plan_that_cannot_be_executed_makes_a_run_that_says_why() {
    let bench = Bench::new();
    let endless =
        json!({"start_step": "a", "steps": {"a": {"agent_name": "A", "input_mapping": {}, "next_step": "a"}}});
    assert_eq!(bench.ask("run-1", endless).await, Handled::Done);
    let run = bench.run("run-1").await.expect("it is there");
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.as_deref().is_some_and(|error| error.contains("a -> a")), "{:?}", run.error);
}

#[tokio::test]
async fn a_cancellation_that_comes_first_is_remembered() {
    let bench = Bench::new();
    assert_eq!(bench.cancel("run-1").await, Handled::Done);
    assert_eq!(bench.ask("run-1", plan()).await, Handled::Done);
    let run = bench.run("run-1").await.expect("it is there");
    assert_eq!((run.status, run.cancelled_by.as_deref()), (RunStatus::Cancelled, Some("system")));
    assert_eq!(run.error.as_deref(), Some("Cancelled: late"));
}

#[tokio::test]
async fn a_store_that_is_full_has_the_request_given_again() {
    let store = Arc::new(MemoryStore::new());
    let mut writer = MockRunWriter::new();
    writer.expect_write_then().returning(|_, _| Err(Overloaded));
    let requests = ServeRequests::new(&Ports { writer: Arc::new(writer), ..ports(&store, None) });
    let request = ExecutionRequest { run: id("run-1"), plan: plan(), input: Payload::empty(), from: None };
    assert!(matches!(requests.execution(request).await, Handled::Later(_)));
}

fn event(to: Receivers, data: Value) -> RaisedEvent {
    RaisedEvent { name: "paid".into(), to, data: Payload::new(data).expect("storable"), id: "kafka/t/0/7".into() }
}

fn to_run(run: &str) -> RaisedEvent {
    event(Receivers::Run(id(run)), json!({"n": 1}))
}

fn waiting(correlation: &str) -> Receivers {
    Receivers::Waiting { correlation: correlation.into() }
}

fn refusal(handled: Handled) -> String {
    let Handled::Refused(reason) = handled else { panic!("it is not refused: {handled:?}") };
    reason
}

#[tokio::test]
async fn an_event_is_told_to_its_run_and_without_one_to_be_told_it_is_refused_for_good() {
    let bench = Bench::new();
    let events = ServeEvents::new(&ports(&bench.store, None));
    assert_eq!(bench.ask("run-1", plan()).await, Handled::Done);
    assert_eq!(events.event(to_run("run-1")).await, Handled::Done);
    assert_eq!(events.event(to_run("run-1")).await, Handled::Done, "given again");

    assert_eq!(refusal(events.event(to_run("run-2")).await), "Run with id 'run-2' not found");
    let large = event(Receivers::Run(id("run-1")), "x".repeat(MAX_EVENT_BYTES).into());
    assert!(refusal(events.event(large).await).contains("more than the limit of 65536"));
    assert_eq!(bench.cancel("run-1").await, Handled::Done);
    assert!(refusal(events.event(to_run("run-1")).await).contains("Current status: CANCELLED"));
}

#[tokio::test]
async fn an_event_without_a_run_is_told_to_the_steps_that_wait_with_its_correlation() {
    let store = Arc::new(MemoryStore::new());
    let mut inbox = MockRunInbox::new();
    inbox.expect_waiting_for().withf(|event, correlation, _| (event, correlation) == ("paid", "c")).returning(
        |_, _, _| {
            let path = |path| StepPath::parse(path).expect("a path");
            Ok(vec![(id("run-1"), path("a")), (id("run-1"), path("b")), (id("run-2"), path("a"))])
        },
    );
    inbox
        .expect_append()
        .withf(|note, _| note.dedupe.starts_with("event-"))
        .times(3)
        .returning(|_, _| Ok(Appended::Waiting));
    inbox.expect_waiting_for().returning(|_, _, _| Ok(Vec::new()));
    let events = ServeEvents::new(&Ports { inbox: Arc::new(inbox), ..ports(&store, None) });
    assert_eq!(events.event(event(waiting("c"), json!({}))).await, Handled::Done);
    assert_eq!(events.event(event(waiting("d"), json!({}))).await, Handled::Done, "nobody waits");
}

#[tokio::test]
async fn a_store_that_is_away_has_the_event_given_again() {
    let store = Arc::new(MemoryStore::new());
    let mut inbox = MockRunInbox::new();
    inbox.expect_waiting_for().returning(|_, _, _| Err(StoreError::Unavailable("no connection".into())));
    let events = ServeEvents::new(&Ports { inbox: Arc::new(inbox), ..ports(&store, None) });
    assert!(matches!(events.event(event(waiting(""), json!({}))).await, Handled::Later(_)));
}

/// A workflow of one step with this mapping, where new runs are the existing executor's.
async fn external(runs: MockExternalRuns, mapping: Value) -> (UseCases, WorkflowId) {
    let store = Arc::new(MemoryStore::new());
    let uses = UseCases::new(&ports(&store, Some(External { runs: Arc::new(runs), takes_new_runs: true })));
    let agent = NewAgent {
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
    };
    uses.create_agent.execute(agent, &Actor::system()).await.expect("registered");
    let step = StepDocument {
        id: "a".into(),
        agent_name: Some("A".into()),
        input_mapping: mapping.as_object().cloned(),
        ..StepDocument::default()
    };
    let workflow = NewWorkflow {
        name: WorkflowName::parse("w").expect("a name"),
        description: None,
        start_step: "a".into(),
        steps: BTreeMap::from([("a".to_owned(), step)]),
        limits: domain::workflows::RunLimits::default(),
        input_schema: None,
        output: None,
        on_complete: None,
        status: WorkflowStatus::Active,
        change_summary: None,
    };
    let created = uses.create_workflow.execute(workflow, &Actor::named("me")).await.expect("created");
    (uses, created.id)
}

#[tokio::test]
async fn a_run_of_the_existing_executor_is_stored_for_it_and_not_for_ours() {
    let mut runs = MockExternalRuns::new();
    runs.expect_start().once().returning(|_| Ok(CommitOutcome::Committed));
    let (uses, workflow) = external(runs, json!({})).await;
    let run = uses.execute_workflow.execute(workflow, Payload::empty(), &Actor::named("me")).await.expect("started");
    assert_eq!((run.engine, run.status, run.plan), (RunEngine::External, RunStatus::Pending, None));
}

#[tokio::test]
async fn what_the_existing_executor_would_drop_is_refused_with_its_place() {
    let (uses, workflow) = external(MockExternalRuns::new(), json!({"n": 1})).await;
    let refused =
        uses.execute_workflow.execute(workflow, Payload::empty(), &Actor::named("me")).await.expect_err("it cannot");
    assert!(matches!(refused, ExecuteWorkflowError::NotForExternal(_)));
    assert!(refused.to_string().contains("/steps/a/input_mapping/n"), "{refused}");
}

#[tokio::test]
async fn a_request_that_the_bus_would_not_take_is_refused_with_its_size() {
    let (uses, workflow) = external(MockExternalRuns::new(), json!({})).await;
    let large = Payload::new(json!({"text": "x".repeat(900_000)})).expect("storable");
    let refused =
        uses.execute_workflow.execute(workflow, large, &Actor::named("me")).await.expect_err("it is too large");
    assert!(matches!(refused, ExecuteWorkflowError::TooLargeForExternal(bytes) if bytes > 900_000), "{refused}");
}

#[tokio::test]
async fn a_run_without_events_is_cancelled_where_the_existing_executor_finds_it() {
    let mut runs = MockExternalRuns::new();
    runs.expect_cancel().once().returning(|_| Ok(CommitOutcome::Gone));
    let (uses, _) = external(runs, json!({})).await;
    let refused =
        uses.cancel_run.execute(&id("run-unknown"), None, &Actor::named("me")).await.expect_err("there is none");
    assert_eq!(refused.to_string(), "Run with id 'run-unknown' not found");
}
