//! What schedules start, over the memory store: whoever tries, however often, and whatever is in the way.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use adapters_cron::CronCalendar;
use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    agents::NewAgent,
    plans::PlanCache,
    schedules::{FireSchedule, NewSchedule, ScheduleContent},
    workflows::{NewWorkflow, WorkflowChanges},
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::Actor,
    agents::{AgentAuth, AgentName, AgentSchemas, AgentUrl, RetryPolicy},
    ids::{ScheduleId, WorkflowId},
    page::{PageRequest, SortOrder},
    payload::Payload,
    ports::{
        MockAgentGateway, MockEngine, MockFeedWatch, MockRunFeed, MockRunWatch, Overloaded, RunWriter, Runs, Schedules,
        Then,
    },
    runs::{CommitOutcome, Run, RunCommit, RunFilter, RunSort, RunStatus},
    schedules::{MissedPolicy, OverlapPolicy, Schedule, ScheduleName, ScheduleState, Tick, TickReason, Timing},
    workflows::{StepDocument, WorkflowName, WorkflowStatus},
};
use serde_json::json;

/// Writes at once, unless it is said to be full.
#[derive(Clone)]
struct Writer(Arc<MemoryStore>, Arc<AtomicBool>);

#[async_trait]
impl RunWriter for Writer {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        if self.1.load(Ordering::SeqCst) {
            return Err(Overloaded);
        }
        let outcome = self.0.commit_now(&[commit])[0];
        then(outcome);
        Ok(outcome)
    }
}

/// Several processes on one store.
struct Bench {
    store: Arc<MemoryStore>,
    clock: VirtualClock,
    is_full: Arc<AtomicBool>,
    uses: UseCases,
    processes: Vec<FireSchedule>,
    workflow: WorkflowId,
}

fn start() -> Timestamp {
    Timestamp::from_timestamp(1_769_860_800, 0).expect("a time")
}

impl Bench {
    async fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), VirtualClock::new(start()));
        let is_full = Arc::new(AtomicBool::new(false));
        let ports = |seed| Self::ports(&store, &clock, &is_full, seed);
        let uses = UseCases::new(&ports(1));
        let processes = [2, 3].map(|seed| FireSchedule::new(&ports(seed))).into();
        let agent = NewAgent {
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://agent").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas: AgentSchemas::default(),
        };
        uses.create_agent.execute(agent, &Actor::system()).await.expect("an agent");
        let step = StepDocument {
            id: "a".to_owned(),
            agent_name: Some("A".to_owned()),
            input_mapping: Some(serde_json::Map::new()),
            ..StepDocument::default()
        };
        let new = NewWorkflow {
            name: WorkflowName::parse("w").expect("a name"),
            description: None,
            change_summary: None,
            start_step: "a".to_owned(),
            steps: BTreeMap::from([("a".to_owned(), step)]),
            input_schema: None,
            output: None,
            on_complete: None,
            limits: domain::workflows::RunLimits::default(),
            status: WorkflowStatus::Active,
        };
        let workflow = uses.create_workflow.execute(new, &Actor::system()).await.expect("a workflow").id;
        Self { store, clock, is_full, uses, processes, workflow }
    }

    fn ports(store: &Arc<MemoryStore>, clock: &VirtualClock, is_full: &Arc<AtomicBool>, seed: u64) -> Ports {
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
            inbox: store.clone(),
            leases: store.clone(),
            watch: Arc::new(MockRunWatch::new()),
            feed: Arc::new(MockRunFeed::new()),
            feed_watch: Arc::new(MockFeedWatch::new()),
            fleet: None,
            dead_letters: store.clone(),
            audit: store.clone(),
            schedules: store.clone(),
            calendar: Arc::new(CronCalendar),
            traffic: store.clone(),
            writer: Arc::new(Writer(store.clone(), is_full.clone())),
            gateway: Arc::new(MockAgentGateway::new()),
            engine: Arc::new(engine),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SequentialIds::new(seed)),
            plans: Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas))),
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: domain::agents::Networks::default(),
            external: None,
        }
    }

    /// A schedule that ticks every second.
    async fn every_second(&self, overlap: OverlapPolicy) -> ScheduleId {
        let content = ScheduleContent {
            name: ScheduleName::parse("s").expect("a name"),
            workflow: self.workflow,
            version: None,
            timing: Timing { cron: "* * * * * *".into(), zone: "UTC".into(), starts_at: None, ends_at: None },
            input: Payload::new(json!({"at": "${schedule.time}"})).expect("storable"),
            overlap,
            missed: MissedPolicy::Last,
            grace: Duration::from_secs(5),
        };
        let new = NewSchedule { content, paused: false };
        self.uses.create_schedule.execute(new, &Actor::system()).await.expect("a schedule").id
    }

    async fn schedule(&self, id: ScheduleId) -> Schedule {
        Schedules::get(&*self.store, id).await.expect("the store works").expect("it is there")
    }

    /// Lets time pass, and has a process look.
    async fn look(&self, process: usize, id: ScheduleId, after: u64) -> Vec<Tick> {
        self.clock.advance(Duration::from_secs(after));
        let seen = self.schedule(id).await;
        self.processes[process].execute(seen).await.expect("the store works").ticks
    }

    async fn runs(&self) -> Vec<Run> {
        let page = PageRequest::new(1, 100).expect("a page");
        let all = Runs::list(&*self.store, &RunFilter::default(), RunSort::CreatedAt, SortOrder::Ascending, page).await;
        all.expect("the store works").items
    }

    async fn ticks(&self, id: ScheduleId) -> Vec<(i64, &'static str)> {
        let page = PageRequest::new(1, 100).expect("a page");
        let ticks = self.store.ticks(id, page).await.expect("the store works").items;
        let word = |tick: &Tick| tick.reason.map_or(tick.status.as_str(), TickReason::as_str);
        ticks.iter().rev().map(|tick| ((tick.at - start()).num_seconds(), word(tick))).collect()
    }
}

#[tokio::test]
async fn a_tick_starts_one_run_in_the_schedules_name_with_its_input() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Allow).await;
    assert_eq!(bench.look(0, id, 0).await, [], "nothing is due yet");
    let fired = bench.look(0, id, 1).await;
    let [run] = &bench.runs().await[..] else { panic!("one run") };
    assert_eq!(fired[0].run().as_ref(), Some(&run.id));
    assert_eq!(run.triggered_by.as_deref(), Some("schedule:s"));
    assert_eq!(*run.input.value(), json!({"at": "2026-01-31T12:00:01Z"}));
    assert_eq!(bench.ticks(id).await, [(1, "started")]);
}

#[tokio::test]
async fn of_two_processes_that_have_seen_the_same_tick_one_starts_it() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Allow).await;
    bench.clock.advance(Duration::from_secs(1));
    let seen = bench.schedule(id).await;
    let mut fired = Vec::new();
    for process in &bench.processes {
        fired.push(process.execute(seen.clone()).await.expect("the store works").ticks.len());
    }
    assert_eq!((fired, bench.runs().await.len()), (vec![1, 0], 1));
}

#[tokio::test]
async fn what_a_dead_process_has_decided_is_started_once_by_others() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Skip).await;
    bench.is_full.store(true, Ordering::SeqCst);
    bench.look(0, id, 1).await;
    assert_eq!((bench.ticks(id).await, bench.runs().await.len()), (vec![(1, "starting")], 0));
    bench.look(1, id, 1).await;
    assert_eq!(bench.ticks(id).await, [(1, "starting"), (2, "overlap")], "it does not overtake the first");

    bench.is_full.store(false, Ordering::SeqCst);
    let left = bench.store.unstarted(bench.clock.now_plus(1), 10).await.expect("the store works");
    for process in &bench.processes {
        let made_up = process.make_up(left[0].clone()).await.expect("the store works").expect("it is there");
        assert_eq!(made_up.status.as_str(), "started");
    }
    assert_eq!((bench.ticks(id).await[0], bench.runs().await.len()), ((1, "started"), 1));
}

trait Later {
    fn now_plus(&self, seconds: i64) -> Timestamp;
}

impl Later for VirtualClock {
    fn now_plus(&self, seconds: i64) -> Timestamp {
        domain::ports::Clock::now(self) + chrono::TimeDelta::seconds(seconds)
    }
}

#[tokio::test]
async fn a_workflow_that_cannot_be_run_is_no_reason_to_stop() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Allow).await;
    let off = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    bench.uses.update_workflow.execute(bench.workflow, &off, &Actor::system()).await.expect("it is switched off");
    bench.look(0, id, 1).await;
    let on = WorkflowChanges { status: Some(WorkflowStatus::Active), ..WorkflowChanges::default() };
    bench.uses.update_workflow.execute(bench.workflow, &on, &Actor::system()).await.expect("it is switched on");
    bench.look(0, id, 1).await;
    assert_eq!(bench.ticks(id).await, [(1, "not_started"), (2, "started")]);
    let last = bench.uses.get_schedule.execute(id).await.expect("it is there").last.expect("a tick");
    assert_eq!(last.message, None);
}

#[tokio::test]
async fn a_refusal_that_comes_after_a_start_does_not_hide_the_run() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Allow).await;
    let started = bench.look(0, id, 1).await.remove(0);
    let off = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    bench.uses.update_workflow.execute(bench.workflow, &off, &Actor::system()).await.expect("it is switched off");
    let again = bench.processes[1].make_up(started).await.expect("the store works").expect("it is there");
    assert_eq!((again.status.as_str(), bench.ticks(id).await), ("started", vec![(1, "started")]));
}

#[tokio::test]
async fn a_tick_that_waits_is_started_after_the_run_before_and_left_out_by_a_pause() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Queue).await;
    for _ in 0..3 {
        bench.look(0, id, 1).await;
    }
    assert_eq!(bench.ticks(id).await, [(1, "started"), (2, "waiting"), (3, "queue_full")]);
    let first = bench.runs().await.remove(0);
    bench.uses.cancel_run.execute(&first.id, None, &Actor::system()).await.expect("it is cancelled");
    bench.look(1, id, 1).await;
    assert_eq!(bench.ticks(id).await[1..], [(2, "started"), (3, "queue_full"), (4, "waiting")]);

    bench.uses.change_schedule_state.pause(id, &Actor::system()).await.expect("it is paused");
    assert_eq!(bench.ticks(id).await[3], (4, "paused"));
    assert_eq!(bench.look(0, id, 60).await, [], "it does not tick");
    let resumed = bench.uses.change_schedule_state.resume(id, &Actor::system()).await.expect("it is resumed");
    assert_eq!((resumed.state, resumed.queued), (ScheduleState::Active, None));
    bench.look(0, id, 1).await;
    assert_eq!(bench.ticks(id).await.last(), Some(&(65, "waiting")));
}

#[tokio::test]
async fn the_run_before_is_cancelled_where_that_is_wanted() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::CancelPrevious).await;
    bench.look(0, id, 1).await;
    bench.look(1, id, 1).await;
    let runs = bench.runs().await;
    let told: Vec<_> = runs.iter().map(|run| (run.status, run.cancelled_by.as_deref())).collect();
    assert_eq!(told, [(RunStatus::Cancelled, Some("schedule:s")), (RunStatus::Pending, None)]);
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_once() {
    let bench = Bench::new().await;
    let id = bench.every_second(OverlapPolicy::Skip).await;
    let fired = bench.look(0, id, 100_000).await;
    let missed: u32 = fired.iter().filter(|tick| tick.reason == Some(TickReason::Missed)).map(|tick| tick.count).sum();
    assert_eq!(
        (missed, bench.runs().await.len()),
        (99_993, 1),
        "five seconds are no absence, and one tick stands for the rest"
    );
    assert_eq!(bench.schedule(id).await.next_at, Some(start() + chrono::TimeDelta::seconds(100_001)));
}
