//! The engine in its shell, over the memory store and scripted agents.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds};
use adapters_schema::JsonSchemas;
use application::{Ports, UseCases, agents::NewAgent, plans::PlanCache, tasks::TaskReport, workflows::NewWorkflow};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{Actor, Refused, TaskGrant, TokenGrant},
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentUrl, RetryPolicy, Secret},
    ids::{ExecutorId, RunId, StepId, WorkflowId},
    page::{PageRequest, SortOrder},
    payload::Payload,
    ports::{AgentGateway, AgentHealth, Clock, HeldToken, IdGenerator, NoSpans, Runs, Tokens},
    runs::{AgentRequest, CallFailure, CallIds, CallOutcome, FailureKind, RunFilter, RunSort, RunStatus, StepStatus},
    workflows::{StepDocument, WorkflowName, WorkflowStatus},
};
use executor::{
    CallTokens, CheckedGateway, CommitQueue, EngineConfig, EngineHandle, EnginePorts, FeedHub, Membership, WatchHub,
};
use serde_json::json;

/// Agents named by what they do: `echo`, `hang`, `fragile` (the same, and must not be called twice), `fail`, `once` (fails its
/// first call).
#[derive(Default)]
struct Scripted {
    calls: Mutex<Vec<(String, AgentRequest)>>,
    cancelled: Mutex<Vec<(String, CallIds)>>,
}

impl Scripted {
    fn made(&self, agent: &str) -> Vec<AgentRequest> {
        let calls = self.calls.lock().expect("not poisoned");
        calls.iter().filter(|(called, _)| called.as_str() == agent).map(|(_, call)| call.clone()).collect()
    }
}

#[async_trait]
impl AgentGateway for Scripted {
    async fn call(&self, agent: &Agent, call: &AgentRequest) -> CallOutcome {
        self.calls.lock().expect("not poisoned").push((agent.name.as_str().to_owned(), call.clone()));
        let failed = |message: &str| CallOutcome::Failed(CallFailure::definite(FailureKind::Task, message));
        match agent.name.as_str() {
            "hang" | "fragile" => std::future::pending().await,
            "fail" => failed("no"),
            "once" | "later" if self.made(agent.name.as_str()).len() == 1 => failed("not yet"),
            _ => CallOutcome::Completed(call.input.clone()),
        }
    }

    async fn cancel(&self, agent: &Agent, ids: &CallIds) {
        self.cancelled.lock().expect("not poisoned").push((agent.name.as_str().to_owned(), ids.clone()));
    }

    async fn health(&self, _: &Agent) -> AgentHealth {
        AgentHealth { card: None, message: String::new(), response_time: None }
    }
}

/// Tokens that say in plain words which call they are about.
struct Readable;

impl Tokens for Readable {
    fn mint(&self, grant: &TokenGrant) -> Secret {
        let key = grant.task.as_ref().expect("the token of a call").key();
        let (role, name) = (grant.role.as_str(), &grant.principal);
        Secret::new(format!("{role} {name} at {} round {}.{}", key.path, key.generation, key.round))
    }

    fn verify(&self, _: &Secret, _: Timestamp) -> Result<Arc<dyn HeldToken>, Refused> {
        Err(Refused::Unknown)
    }
}

struct RealClock(std::time::Instant);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.0.elapsed()
    }
}

/// One process: an engine and its use cases, over a store that may be shared with others.
struct Process {
    uses: UseCases,
    engine: EngineHandle,
    agents: Arc<Scripted>,
    store: Arc<MemoryStore>,
}

impl Process {
    fn start(seed: u64, store: &MemoryStore, config: EngineConfig) -> Self {
        let store = Arc::new(store.clone());
        let clock: Arc<dyn Clock> = Arc::new(RealClock(std::time::Instant::now()));
        let ids: Arc<dyn IdGenerator> = Arc::new(SequentialIds::new(seed));
        let agents = Arc::new(Scripted::default());
        let plans = Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas)));
        let (queue, writer) = CommitQueue::new(store.clone());
        // Ends with the test's runtime.
        drop(tokio::task::spawn_local(writer));
        let ports = EnginePorts {
            spans: Arc::new(NoSpans),
            workflows: store.clone(),
            agents: store.clone(),
            runs: store.clone(),
            leases: store.clone(),
            inbox: store.clone(),
            traffic: store.clone(),
            call_tokens: Some(CallTokens::new(Arc::new(Readable), clock.clone(), None)),
            gateway: Arc::new(CheckedGateway::new(agents.clone(), Arc::new(JsonSchemas))),
            clock: clock.clone(),
            ids: ids.clone(),
            plans: plans.clone(),
            monitoring: None,
            doorbell: None,
        };
        let engine = executor::spawn(Membership::alone(ExecutorId::new(ids.unique())), ports, queue.clone(), config);
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
            traffic: store.clone(),
            writer: Arc::new(queue),
            gateway: agents.clone(),
            engine: Arc::new(engine.clone()),
            clock,
            ids,
            plans,
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: domain::agents::Networks::default(),
            external: None,
        });
        Self { uses, engine, agents, store }
    }

    async fn register(&self) {
        let number = |member: &str| Some(json!({"properties": {member: {"type": "number"}}, "required": [member]}));
        for (name, schemas) in [
            ("echo", AgentSchemas::default()),
            ("hang", AgentSchemas::default()),
            ("fragile", AgentSchemas::default()),
            ("fail", AgentSchemas::default()),
            ("once", AgentSchemas::default()),
            ("later", AgentSchemas::default()),
            ("picky", AgentSchemas { input: number("y"), output: None }),
            ("vague", AgentSchemas { input: number("x"), output: number("y") }),
        ] {
            let delay = if name == "later" { 60_000 } else { 100 };
            let agent = NewAgent {
                name: AgentName::parse(name).expect("a name"),
                url: AgentUrl::parse("http://agent/").expect("a URL"),
                description: None,
                auth: AgentAuth::None,
                timeout: Duration::from_secs(30),
                retry: RetryPolicy::new(2, delay, 60_000, 1.0).expect("valid"),
                retry_strategy: (name == "fragile")
                    .then(|| RetryPolicy::parse_strategy(&json!({"on_unknown_outcome": "fail"})).expect("a strategy")),
                circuit_breaker: None,
                max_concurrent_calls: None,
                schemas,
            };
            self.uses.create_agent.execute(agent, &Actor::system()).await.expect("registered");
        }
    }

    /// A workflow of one step, whose `y` is the run's `x`.
    async fn mapping_all(&self, name: &str, agent: &str) -> WorkflowId {
        let mut new = Self::new_workflow(name, &[agent]);
        for step in new.steps.values_mut() {
            step.input_mapping = json!({"y": "${workflow.input.text}"}).as_object().cloned();
        }
        self.uses.create_workflow.execute(new, &Actor::named("test")).await.expect("created").id
    }

    async fn workflow(&self, name: &str, agents: &[&str]) -> WorkflowId {
        self.uses
            .create_workflow
            .execute(Self::new_workflow(name, agents), &Actor::named("test"))
            .await
            .expect("created")
            .id
    }

    /// A chain of steps, each by the agent it names and with the run's `x`.
    fn new_workflow(name: &str, agents: &[&str]) -> NewWorkflow {
        let step = |n: usize| {
            let document = json!({
                "id": format!("s{n}"), "agent_name": agents[n], "input_mapping": {"x": "${workflow.input.x}"},
                "next_step": (n + 1 < agents.len()).then(|| format!("s{}", n + 1)),
            });
            (format!("s{n}"), serde_json::from_value::<StepDocument>(document).expect("a step"))
        };
        let steps: BTreeMap<_, _> = (0..agents.len()).map(step).collect();
        let name = WorkflowName::parse(name).expect("a name");
        NewWorkflow {
            name,
            description: None,
            start_step: "s0".into(),
            steps,
            limits: domain::workflows::RunLimits::default(),
            input_schema: None,
            output: None,
            on_complete: None,
            status: WorkflowStatus::Active,
            change_summary: None,
        }
    }

    async fn execute(&self, workflow: WorkflowId) -> RunId {
        let input = Payload::new(json!({"x": 1, "text": "no number"})).expect("storable");
        self.uses.execute_workflow.execute(workflow, input, &Actor::named("test")).await.expect("started").id
    }

    async fn until(&self, run: &RunId, wanted: RunStatus) {
        let reached = async {
            while self.store.get(run).await.expect("memory").expect("a run").status != wanted {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), reached).await.is_ok();
        assert!(in_time, "the run did not become {wanted:?}: {:?}", self.store.get(run).await);
    }

    async fn until_row(&self, run: &RunId, is_so: impl Fn(&domain::runs::Run) -> bool) {
        let reached = async {
            while !is_so(&self.store.get(run).await.expect("memory").expect("a run")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached).await.expect("the row says so in time");
    }

    async fn until_cancelled(&self, agent: &str) {
        let told = async {
            while !self.agents.cancelled.lock().expect("not poisoned").iter().any(|(name, _)| name == agent) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.expect("the agent is told in time");
    }

    async fn until_called(&self, agent: &str, times: usize) {
        let called = async {
            while self.agents.made(agent).len() < times {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), called).await.expect("the agent is called in time");
    }
}

/// Runs a test on a local set, so that its background work ends with it.
fn test<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, body)
}

#[test]
fn a_run_goes_through_its_steps_to_its_end() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["echo", "once", "echo"]).await;
        let run = process.execute(workflow).await;
        process.until(&run, RunStatus::Completed).await;
        let steps = process.uses.list_steps.execute(&run).await.expect("a run");
        let told: Vec<_> = steps.iter().map(|s| (s.step.as_str(), s.attempt, s.status)).collect();
        let (done, failed) = (StepStatus::Completed, StepStatus::Failed);
        assert_eq!(told, [("s0", 1, done), ("s1", 1, failed), ("s1", 2, done), ("s2", 1, done)]);
    });
}

#[test]
fn each_call_carries_a_token_of_its_own_and_a_repeated_call_the_token_of_the_same_call() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["echo", "once"]).await;
        let run = process.execute(workflow).await;
        process.until(&run, RunStatus::Completed).await;
        let passes = |agent| process.agents.made(agent).into_iter().filter_map(|call| call.pass).collect::<Vec<_>>();
        let tokens = |agent| passes(agent).iter().map(|pass| pass.token.reveal().to_owned()).collect::<Vec<_>>();
        assert_eq!(tokens("echo"), ["agent agent:echo at s0 round 0.0"]);
        assert_eq!(tokens("once"), ["agent agent:once at s1 round 0.0", "agent agent:once at s1 round 0.1"]);
    });
}

#[test]
fn an_agent_that_never_answers_may_report_and_its_call_is_given_up() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["hang", "echo"]).await;
        let run = process.execute(workflow).await;
        process.until_called("hang", 1).await;
        let agent = AgentName::parse("hang").expect("a name");
        let step = StepId::parse("s0").expect("an id").top_level();
        let grant = TaskGrant { run: run.clone(), step, generation: 0, round: 0, agent };
        let output = Payload::new(json!({"y": 7})).expect("storable");
        process
            .uses
            .report_task
            .execute(&grant, TaskReport::Completed(output.clone()), &Actor::named("agent"))
            .await
            .expect("told");
        process.until(&run, RunStatus::Completed).await;
        let steps = process.uses.list_steps.execute(&run).await.expect("a run");
        assert_eq!((steps.len(), steps[0].output.as_ref()), (2, Some(&output)));
        assert!(process.agents.cancelled.lock().expect("not poisoned").is_empty(), "it has done what was wanted");
        assert!(
            process
                .uses
                .report_task
                .execute(&grant, TaskReport::Completed(output), &Actor::named("agent"))
                .await
                .is_err(),
            "it is over"
        );
        // A call that were still waited for would keep the drain.
        tokio::time::timeout(Duration::from_secs(3), process.engine.drain()).await.expect("nothing is under way");
    });
}

#[test]
fn a_thousand_runs_are_under_way_at_once_and_all_end() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig { capacity: 700, ..EngineConfig::default() });
        process.register().await;
        let workflow = process.workflow("w", &["echo", "echo", "echo"]).await;
        let mut runs = Vec::new();
        for _ in 0..1000 {
            runs.push(process.execute(workflow).await);
        }
        for run in &runs {
            process.until(run, RunStatus::Completed).await;
        }
        assert_eq!(process.agents.made("echo").len(), 3000, "no step is called twice");
    });
}

#[test]
fn a_failed_run_says_where_and_why_and_a_retry_repeats_only_the_failed_step() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["echo", "fail"]).await;
        let run = process.execute(workflow).await;
        process.until(&run, RunStatus::Failed).await;
        let row = process.store.get(&run).await.expect("memory").expect("a run");
        assert_eq!(row.error.as_deref(), Some("Workflow failed at step 's1': no"));
        process.uses.retry_run.execute(&run, None, &Actor::named("test")).await.expect("retried");
        process.until_called("fail", 4).await;
        process.until(&run, RunStatus::Failed).await;
        assert_eq!(process.agents.made("echo").len(), 1);
    });
}

#[test]
fn a_cancelled_run_stops_calling_and_can_be_retried() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["hang", "echo"]).await;
        let run = process.execute(workflow).await;
        process.until_called("hang", 1).await;
        let steps = process.uses.list_steps.execute(&run).await.expect("a run");
        assert_eq!(steps[0].status, StepStatus::Running);
        process.uses.cancel_run.execute(&run, Some("enough".into()), &Actor::named("test")).await.expect("cancelled");
        let steps = process.uses.list_steps.execute(&run).await.expect("a run");
        assert_eq!((steps[0].status, steps[0].error.as_deref()), (StepStatus::Failed, Some("Cancelled")));
        assert!(process.uses.cancel_run.execute(&run, None, &Actor::named("test")).await.is_err(), "only once");
        process.until_cancelled("hang").await;
        process.uses.retry_run.execute(&run, None, &Actor::named("test")).await.expect("retried");
        process.until_called("hang", 2).await;
        // Each attempt has a place of its own in the trace.
        let sent = process.agents.made("hang").into_iter().map(|call| AgentRequest { trace: None, ..call });
        let calls: Vec<_> = sent.collect();
        assert_eq!(calls[0], calls[1], "the cut call is made again with its key and bytes");
    });
}

#[test]
fn a_drained_process_gives_its_runs_back_and_the_next_one_repeats_the_calls_that_were_cut() {
    test(async {
        let store = MemoryStore::new();
        let config = EngineConfig { drain_for: Duration::from_millis(50), ..EngineConfig::default() };
        let first = Process::start(1, &store, config);
        first.register().await;
        let workflow = first.workflow("w", &["echo", "hang"]).await;
        let run = first.execute(workflow).await;
        first.until_called("hang", 1).await;
        first.engine.drain().await;
        let second = Process::start(2, &store, config);
        second.until_called("hang", 1).await;
        assert_eq!(first.agents.made("hang"), second.agents.made("hang"));
        assert_eq!(second.agents.made("echo"), [], "a completed step is never called again");
        assert!(first.agents.cancelled.lock().expect("not poisoned").is_empty(), "the work is still wanted");
        second.uses.cancel_run.execute(&run, None, &Actor::named("test")).await.expect("cancelled");
    });
}

#[test]
fn a_call_that_was_cut_is_not_repeated_where_an_unknown_outcome_ends_the_step() {
    test(async {
        let store = MemoryStore::new();
        let config = EngineConfig { drain_for: Duration::from_millis(50), ..EngineConfig::default() };
        let first = Process::start(1, &store, config);
        first.register().await;
        let workflow = first.workflow("w", &["fragile"]).await;
        let run = first.execute(workflow).await;
        first.until_called("fragile", 1).await;
        first.engine.drain().await;
        let second = Process::start(2, &store, config);
        second.until(&run, RunStatus::Failed).await;
        assert_eq!(second.agents.made("fragile"), []);
        let error = second.store.get(&run).await.expect("memory").expect("a run").error.expect("a message");
        assert!(error.ends_with("the executor that made the call is gone, and its outcome with it"), "{error}");
    });
}

#[test]
fn a_run_whose_first_input_cannot_be_resolved_fails_without_a_call() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["echo"]).await;
        let run = process
            .uses
            .execute_workflow
            .execute(workflow, Payload::empty(), &Actor::named("test"))
            .await
            .expect("accepted")
            .id;
        process.until(&run, RunStatus::Failed).await;
        assert_eq!(process.agents.made("echo"), []);
    });
}

#[test]
fn a_start_whose_client_hangs_up_is_carried_out_all_the_same() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let workflow = process.workflow("w", &["echo"]).await;
        let (input, by) = (Payload::new(json!({"x": 1})).expect("storable"), Actor::named("test"));
        tokio::select! {
            biased;
            _ = process.uses.execute_workflow.execute(workflow, input, &by) => {
                panic!("the start was durable before anything could be written")
            }
            () = std::future::ready(()) => {}
        }
        process.until_called("echo", 1).await;
        let (filter, page) = (RunFilter::default(), PageRequest::new(1, 10).expect("a page"));
        let found = process.uses.list_runs.execute(&filter, RunSort::CreatedAt, SortOrder::Ascending, page).await;
        process.until(&found.expect("memory").items[0].id, RunStatus::Completed).await;
    });
}

#[test]
fn a_run_that_waits_is_paused_and_let_go_on_by_whoever_claims_it() {
    test(async {
        let store = MemoryStore::new();
        let first = Process::start(1, &store, EngineConfig::default());
        first.register().await;
        let workflow = first.workflow("w", &["later", "echo"]).await;
        let run = first.execute(workflow).await;
        first.until_called("later", 1).await;
        first.uses.pause_run.pause(&run, &Actor::named("test")).await.expect("told");
        first.until_row(&run, |row| row.paused).await;
        first.engine.drain().await;

        let second = Process::start(2, &store, EngineConfig::default());
        second.uses.pause_run.unpause(&run, &Actor::named("test")).await.expect("told");
        second.until_row(&run, |row| !row.paused).await;
        assert_eq!(second.agents.made("echo"), []);
        second.uses.cancel_run.execute(&run, None, &Actor::named("test")).await.expect("cancelled");
        let refused = second.uses.pause_run.pause(&run, &Actor::named("test")).await.expect_err("it is over");
        assert_eq!(
            refused.to_string(),
            "Can only pause and unpause pending or running runs. Current status: CANCELLED"
        );
    });
}

#[test]
fn a_call_under_way_in_a_paused_run_is_repeated_by_the_next_owner() {
    test(async {
        let store = MemoryStore::new();
        let config = EngineConfig { drain_for: Duration::from_millis(50), ..EngineConfig::default() };
        let first = Process::start(1, &store, config);
        first.register().await;
        let workflow = first.workflow("w", &["hang"]).await;
        let run = first.execute(workflow).await;
        first.until_called("hang", 1).await;
        first.uses.pause_run.pause(&run, &Actor::named("test")).await.expect("told");
        first.until_row(&run, |row| row.paused).await;
        first.engine.drain().await;

        let second = Process::start(2, &store, config);
        second.until_called("hang", 1).await;
        assert_eq!(first.agents.made("hang"), second.agents.made("hang"));
        second.uses.cancel_run.execute(&run, None, &Actor::named("test")).await.expect("cancelled");
    });
}

#[test]
fn what_does_not_fit_an_agents_schemas_is_neither_sent_nor_used() {
    test(async {
        let process = Process::start(1, &MemoryStore::new(), EngineConfig::default());
        process.register().await;
        let (mapped, answered) =
            (process.mapping_all("m", "picky").await, process.workflow("v", &["vague", "echo"]).await);
        let run = process.execute(mapped).await;
        process.until(&run, RunStatus::Failed).await;
        let error = process.store.get(&run).await.expect("memory").expect("a run").error.unwrap_or_default();
        assert!(error.contains("The input does not fit the input_schema of agent 'picky': "), "{error}");
        assert_eq!(process.agents.made("picky"), [], "it is not called, and not tried again");
        assert_eq!(process.uses.list_steps.execute(&run).await.expect("a run").len(), 1);

        let run = process.execute(answered).await;
        process.until(&run, RunStatus::Failed).await;
        let error = process.store.get(&run).await.expect("memory").expect("a run").error.unwrap_or_default();
        assert!(error.contains("The output does not fit the output_schema of agent 'vague': "), "{error}");
        assert_eq!(
            (process.agents.made("vague").len(), process.agents.made("echo").len()),
            (2, 0),
            "retried by policy"
        );
    });
}
