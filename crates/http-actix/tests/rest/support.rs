//! A REST API over a memory store, and a client that checks every answer against the API's own description.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App,
    body::to_bytes,
    dev::Service,
    http::{Method, StatusCode, header::HeaderMap},
    test::{TestRequest, init_service},
};
use adapters_auth::{AeadVault, Biscuits, DatalogPolicy, HmacDigests, Keyring};
use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    access::{AccessPorts, AccessUseCases, Authorize, Gate, OpenGate},
    once::{KEEP_ANSWERS, Once, OncePorts},
    plans::PlanCache,
    webhooks::WebhookUseCases,
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{Actor, PasswordHash},
    agents::{Agent, AgentName, Networks, Outcomes, Report, Secret, Traffic, WaitingCall},
    audit::{Action, AuditEntry, Changes, Entity},
    idempotency::IdempotencyKey,
    ids::{AttemptId, AuditId, CommitId, DeadLetterId, ExecutorId, RunId, Seq, StepId, StepPath},
    payload::Payload,
    ports::{
        Adopted, AgentCard, AgentGateway, AgentHealth, AgentTraffic, Agents, Claim, Clock, DeadLetters, Engine,
        IdGenerator, IdempotencyKeys, Overloaded, Passwords, RunWriter, Standing, StoreError, Then, TrafficRecord,
        TrafficView, Workflows,
    },
    runs::{
        AdvanceRun, AgentRequest, CallIds, CallOutcome, ChildDefinition, ClosedAttempt, CommitOutcome, DeadLetter,
        Outward, Parent, Replay, RunCommit, RunEvent, RunOrigin, RunStatus, RunUpdate, Wake,
    },
    trace::RunTrace,
    workflows::WorkflowName,
};
use http_actix::{AppState, ComponentCheck, Guard, Readiness, RequestDigests, RequestIds, limits::Limits};
use jsonschema::Validator;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::webhooks::Receiver;

/// The description that every answer is checked against.
static DOCUMENT: LazyLock<Value> = LazyLock::new(http_actix::openapi_document);

/// How the world around the API behaves.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others are")]
pub(crate) struct World {
    pub(crate) agents: Option<Arc<dyn Agents>>,
    pub(crate) traffic: Option<Arc<dyn AgentTraffic>>,
    pub(crate) overloaded: bool,
    pub(crate) sick: bool,
    pub(crate) executor: bool,
    pub(crate) gate: Option<Arc<dyn Gate>>,
    /// Everybody is asked by the product's own gate.
    pub(crate) asks: bool,
    pub(crate) networks: Networks,
    pub(crate) limits: Limits,
    /// Who receives what is sent to webhooks.
    pub(crate) receiver: Arc<Receiver>,
}

/// A REST API and all that it stands on.
pub(crate) struct Orrery {
    state: AppState,
    store: MemoryStore,
    pub(crate) clock: VirtualClock,
    pub(crate) access: Arc<AccessUseCases>,
    pub(crate) keys: Arc<Keys>,
}

impl Orrery {
    pub(crate) fn new() -> Self {
        Self::within(World::default())
    }

    pub(crate) fn within(world: World) -> Self {
        Self::over(MemoryStore::new(), world, 7)
    }

    /// Another process over the same store, which has no room for commits.
    pub(crate) fn overloaded(&self) -> Self {
        Self::over(self.store.clone(), World { overloaded: true, ..World::default() }, other_ids())
    }

    /// Another door to the same store, at which somebody is asked.
    pub(crate) fn behind(&self, gate: impl Gate + 'static) -> Self {
        self.behind_any(Arc::new(gate))
    }

    /// The same; the clock of the gate is this server's.
    pub(crate) fn behind_any(&self, gate: Arc<dyn Gate>) -> Self {
        Self::over(self.store.clone(), World { gate: Some(gate), ..World::default() }, other_ids())
    }

    /// What it keeps things in.
    pub(crate) fn store(&self) -> Arc<MemoryStore> {
        Arc::new(self.store.clone())
    }

    fn over(store: MemoryStore, world: World, ids: u64) -> Self {
        let store = Arc::new(store);
        let clock = VirtualClock::new(Timestamp::from_timestamp(1_769_860_800, 123_456_000).expect("a time"));
        let ids: Arc<dyn IdGenerator> = Arc::new(RequestIds::new(Arc::new(SequentialIds::new(ids))));
        let executor = world.executor.then(|| ExecutorId::new(ids.unique()));
        let ports = Ports {
            agents: world.agents.unwrap_or_else(|| store.clone()),
            workflows: store.clone(),
            transactions: store.clone(),
            runs: store.clone(),
            watch: Arc::new(executor::WatchHub::new(store.clone())),
            feed: store.clone(),
            feed_watch: Arc::new(executor::FeedHub::new(store.clone())),
            inbox: store.clone(),
            leases: store.clone(),
            fleet: None,
            dead_letters: store.clone(),
            audit: store.clone(),
            schedules: store.clone(),
            calendar: Arc::new(adapters_cron::CronCalendar),
            traffic: world.traffic.unwrap_or_else(|| store.clone()),
            writer: Arc::new(Writer { store: store.as_ref().clone(), overloaded: world.overloaded }),
            gateway: Arc::new(Gateway),
            engine: Arc::new(NoEngine(executor)),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            plans: Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas))),
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: world.networks,
            external: None,
        };
        let authorize = Authorize::new(&ports, Arc::new(DatalogPolicy::load()));
        let keyring = Keyring::parse(&Keyring::fresh_line("test")).expect("it is a key");
        let access = Arc::new(access(&ports, &store, &keyring));
        let gate: Arc<dyn Gate> = match world.gate {
            Some(gate) => gate,
            None if world.asks => access.clone(),
            None => Arc::new(OpenGate),
        };
        let guard = Guard::new(gate, Arc::new(authorize));
        let (uses, readiness) = (Arc::new(UseCases::new(&ports)), Arc::new(Components(!world.sick)));
        let state = AppState::new(uses, Arc::new(clock.clone()), ids.clone(), readiness, guard);
        let keys =
            Arc::new(Keys { store: store.as_ref().clone(), answers: Mutex::default(), lost: AtomicBool::new(false) });
        let once = OncePorts {
            keys: keys.clone(),
            audit: store.clone(),
            vault: AeadVault::new(&keyring),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
        };
        let state = state.limited(world.limits).with_access(access.clone());
        let webhooks = Arc::new(WebhookUseCases::new(&crate::webhooks::ports(&ports, &store, world.receiver)));
        let state = state.with_webhooks(webhooks);
        let state = state.keeping_answers(Arc::new(Once::new(once, KEEP_ANSWERS)));
        Self { state, store: store.as_ref().clone(), clock, access, keys }
    }

    /// Starts a run of workflow `w` as a step of another run does, and answers its id.
    pub(crate) async fn child(&self, parent: &str, step: &str) -> String {
        let parent = RunId::parse(parent).expect("a run id");
        let path = StepPath::parse(step).expect("a path");
        let name = WorkflowName::parse("w").expect("a name");
        let found = self.store.executable_named(&name, None).await.expect("a store").expect("the workflow is there");
        let run = parent.child(&path, 0);
        let definition = ChildDefinition {
            workflow: found.head,
            name: found.name.as_str().to_owned(),
            version: found.version,
            plan: found.plan,
        };
        let input = Payload::new(json!({})).expect("a payload");
        let parent = Parent { run: parent, path, depth: 1, following: 0 };
        let from = RunTrace::of(&run, None).run(&run);
        let start = definition.start(run.clone(), input, parent, from, self.clock.now());
        let outcomes = self.store.commit_now(&[RunCommit::Start(start)]);
        assert_eq!(outcomes, [CommitOutcome::Committed]);
        run.to_string()
    }

    /// Has agent `A` fail for good at step `one` of a run, as an executor does that takes the run, and answers the id of the
    /// dead letter.
    pub(crate) fn fails(&self, run: &str, reason: &str) -> String {
        let run = RunId::parse(run).expect("a run id");
        let executor = ExecutorId::new(Uuid::nil());
        let claimed = self.store.claim_now(executor, 100, self.clock.now());
        let claimed = claimed.into_iter().find(|claimed| claimed.run == run).expect("the run waits to be claimed");
        let (step, now) = (StepId::parse("one").expect("an id"), self.clock.now());
        let path = step.top_level();
        let seq = Seq::new(claimed.history.iter().map(|record| record.events.len() as u64).sum());
        let closed = ClosedAttempt {
            execution: seq.next(),
            step,
            path: path.clone(),
            agent: AgentName::parse("A").expect("a name"),
            attempt: 1,
            generation: 0,
            round: 0,
            input: Payload::new(json!({"x": 1})).expect("a payload"),
            output: None,
            error: Some(reason.to_owned()),
            started_at: now,
            completed_at: now,
        };
        // The entry that the run was started for, where it was started for one.
        let replayed = claimed.history[0].events.iter().find_map(|event| match event {
            RunEvent::Replays { entry, .. } => Some(*entry),
            _ => None,
        });
        let letter = DeadLetter {
            id: replayed.unwrap_or_else(|| DeadLetterId::of(&run, &path)),
            step: closed.step.clone(),
            path: path.clone(),
            agent: closed.agent.clone(),
            execution: closed.execution,
            generation: 0,
            round: 0,
            attempts: 1,
            reason: reason.to_owned(),
        };
        let id = letter.id.to_string();
        let error = format!("Workflow failed at step 'one': {reason}");
        let failed = AdvanceRun {
            commit: CommitId::new(Uuid::from_u128(u128::from(seq.get()))),
            run,
            epoch: claimed.epoch,
            seq,
            at: now,
            origin: RunOrigin { from: None, since: now },
            events: vec![
                RunEvent::StepDispatched { path: path.clone(), attempt: 1, generation: 0, round: 0, until: None },
                RunEvent::StepFailed { path, execution: Some(closed.execution), definite: true },
                RunEvent::RunFailed { error: error.clone() },
            ],
            closed: vec![closed],
            update: Some(RunUpdate::to(RunStatus::Failed, Some(error))),
            drained: Vec::new(),
            wake: Wake::Never,
            outward: Outward { dead_letters: vec![letter], ..Outward::default() },
        };
        assert_eq!(self.store.commit_now(&[RunCommit::Advance(failed)]), [CommitOutcome::Committed]);
        id
    }

    /// Writes down that a run is going to do the work of a dead letter, as a process does that dies after it.
    pub(crate) async fn claims(&self, letter: &str, run: &str) {
        let replay = Replay { run: RunId::parse(run).expect("a run id"), at: self.clock.now() };
        let id: DeadLetterId = letter.parse().expect("an id");
        let entity = Entity::dead_letter(id);
        let entry = AuditEntry::new(
            AuditId::new(uuid::Uuid::nil()),
            replay.at,
            &Actor::system(),
            Action::Replay,
            entity,
            Changes::none(),
        );
        assert!(DeadLetters::claim(&self.store, id, None, &replay, &entry).await.expect("a store"));
    }

    /// An executor tells of its calls to an agent, as all executors do.
    pub(crate) async fn told(&self, agent: &str, report: impl FnOnce(&Report) -> Report) {
        let agent = agent.parse().expect("an id");
        let stored = Agents::get(&self.store, agent).await.expect("memory").expect("the agent is there");
        let report = report(&Report {
            me: ExecutorId::new(uuid::Uuid::from_u128(1)),
            revision: stored.revision,
            limit: stored.max_concurrent_calls,
            breaker: stored.breaker().copied(),
            in_flight: 0,
            waiting: 0,
            epoch: 0,
            trials: 0,
            outcomes: Outcomes::default(),
            number: 1,
            leaves: false,
        });
        let traffic = Traffic::default().exchange(&report, &[], self.clock.now()).traffic;
        let record = TrafficRecord { agent, version: 1, traffic };
        assert_eq!(self.store.write(&[record]).await.expect("memory"), [agent]);
    }

    /// What is mounted.
    pub(crate) fn state(&self) -> &AppState {
        &self.state
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get(), path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(TestRequest::delete(), path).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::post().set_json(body), path).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::put().set_json(body), path).await
    }

    /// A POST of bytes that may be anything.
    pub(crate) async fn post_text(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(TestRequest::post().set_payload(body.into()), path).await
    }

    /// Sends a request and checks the answer against the description.
    pub(crate) async fn send(&self, request: TestRequest, path: &str) -> Answer {
        let state = self.state.clone();
        let app = init_service(App::new().configure(move |cfg| state.configure(cfg))).await;
        let request = request.uri(path).to_request();
        let method = request.method().clone();
        let response = app.call(request).await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("a body"));
        let answer = Answer { status, headers, body: body.to_vec() };
        answer.check_against_description(&method, path);
        answer
    }

    /// Registers an agent with a name and answers its id.
    pub(crate) async fn agent(&self, name: &str) -> String {
        let answer = self.post("/api/v1/agents", json!({"name": name, "url": "http://agent:8080"})).await;
        answer.expect(201)["id"].as_str().expect("an id").to_owned()
    }

    /// Creates a workflow of one step and answers its id.
    pub(crate) async fn workflow(&self, name: &str) -> String {
        let answer = self.post("/api/v1/workflows", workflow(name)).await;
        answer.expect(201)["id"].as_str().expect("an id").to_owned()
    }

    /// Starts a run and answers its id.
    pub(crate) async fn run(&self, workflow: &str) -> String {
        let path = format!("/api/v1/workflows/{workflow}/execute");
        let answer = self.post(&path, json!({"input_data": {"a": 1}})).await;
        answer.expect(202)["run_id"].as_str().expect("an id").to_owned()
    }
}

/// Two processes never make the same id.
fn other_ids() -> u64 {
    static MADE: AtomicU64 = AtomicU64::new(1_000);
    MADE.fetch_add(1, Ordering::Relaxed)
}

/// The keys of a store, which can lose answers as if the process had died before it kept them.
pub(crate) struct Keys {
    store: MemoryStore,
    /// What was to be kept.
    pub(crate) answers: Mutex<Vec<String>>,
    pub(crate) lost: AtomicBool,
}

#[async_trait]
impl IdempotencyKeys for Keys {
    async fn claim(&self, claim: &Claim) -> Result<Standing, StoreError> {
        IdempotencyKeys::claim(&self.store, claim).await
    }

    async fn hold(&self, key: &IdempotencyKey, attempt: AttemptId, until: Timestamp) -> Result<(), StoreError> {
        self.store.hold(key, attempt, until).await
    }

    async fn answer(&self, key: &IdempotencyKey, attempt: AttemptId, answer: &str) -> Result<bool, StoreError> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer.to_owned());
        if self.lost.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("this process is dead".to_owned()));
        }
        self.store.answer(key, attempt, answer).await
    }

    async fn let_go(&self, key: &IdempotencyKey, attempt: AttemptId, at: Timestamp) -> Result<(), StoreError> {
        self.store.let_go(key, attempt, at).await
    }

    async fn release(&self, key: &IdempotencyKey, attempt: AttemptId) -> Result<(), StoreError> {
        self.store.release(key, attempt).await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.store.forget(before, limit).await
    }
}

/// The use cases of access with fresh keys of the server. Only passwords are compared as they are: hashing them takes long.
fn access(ports: &Ports, store: &Arc<MemoryStore>, keyring: &Keyring) -> AccessUseCases {
    AccessUseCases::new(&AccessPorts {
        accounts: store.clone(),
        transactions: store.clone(),
        digests: Arc::new(RequestDigests::new(HmacDigests::new(keyring))),
        passwords: Arc::new(Plain),
        tokens: Biscuits::new(keyring),
        jwts: None,
        policy: Arc::new(DatalogPolicy::load()),
        clock: ports.clock.clone(),
        ids: ports.ids.clone(),
    })
}

struct Plain;

#[async_trait]
impl Passwords for Plain {
    async fn hash(&self, password: &Secret) -> PasswordHash {
        PasswordHash(password.reveal().to_owned())
    }

    async fn verify(&self, password: &Secret, hash: Option<PasswordHash>) -> bool {
        hash.is_some_and(|hash| hash.0 == password.reveal())
    }
}

/// A workflow of one step for agent `A`.
pub(crate) fn workflow(name: &str) -> Value {
    json!({"name": name, "start_step": "one", "steps": {"one": step("one")}})
}

/// A last step for agent `A`.
pub(crate) fn step(id: &str) -> Value {
    json!({"id": id, "type": "agent", "agent_name": "A", "next_step": null, "input_mapping": {"x": "${workflow.input.a}"}})
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer with this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// A problem document with this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["code"], code, "{problem:#}");
        for (member, legacy) in [("status", "status_code"), ("timestamp", "timestamp"), ("detail", "detail")] {
            assert!(!problem[member].is_null() && !problem[legacy].is_null(), "{problem:#}");
        }
        assert!(problem["detail"].is_string() && problem["error"].is_string() && problem["request_id"].is_string());
        problem
    }

    /// The mistakes of a 422, as (field, message).
    pub(crate) fn mistakes(&self) -> Vec<(String, String)> {
        let problem = self.problem(422, "validation_failed");
        let text = |mistake: &Value, member: &str| mistake[member].as_str().expect("a text").to_owned();
        let errors = problem["errors"].as_array().expect("mistakes");
        errors.iter().map(|mistake| (text(mistake, "field"), text(mistake, "message"))).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible characters"))
    }

    /// The status must be described, and the body must be as described.
    fn check_against_description(&self, method: &Method, path: &str) {
        let path = path.split('?').next().unwrap_or_default();
        let Some(operation) = find_operation(method, path) else { return };
        let described = &operation["responses"][self.status.as_str()];
        assert!(described.is_object(), "{method} {path} answers {} without saying so: {}", self.status, self.text());
        if described["content"].is_null() {
            assert!(self.body.is_empty(), "{method} {path} answers {} with a body", self.status);
            return;
        }
        let content_type = self.header("content-type").split(';').next().unwrap_or_default();
        let media = &described["content"][content_type];
        assert!(media.is_object(), "{method} {path} answers {content_type} without saying so");
        if !content_type.ends_with("json") {
            return;
        }
        let body = self.json();
        assert_valid(&media["schema"], &body);
        if content_type == "application/problem+json" {
            let code = body["code"].as_str().expect("a code");
            assert!(media["examples"][code].is_object(), "{method} {path} answers {code} without saying so");
        }
    }
}

/// The description of an operation, by a path with values in it.
fn find_operation(method: &Method, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len()
            && template.iter().zip(&path).all(|(t, p)| (t.starts_with('{') && !p.is_empty()) || t == p)
    };
    let (_, item) = DOCUMENT["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
    item.get(method.as_str().to_lowercase())
}

/// Building one takes longer than everything else in a test that calls every operation.
fn validator(schema: &Value) -> Arc<Validator> {
    static BUILT: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = built.entry(schema.to_string()).or_insert_with(|| {
        let mut root = schema.clone();
        root["components"] = DOCUMENT["components"].clone();
        Arc::new(jsonschema::options().should_validate_formats(true).build(&root).expect("a schema"))
    });
    Arc::clone(validator)
}

/// Checks a value against a schema of the description.
pub(crate) fn assert_valid(schema: &Value, value: &Value) {
    let validator = validator(schema);
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {value:#}");
}

struct Writer {
    store: MemoryStore,
    overloaded: bool,
}

#[async_trait]
impl RunWriter for Writer {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        if self.overloaded {
            return Err(Overloaded);
        }
        let outcome = self.store.commit_now(&[commit]).pop().expect("one outcome");
        then(outcome);
        Ok(outcome)
    }
}

/// Takes runs and does nothing with them.
struct NoEngine(Option<ExecutorId>);

impl Engine for NoEngine {
    fn offer(&self) -> Option<ExecutorId> {
        self.0
    }
    fn adopt(&self, _: Adopted) {}
    fn ring(&self) {}
    fn agents_changed(&self) {}
    fn cancelled(&self, _: &RunId) {}

    fn waiting_of(&self, _: ExecutorId, _: &RunId) -> Option<Vec<WaitingCall>> {
        None
    }
}

/// Agents whose name says how they are.
struct Gateway;

#[async_trait]
impl AgentGateway for Gateway {
    async fn call(&self, _: &Agent, _: &AgentRequest) -> CallOutcome {
        unreachable!("no engine runs in these tests")
    }

    async fn cancel(&self, _: &Agent, _: &CallIds) {}

    async fn health(&self, agent: &Agent) -> AgentHealth {
        if agent.name.as_str() == "Sick" {
            let message = "Agent returned status 500".to_owned();
            return AgentHealth { card: None, message, response_time: None };
        }
        let card = json!({"name": agent.name.as_str(), "capabilities": {"streaming": true}});
        let response_time = Some(Duration::from_millis(45));
        AgentHealth { card: Some(AgentCard(card)), message: "Summarises text".to_owned(), response_time }
    }
}

struct Components(bool);

#[async_trait]
impl Readiness for Components {
    async fn check(&self) -> Vec<ComponentCheck> {
        let database = ComponentCheck {
            name: "database",
            optional: false,
            ready: self.0,
            message: "the store answers".to_owned(),
            response_time: Duration::from_millis(3),
        };
        let executor = ComponentCheck { name: "executor", ready: true, ..database.clone() };
        vec![database, executor]
    }
}

/// A store that does not say how the calls to agents are getting on.
pub(crate) struct NoTraffic;

#[async_trait]
impl AgentTraffic for NoTraffic {
    async fn read(&self, _: &[domain::ids::AgentId]) -> Result<TrafficView, StoreError> {
        Err(StoreError::Unavailable("it is away".to_owned()))
    }

    async fn write(&self, _: &[TrafficRecord]) -> Result<Vec<domain::ids::AgentId>, StoreError> {
        panic!("the API tells nothing")
    }
}

/// Agents in a store that is out of order.
pub(crate) struct BrokenAgents(pub(crate) fn() -> StoreError);

#[async_trait]
impl Agents for BrokenAgents {
    async fn get(&self, _: domain::ids::AgentId) -> Result<Option<Agent>, StoreError> {
        Err((self.0)())
    }

    async fn by_names(&self, _: &[domain::agents::AgentName]) -> Result<Vec<Agent>, StoreError> {
        panic!("this store panics when it is asked for names")
    }

    async fn list(
        &self,
        _: &domain::agents::AgentFilter,
        _: domain::agents::AgentSort,
        _: domain::page::SortOrder,
        _: domain::page::PageRequest,
    ) -> Result<domain::page::Page<Agent>, StoreError> {
        use domain::page::{Page, Total};
        Ok(Page { items: Vec::new(), total: Some(Total::Estimate(12_345)), next: None })
    }
}
