//! Mode (c): Orrery's executor calls agents through the existing bridge.

use std::collections::BTreeSet;

use e2e_tests::{AgentSpec, Behaviour, Client, Orrery, Stub, eventually, eventually_within, workflow};
use serde_json::{Value, json};

use crate::{
    house::{House, PATIENCE, assert_one_message_for_each_step},
    old::{BridgeHabits, OldBridge},
};

/// What this mode consists of.
pub(crate) struct OverBridge {
    pub(crate) bridge: OldBridge,
    pub(crate) executor: Orrery,
    pub(crate) api: Orrery,
    pub(crate) house: House,
}

const EXECUTOR: [&str; 2] = ["--agent-calls", "bridge"];

impl OverBridge {
    /// With the agent `echo`.
    pub(crate) async fn new(habits: BridgeHabits) -> Self {
        let house = House::new().await;
        let api = house.start("api", &["--registry-listen", "127.0.0.1:0"]).await;
        let executor = house.start("executor", &EXECUTOR).await;
        let bridge = OldBridge::start(&house.around(&api), habits);
        api.client().register(AgentSpec::new("echo", house.cluster.agents.url("echo"))).await;
        Self { bridge, executor, api, house }
    }

    pub(crate) fn client(&self) -> &Client {
        self.api.client()
    }
}

/// A member of each task, without repetitions.
fn distinct(tasks: &[Value], member: &str) -> usize {
    tasks.iter().map(|task| task[member].as_str().expect("a text")).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn runs_complete_over_tasks_and_results() {
    let over = OverBridge::new(BridgeHabits::default()).await;
    let id = over.client().create(&workflow("over", &[("first", "echo"), ("second", "echo")])).await;
    let mut runs = Vec::new();
    for number in 0..10 {
        runs.push(over.client().execute(&id, &format!("text {number}")).await);
    }

    for (number, run) in runs.iter().enumerate() {
        over.client().reaches_within(PATIENCE, run, "COMPLETED").await;
        let steps = over.client().steps(run).await;
        assert_eq!(steps[1]["output_data"]["text"], format!("text {number}"));
    }
    let tasks = over.bridge.tasks();
    assert_eq!((tasks.len(), distinct(&tasks, "task_id"), distinct(&tasks, "correlation_id")), (20, 20, 20));
}

#[tokio::test]
async fn a_failure_that_the_bridge_reports_is_an_attempt_of_the_step() {
    let over = OverBridge::new(BridgeHabits::default()).await;
    let stub = Stub::start(Behaviour::Status(500)).await;
    over.client().register(AgentSpec::new("moody", stub.url()).attempts(2)).await;
    let id = over.client().create(&workflow("failing", &[("first", "echo"), ("second", "moody")])).await;

    let run = over.client().execute(&id, "hello").await;

    let failed = over.client().reaches_within(PATIENCE, &run, "FAILED").await;
    let error = failed["error_message"].as_str().unwrap_or_default();
    assert!(error.starts_with("Workflow failed at step 'second': HTTP 500"), "{error}");
    let of_second = over.client().step_states(&run).await.into_iter().filter(|(step, _)| step == "second");
    assert_eq!(of_second.map(|(_, status)| status).collect::<Vec<_>>(), ["FAILED", "FAILED"]);
    assert_eq!(stub.received().len(), 4, "two attempts of the step, each of two calls by the bridge");

    stub.behave(Behaviour::Answer);
    over.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    eventually("the retried run is COMPLETED", async || {
        (over.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_task_whose_result_is_lost_is_sent_again_under_the_same_ids() {
    let over = OverBridge::new(BridgeHabits { loses_results: 1, ..BridgeHabits::default() }).await;
    let url = over.house.cluster.agents.url("echo");
    over.client().register(AgentSpec::new("careful", url).timeout_ms(1000).attempts(2)).await;
    let id = over.client().create(&workflow("lost", &[("only", "careful")])).await;

    let run = over.client().execute(&id, "hello").await;

    over.client().reaches_within(PATIENCE, &run, "COMPLETED").await;
    let tasks = over.bridge.tasks();
    assert_eq!((tasks.len(), distinct(&tasks, "task_id"), distinct(&tasks, "correlation_id")), (2, 1, 1));
    assert_eq!(tasks[0]["input_data"], tasks[1]["input_data"]);
}

#[tokio::test]
async fn tasks_and_results_that_come_twice_make_one_row_and_one_message_for_each_step() {
    let over = OverBridge::new(BridgeHabits { doubles: true, ..BridgeHabits::default() }).await;
    let mut runs = Vec::new();
    for number in 0..5 {
        let (first, second) = (format!("d{number}x0"), format!("d{number}x1"));
        let id =
            over.client().create(&workflow(&format!("doubled {number}"), &[(&first, "echo"), (&second, "echo")])).await;
        runs.push((over.client().execute(&id, "hello").await, [first, second]));
    }

    for (run, _) in &runs {
        over.client().reaches_within(PATIENCE, run, "COMPLETED").await;
    }
    // The last doubles come after their runs have ended.
    over.house.records("results.topic", 40).await;
    assert!(over.executor.metric("orrery_runs_owned", "").await < 0.5, "they wake no run");
    for (run, steps) in &runs {
        assert_one_message_for_each_step(&over.house, run, steps, 2).await;
    }
}

#[tokio::test]
async fn after_a_kill_of_the_executor_the_new_owner_sends_the_same_task_again() {
    let OverBridge { bridge, executor, api, house } = OverBridge::new(BridgeHabits::default()).await;
    let slow = house.cluster.agents.url("slow?ms=1500");
    api.client().register(AgentSpec::new("slow", slow)).await;
    let id =
        api.client().create(&workflow("killed", &[("first", "echo"), ("second", "slow"), ("third", "echo")])).await;
    let run = api.client().execute(&id, "hello").await;
    let of_second = || bridge.tasks().into_iter().filter(|task| task["agent_name"] == "slow").collect::<Vec<_>>();
    eventually("the bridge has the task", async || (!of_second().is_empty()).then_some(())).await;

    executor.kill9();
    // The result comes while nobody owns the run.
    eventually_within(PATIENCE, "the agent has answered", async || {
        let calls = house.cluster.agents.calls().await;
        let results = house.cluster.topics.read("results.topic", "two results", |records| records.len() >= 2).await;
        (!calls.of_step("second").is_empty() && results.len() >= 2).then_some(())
    })
    .await;
    let _executor = house.start("executor", &EXECUTOR).await;

    api.client().reaches_within(PATIENCE, &run, "COMPLETED").await;
    let tasks = of_second();
    assert_eq!((tasks.len(), distinct(&tasks, "task_id"), distinct(&tasks, "correlation_id")), (2, 1, 1));
    let states = api.client().step_states(&run).await;
    assert_eq!(states.len(), 3, "the attempt is continued, not listed twice: {states:?}");
    let calls = house.cluster.agents.calls().await;
    assert!(matches!(calls.of_step("first")[..], [(_, 1)]), "a completed step is not called again");
}
