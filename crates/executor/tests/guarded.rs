//! Guarded agents in the whole engine: limits and circuit breakers, over the memory store and scripted agents, in virtual time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    agents::{AgentChanges, NewAgent},
    plans::PlanCache,
    workflows::NewWorkflow,
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::Actor,
    agents::{
        Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, BreakerNews, CallLimit, CircuitBreakerConfig,
        OnOpen, RetryPolicy, WaitingCall, WaitsFor,
    },
    ids::{AgentId, ExecutorId, RunId, WorkflowId},
    payload::Payload,
    ports::{
        AgentGateway, AgentHealth, AgentTraffic, Clock, Duties, Engine, IdGenerator, Monitoring, NoSpans, Requests,
        Runs, StoreError, TrafficRecord, TrafficView,
    },
    runs::{AgentRequest, CallFailure, CallIds, CallOutcome, FailureKind, MonitoringUpdate, RunStatus},
    workflows::{RunLimits, StepDocument, WorkflowName, WorkflowStatus},
};
use executor::{
    CommitQueue, EngineConfig, EngineHandle, EnginePorts, FeedHub, FleetPorts, LEASE, Membership, WatchHub,
};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One agent for all executors: it takes a moment for each call, counts them, and fails while it is told to.
#[derive(Default)]
struct Scripted {
    broken: AtomicBool,
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// The run of each call, with the time.
    calls: Mutex<Vec<(RunId, Instant)>>,
    silent: AtomicBool,
}

/// A call under way, which is over when it is dropped too.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Scripted {
    fn calls(&self) -> Vec<(RunId, Instant)> {
        self.calls.lock().expect("not poisoned").clone()
    }

    fn order(&self) -> Vec<RunId> {
        self.calls().into_iter().map(|(run, _)| run).collect()
    }
}

#[async_trait]
impl AgentGateway for Scripted {
    async fn call(&self, _: &Agent, call: &AgentRequest) -> CallOutcome {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        let _call = UnderWay(&self.under_way);
        self.most.fetch_max(under_way, Ordering::Relaxed);
        self.calls.lock().expect("not poisoned").push((call.run.clone(), Instant::now()));
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if self.broken.load(Ordering::Relaxed) {
            let (message, definite) = ("HTTP 500 from the agent".to_owned(), false);
            let kind = FailureKind::Status(500);
            let failure = CallFailure { kind, message, definite, retry_after: None, permanent: false, passing: true };
            return CallOutcome::Failed(failure);
        }
        CallOutcome::Completed(call.input.clone())
    }

    async fn cancel(&self, _: &Agent, _: &CallIds) {}

    async fn health(&self, _: &Agent) -> AgentHealth {
        AgentHealth { card: None, message: String::new(), response_time: None }
    }
}

/// Time goes on with the runtime's, which jumps to the next timer when nobody has anything to do.
struct VirtualTime(Instant);

impl Clock for VirtualTime {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.0.elapsed()
    }
}

/// The way of one process to the others, which can be cut.
struct Way {
    store: Arc<MemoryStore>,
    cut: AtomicBool,
}

impl Way {
    fn open(&self) -> Result<&MemoryStore, StoreError> {
        let is_cut = self.cut.load(Ordering::Relaxed);
        if is_cut { Err(StoreError::Unavailable("it is cut".to_owned())) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl AgentTraffic for Way {
    async fn read(&self, agents: &[AgentId]) -> Result<TrafficView, StoreError> {
        self.open()?.read(agents).await
    }

    async fn write(&self, records: &[TrafficRecord]) -> Result<Vec<AgentId>, StoreError> {
        self.open()?.write(records).await
    }
}

/// What those who watch are told of breakers.
#[derive(Default)]
struct Watching(Mutex<Vec<String>>);

impl Monitoring for Watching {
    fn report(&self, _: MonitoringUpdate) {}

    fn breaker_changed(&self, news: BreakerNews) {
        let told = format!("{} {}", news.agent, news.change.to.as_str());
        self.0.lock().expect("not poisoned").push(told);
    }
}

/// Several processes on one store, and an agent.
struct House {
    store: Arc<MemoryStore>,
    agent: Arc<Scripted>,
    watching: Arc<Watching>,
    clock: Arc<dyn Clock>,
}

struct Process {
    uses: UseCases,
    engine: EngineHandle,
    me: ExecutorId,
    /// Stops its heart, as a death does.
    heart: CancellationToken,
    way: Arc<Way>,
}

impl House {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            agent: Arc::default(),
            watching: Arc::default(),
            clock: Arc::new(VirtualTime(Instant::now())),
        }
    }

    /// A member of the fleet.
    async fn process(&self, seed: u64) -> Process {
        let store = self.store.clone();
        let ids: Arc<dyn IdGenerator> = Arc::new(SequentialIds::new(seed));
        let fleet =
            FleetPorts { fleet: store.clone(), leases: store.clone(), clock: self.clock.clone(), ids: ids.clone() };
        let duties = Duties { executes: true, relays: false, requests: Requests::Ignores };
        let (membership, heart) = Membership::join(fleet, duties, LEASE).await.expect("joined");
        let stop = CancellationToken::new();
        // A heart that is dropped leaves nothing in order, as that of a process that was killed.
        let (beating, killed) = (heart.beat_on(CancellationToken::new()), stop.clone());
        drop(tokio::task::spawn_local(async move { killed.run_until_cancelled(beating).await }));
        let plans = Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas)));
        let (queue, writer) = CommitQueue::new(store.clone());
        drop(tokio::task::spawn_local(writer));
        let way = Arc::new(Way { store: store.clone(), cut: AtomicBool::new(false) });
        let ports = EnginePorts {
            spans: Arc::new(NoSpans),
            workflows: store.clone(),
            agents: store.clone(),
            runs: store.clone(),
            leases: store.clone(),
            inbox: store.clone(),
            call_tokens: None,
            gateway: self.agent.clone(),
            traffic: way.clone(),
            clock: self.clock.clone(),
            ids: ids.clone(),
            plans: plans.clone(),
            monitoring: Some(self.watching.clone()),
            doorbell: None,
        };
        // A drain waits in real time.
        let config = EngineConfig { drain_for: Duration::ZERO, ..EngineConfig::default() };
        let me = membership.me();
        let engine = executor::spawn(membership, ports, queue.clone(), config);
        let uses = UseCases::new(&Ports {
            agents: store.clone(),
            workflows: store.clone(),
            transactions: store.clone(),
            runs: store.clone(),
            watch: Arc::new(WatchHub::new(store.clone())),
            feed: store.clone(),
            feed_watch: Arc::new(FeedHub::new(store.clone())),
            inbox: store.clone(),
            leases: store.clone(),
            fleet: None,
            dead_letters: store.clone(),
            audit: store.clone(),
            schedules: store.clone(),
            calendar: Arc::new(domain::ports::NoCalendar),
            writer: Arc::new(queue),
            gateway: self.agent.clone(),
            traffic: store.clone(),
            engine: Arc::new(engine.clone()),
            clock: self.clock.clone(),
            ids,
            plans,
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: domain::agents::Networks::default(),
            external: None,
        });
        Process { uses, engine, me, heart: stop, way }
    }

    async fn until(&self, run: &RunId, wanted: RunStatus) {
        let reached = async {
            while self.store.get(run).await.expect("memory").expect("a run").status != wanted {
                tick().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(10), reached).await.expect("the run gets there in time");
    }

    async fn error(&self, run: &RunId) -> String {
        self.store.get(run).await.expect("memory").expect("a run").error.unwrap_or_default()
    }
}

/// Lets everybody do what there is to do, and a little time pass.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

fn breaker(on_open: OnOpen) -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        enabled: true,
        failure_threshold: 5,
        failure_rate_threshold: 0.5,
        timeout_seconds: 60,
        half_open_max_calls: 3,
        window_size_seconds: 120,
        on_open,
    }
}

impl Process {
    /// The calls of a run of its own that it keeps from their agents.
    fn waiting_of(&self, run: &RunId) -> Vec<WaitingCall> {
        self.engine.waiting_of(self.me, run).expect("it is its own")
    }

    /// The agent, and a workflow of one step by it.
    async fn set_up(&self, limit: Option<u32>, breaker: Option<CircuitBreakerConfig>) -> (AgentId, WorkflowId) {
        let agent = NewAgent {
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://agent/").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::new(1, 100, 1_000, 1.0).expect("valid"),
            retry_strategy: None,
            circuit_breaker: breaker,
            max_concurrent_calls: limit.map(|limit| CallLimit::parse(limit).expect("a limit")),
            schemas: AgentSchemas::default(),
        };
        let agent = self.uses.create_agent.execute(agent, &Actor::system()).await.expect("registered").id;
        (agent, self.workflow("w").await)
    }

    async fn workflow(&self, name: &str) -> WorkflowId {
        let step = json!({"id": "s", "agent_name": "A", "input_mapping": {"x": 1}, "next_step": null});
        let step: StepDocument = serde_json::from_value(step).expect("a step");
        let new = NewWorkflow {
            name: WorkflowName::parse(name).expect("a name"),
            description: None,
            start_step: "s".into(),
            steps: BTreeMap::from([("s".into(), step)]),
            input_schema: None,
            output: None,
            on_complete: None,
            limits: RunLimits::default(),
            status: WorkflowStatus::Active,
            change_summary: None,
        };
        self.uses.create_workflow.execute(new, &Actor::named("test")).await.expect("created").id
    }

    async fn start(&self, workflow: WorkflowId) -> RunId {
        self.uses.execute_workflow.execute(workflow, Payload::empty(), &Actor::named("test")).await.expect("started").id
    }

    /// Three runs at a silent agent with a limit of one: the first one's call is under way, the others' wait.
    async fn one_called_two_waiting(&self, house: &House, workflow: WorkflowId) -> [RunId; 3] {
        house.agent.silent.store(true, Ordering::Relaxed);
        let first = self.start(workflow).await;
        while house.agent.calls().is_empty() {
            tick().await;
        }
        let (second, third) = (self.start(workflow).await, self.start(workflow).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        [first, second, third]
    }

    async fn start_all(&self, workflow: WorkflowId, runs: usize) -> Vec<RunId> {
        let mut started = Vec::new();
        for _ in 0..runs {
            started.push(self.start(workflow).await);
        }
        started
    }

    async fn state(&self, agent: AgentId) -> (&'static str, u32, u32) {
        let seen = self.uses.get_agent.execute(agent).await.expect("an agent").observation.expect("it is guarded");
        (seen.breaker.phase().as_str(), seen.calls.in_flight, seen.calls.waiting)
    }

    /// The process ends, its calls with it, and tells nobody what it holds.
    async fn kill(self) {
        self.heart.cancel();
        self.way.cut.store(true, Ordering::Relaxed);
        self.engine.drain().await;
    }
}

/// Runs a test on a local set, so that its background work ends with it, in virtual time.
fn test<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), body)
}

#[test]
fn an_agent_never_has_more_calls_than_its_limit_from_all_executors_together() {
    test(async {
        let house = House::new();
        let (one, other) = (house.process(1).await, house.process(2).await);
        let (_, workflow) = one.set_up(Some(4), None).await;
        let mut runs = one.start_all(workflow, 60).await;
        runs.extend(other.start_all(workflow, 60).await);
        for run in &runs {
            house.until(run, RunStatus::Completed).await;
        }
        let most = house.agent.most.load(Ordering::Relaxed);
        assert!((1..=4).contains(&most), "{most} calls at once");
        let ends = house.agent.calls().iter().map(|(_, at)| *at).max().expect("calls");
        let took = ends - house.agent.calls()[0].1;
        // Alone it would take three seconds: 120 calls of 100 ms, four at once.
        assert!(took < Duration::from_secs(6), "the limit is used while shares move: {took:?}");
    });
}

#[test]
fn the_share_of_an_executor_that_dies_is_used_by_the_others_and_the_limit_kept() {
    test(async {
        let house = House::new();
        let (one, other) = (house.process(1).await, house.process(2).await);
        let (agent, workflow) = one.set_up(Some(3), None).await;
        house.agent.silent.store(true, Ordering::Relaxed);
        one.start_all(workflow, 10).await;
        while house.agent.calls().len() < 3 {
            tick().await;
        }
        let rest = other.start_all(workflow, 10).await;
        one.kill().await;
        house.agent.silent.store(false, Ordering::Relaxed);
        for run in &rest {
            house.until(run, RunStatus::Completed).await;
        }
        assert_eq!(house.agent.most.load(Ordering::Relaxed), 3);
        assert_eq!(other.state(agent).await.0, "closed");
    });
}

#[test]
fn runs_of_a_workflow_do_not_wait_for_all_those_of_another() {
    test(async {
        let house = House::new();
        let process = house.process(1).await;
        let (_, many) = process.set_up(Some(1), None).await;
        let few = process.workflow("few").await;
        process.start_all(many, 50).await;
        let single = process.start(few).await;
        house.until(&single, RunStatus::Completed).await;
        let before = house.agent.order().iter().position(|run| *run == single).expect("it was called");
        assert!(before <= 3, "{before} calls before it");
    });
}

#[test]
fn a_call_that_waits_says_what_for_and_a_cancellation_ends_its_wait() {
    test(async {
        let house = House::new();
        let process = house.process(1).await;
        let (agent, workflow) = process.set_up(Some(1), None).await;
        let [first, second, third] = process.one_called_two_waiting(&house, workflow).await;
        let waiting = process.waiting_of(&second);
        assert_eq!((waiting.len(), waiting[0].agent.as_str(), waiting[0].path.to_string()), (1, "A", "s".to_owned()));
        assert_eq!(waiting[0].on, WaitsFor::Limit { limit: CallLimit::parse(1).expect("a limit") });
        assert_eq!((process.waiting_of(&first), process.state(agent).await), (vec![], ("closed", 1, 2)));

        process.uses.cancel_run.execute(&second, None, &Actor::named("test")).await.expect("cancelled");
        while !process.waiting_of(&second).is_empty() {
            tick().await;
        }
        house.agent.silent.store(false, Ordering::Relaxed);
        process.uses.cancel_run.execute(&first, None, &Actor::named("test")).await.expect("cancelled");
        house.until(&third, RunStatus::Completed).await;
        assert_eq!(house.agent.order(), [first, third], "a call that is cut gives its share back");
    });
}

#[test]
fn a_call_that_waits_when_its_run_is_paused_leaves_once_the_run_goes_on() {
    test(async {
        let house = House::new();
        let process = house.process(1).await;
        let (_, workflow) = process.set_up(Some(1), None).await;
        let [first, second, third] = process.one_called_two_waiting(&house, workflow).await;
        process.uses.pause_run.pause(&second, &Actor::named("test")).await.expect("paused");
        tokio::time::sleep(Duration::from_secs(1)).await;
        house.agent.silent.store(false, Ordering::Relaxed);
        process.uses.cancel_run.execute(&first, None, &Actor::named("test")).await.expect("cancelled");
        house.until(&third, RunStatus::Completed).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(house.agent.order(), [first.clone(), third.clone()], "nothing leaves a paused run");
        process.uses.pause_run.unpause(&second, &Actor::named("test")).await.expect("it goes on");
        house.until(&second, RunStatus::Completed).await;
        assert_eq!(house.agent.order(), [first, third, second]);
    });
}

#[test]
fn an_open_breaker_costs_the_agent_nothing_and_is_seen_by_all_executors_within_a_second() {
    test(async {
        let house = House::new();
        let (one, other) = (house.process(1).await, house.process(2).await);
        let (agent, workflow) = one.set_up(None, Some(breaker(OnOpen::Fail))).await;
        house.agent.broken.store(true, Ordering::Relaxed);
        // The other one knows the agent too, as one whose breaker is closed.
        let known = other.start(workflow).await;
        house.until(&known, RunStatus::Failed).await;
        for _ in 0..4 {
            let run = one.start(workflow).await;
            house.until(&run, RunStatus::Failed).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(other.state(agent).await.0, "open");
        let made = house.agent.calls().len();
        for process in [&one, &other] {
            for run in process.start_all(workflow, 20).await {
                house.until(&run, RunStatus::Failed).await;
                let error = house.error(&run).await;
                assert!(error.ends_with("Circuit breaker is OPEN for agent 'A'"), "{error}");
            }
        }
        assert_eq!(house.agent.calls().len(), made, "nothing is sent");
        assert_eq!(*house.watching.0.lock().expect("not poisoned"), ["A open"], "it is told once");
    });
}

#[test]
fn calls_that_wait_for_a_breaker_go_on_by_themselves_after_a_few_have_tried() {
    test(async {
        let house = House::new();
        let (one, other) = (house.process(1).await, house.process(2).await);
        let (agent, workflow) = one.set_up(None, Some(breaker(OnOpen::Wait))).await;
        house.agent.broken.store(true, Ordering::Relaxed);
        for _ in 0..5 {
            let run = one.start(workflow).await;
            house.until(&run, RunStatus::Failed).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut runs = one.start_all(workflow, 10).await;
        runs.extend(other.start_all(workflow, 10).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((house.agent.calls().len(), other.state(agent).await), (5, ("open", 0, 20)));
        let waiting = one.waiting_of(&runs[0]);
        assert!(matches!(waiting[0].on, WaitsFor::Breaker { until: Some(_) }), "{waiting:?}");

        // The agent does not answer yet when its time is over: those who tried have failed, and nobody else has tried.
        let failed = async {
            while house.watching.0.lock().expect("not poisoned").len() < 3 {
                tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(70), failed).await.expect("the breaker opens again");
        let tried = house.agent.calls().len() - 5;
        assert!((1..=3).contains(&tried), "{tried} calls have tried");

        house.agent.broken.store(false, Ordering::Relaxed);
        let mut done = 0;
        for run in &runs {
            let over = async {
                while !house.store.get(run).await.expect("memory").expect("a run").status.is_terminal() {
                    tick().await;
                }
            };
            tokio::time::timeout(Duration::from_mins(5), over).await.expect("nobody waits for ever");
            let status = house.store.get(run).await.expect("memory").expect("a run").status;
            done += usize::from(status == RunStatus::Completed);
        }
        assert_eq!(done, runs.len() - tried, "all others have waited and succeeded");
        let told = house.watching.0.lock().expect("not poisoned").clone();
        assert_eq!(told, ["A open", "A half_open", "A open", "A half_open", "A closed"]);
        let called: BTreeSet<_> = house.agent.order().into_iter().collect();
        assert_eq!(called.len(), 25, "no run is called twice");
    });
}

#[test]
fn calls_that_wait_for_a_breaker_go_on_once_it_is_switched_off_and_fail_once_their_agent_is() {
    test(async {
        let house = House::new();
        let process = house.process(1).await;
        let (agent, workflow) = process.set_up(None, Some(breaker(OnOpen::Wait))).await;
        house.agent.broken.store(true, Ordering::Relaxed);
        for _ in 0..5 {
            let run = process.start(workflow).await;
            house.until(&run, RunStatus::Failed).await;
        }
        let waits = process.start(workflow).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(process.waiting_of(&waits).len(), 1);
        house.agent.broken.store(false, Ordering::Relaxed);
        let off = AgentChanges { circuit_breaker: Some(None), ..AgentChanges::default() };
        process.uses.update_agent.execute(agent, &off, &Actor::named("test")).await.expect("changed");
        let since = Instant::now();
        house.until(&waits, RunStatus::Completed).await;
        assert!(since.elapsed() < Duration::from_secs(3), "it took {:?}", since.elapsed());

        let on = AgentChanges { circuit_breaker: Some(Some(breaker(OnOpen::Wait))), ..AgentChanges::default() };
        process.uses.update_agent.execute(agent, &on, &Actor::named("test")).await.expect("changed");
        house.agent.broken.store(true, Ordering::Relaxed);
        for _ in 0..5 {
            let run = process.start(workflow).await;
            house.until(&run, RunStatus::Failed).await;
        }
        let waits = process.start(workflow).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let inactive = AgentChanges { status: Some(AgentStatus::Inactive), ..AgentChanges::default() };
        process.uses.update_agent.execute(agent, &inactive, &Actor::named("test")).await.expect("changed");
        house.until(&waits, RunStatus::Failed).await;
        assert!(house.error(&waits).await.contains("is not active"), "{}", house.error(&waits).await);
    });
}

#[test]
fn agents_without_a_limit_and_a_breaker_are_not_counted() {
    test(async {
        let house = House::new();
        let process = house.process(1).await;
        let (agent, workflow) = process.set_up(None, None).await;
        for run in process.start_all(workflow, 20).await {
            house.until(&run, RunStatus::Completed).await;
        }
        assert_eq!(house.agent.most.load(Ordering::Relaxed), 20);
        assert_eq!(process.uses.get_agent.execute(agent).await.expect("an agent").observation, None);
    });
}
