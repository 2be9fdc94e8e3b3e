//! Mode (a): runs are started over Orrery's REST API and executed by the existing executor and bridge.

use std::collections::BTreeMap;

use e2e_tests::{AgentSpec, Behaviour, Client, Orrery, Stub, eventually, every_step_type, texts, workflow};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    house::{House, PATIENCE, header},
    old::{BridgeHabits, ExecutorHabits, OldBridge, OldExecutor, run_id},
};

/// What this mode consists of.
pub(crate) struct External {
    pub(crate) executor: OldExecutor,
    pub(crate) bridge: OldBridge,
    pub(crate) relay: Orrery,
    pub(crate) api: Orrery,
    pub(crate) house: House,
}

/// The roles of this mode.
pub(crate) const API: [&str; 4] = ["--engine", "external", "--registry-listen", "127.0.0.1:0"];
pub(crate) const RELAY: [&str; 2] = ["--engine", "external"];

impl External {
    pub(crate) async fn new(habits: ExecutorHabits) -> Self {
        Self::on(House::new().await, habits).await
    }

    /// With the agent `echo`.
    pub(crate) async fn on(house: House, habits: ExecutorHabits) -> Self {
        let api = house.start("api", &API).await;
        let relay = house.start("relay", &RELAY).await;
        let around = house.around(&api);
        let (executor, bridge) =
            (OldExecutor::start(&around, habits), OldBridge::start(&around, BridgeHabits::default()));
        api.client().register(AgentSpec::new("echo", house.cluster.agents.url("echo"))).await;
        Self { executor, bridge, relay, api, house }
    }

    pub(crate) fn client(&self) -> &Client {
        self.api.client()
    }

    /// Everything that it does is sound: nothing is refused, no statement fails, no partition is stuck.
    pub(crate) fn assert_sound(&self) {
        let seen = self.executor.seen();
        assert_eq!((&seen.refused, &seen.troubles, &seen.stuck), (&vec![], &vec![], &None));
    }
}

fn counted(runs: Vec<String>) -> BTreeMap<String, usize> {
    runs.into_iter().fold(BTreeMap::new(), |mut counts, run| {
        *counts.entry(run).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn twenty_runs_started_at_once_complete_though_the_consumer_drops_all_but_the_first_of_a_batch() {
    let partners = External::on(House::of_the_old_system().await, ExecutorHabits::default()).await;
    let id = partners.client().create(&workflow("many", &[("first", "echo"), ("second", "echo")])).await;

    let mut starts = JoinSet::new();
    for number in 0..20 {
        let (client, id) = (partners.client().clone(), id.clone());
        starts.spawn(async move { client.execute(&id, &format!("text {number}")).await });
    }
    let runs = starts.join_all().await;

    for run in &runs {
        let done = partners.client().reaches_within(PATIENCE, run, "COMPLETED").await;
        assert!(done["completed_at"].is_string(), "{done}");
        let steps = partners.client().step_states(run).await;
        let expected = ["first", "second"].map(|step| (step.to_owned(), "COMPLETED".to_owned()));
        assert_eq!(steps, expected, "the steps can be read over REST");
    }
    assert_eq!(counted(partners.executor.seen().begun), counted(runs), "each run was begun exactly once");
    assert!(partners.bridge.tasks().len() == 40, "one task for each step");
    partners.assert_sound();
}

#[tokio::test]
async fn a_request_that_the_consumer_lost_is_sent_again_and_the_runs_behind_it_do_not_wait() {
    let partners = External::new(ExecutorHabits { loses_requests: 1, ..ExecutorHabits::default() }).await;
    let id = partners.client().create(&workflow("lost", &[("only", "echo")])).await;

    let lost = partners.client().execute(&id, "lost").await;
    let behind = partners.client().execute(&id, "behind").await;

    partners.client().reaches_within(PATIENCE, &behind, "COMPLETED").await;
    partners.client().reaches_within(PATIENCE, &lost, "COMPLETED").await;
    assert_eq!(partners.executor.seen().begun, [behind, lost], "the one behind first, and each once");
    partners.assert_sound();
}

#[tokio::test]
async fn a_retry_over_rest_asks_again_and_the_completed_step_is_not_repeated() {
    let partners = External::new(ExecutorHabits::default()).await;
    let stub = Stub::start(Behaviour::Status(500)).await;
    partners.client().register(AgentSpec::new("moody", stub.url())).await;
    let id = partners.client().create(&workflow("retried", &[("first", "echo"), ("second", "moody")])).await;
    let run = partners.client().execute(&id, "hello").await;
    partners.client().reaches_within(PATIENCE, &run, "FAILED").await;
    // It writes FAILED with the step's message first.
    eventually("the executor has written why the run failed", async || {
        let failed = partners.client().run(&run).await;
        let error = failed["error_message"].as_str().unwrap_or_default();
        error.starts_with("Workflow failed at step 'second': HTTP 500").then_some(())
    })
    .await;

    stub.behave(Behaviour::Answer);
    let retried = partners.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    assert_eq!((&retried["status"], &retried["run_id"]), (&"PENDING".into(), &run.as_str().into()));

    eventually("the retried run is COMPLETED", async || {
        (partners.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    let steps: Vec<Value> = partners.client().steps(&run).await;
    let states: Vec<_> = steps.iter().map(|step| (step["step_id"].as_str(), step["status"].as_str())).collect();
    let expected = [("first", "COMPLETED"), ("second", "FAILED"), ("second", "COMPLETED")];
    assert_eq!(states, expected.map(|(step, status)| (Some(step), Some(status))));
    assert_eq!(partners.client().run(&run).await["error_message"], Value::Null);
    partners.assert_sound();
}

/// Members of a parallel step, then a loop whose body holds another one.
fn blocks() -> Value {
    let agent = |id: &str, text: &str| json!({"id": id, "agent_name": "echo", "input_mapping": {"text": text}});
    let steps = json!({
        "gather": {"id": "gather", "type": "parallel", "parallel_steps": ["left", "right"], "next_step": "each"},
        "left": agent("left", "${workflow.input.text} left"),
        "right": agent("right", "${workflow.input.text} right"),
        "each": {
            "id": "each", "type": "loop", "next_step": "last",
            "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["say", "both"], "max_iterations": 2},
        },
        "say": agent("say", "${loop.item}"),
        "both": {"id": "both", "type": "parallel", "parallel_steps": ["one", "two"]},
        "one": agent("one", "one ${loop.item}"),
        "two": agent("two", "two ${loop.item}"),
        "last": {
            "id": "last", "agent_name": "echo", "next_step": null,
            "input_mapping": {"text": "${right.output.text}", "gather": "${gather.output.left.text}", "each": "${each.output.iterations}"},
        },
    });
    json!({"name": "blocks", "start_step": "gather", "steps": steps})
}

#[tokio::test]
async fn blocks_are_executed_by_the_existing_executor_and_their_steps_can_be_read_over_rest() {
    let partners = External::new(ExecutorHabits::default()).await;
    let id = partners.client().create(&blocks()).await;
    let run = partners.client().execute_with(&id, &json!({"text": "hello", "items": ["a", "b", "c"]})).await;

    partners.client().reaches_within(PATIENCE, &run, "COMPLETED").await;

    let steps = partners.client().steps(&run).await;
    let count = |id: &str| steps.iter().filter(|step| step["step_id"] == id && step["status"] == "COMPLETED").count();
    assert_eq!(["left", "right", "say", "one", "two", "last"].map(count), [1, 1, 2, 2, 2, 1], "{steps:?}");
    let last = steps.last().expect("steps");
    let expected = json!({
        "text": "hello right", "gather": "hello left",
        "each": [{"one": "one a", "two": "two a"}, {"one": "one b", "two": "two b"}],
    });
    assert_eq!(texts(&last["input_data"]), expected);
    partners.assert_sound();
}

#[tokio::test]
async fn what_the_executor_would_drop_is_refused_with_its_place_and_what_the_bus_would_not_take_too() {
    let partners = External::new(ExecutorHabits::default()).await;
    let mut document = workflow("typed", &[("first", "echo"), ("second", "echo")]);
    document["steps"]["second"]["input_mapping"] = json!({"limit": 3, "text": "${first.output.text}"});
    let id = partners.client().create(&document).await;
    let start = |input: Value| json!({ "input_data": input });

    let refused = partners.client().post(&format!("/workflows/{id}/execute"), &start(json!({"text": "x"}))).await;
    let problem = refused.expect(422);
    assert_eq!(problem["code"], "not_for_external_engine");
    assert!(problem.to_string().contains("/steps/second/input_mapping/limit"), "{problem}");

    partners.client().register(AgentSpec::new("broken", partners.house.cluster.agents.url("echo"))).await;
    let id = partners.client().create(&every_step_type("everything")).await;
    let refused = partners.client().post(&format!("/workflows/{id}/execute"), &start(json!({"text": "x"}))).await;
    let problem = refused.expect(422).to_string();
    for place in ["/steps/wait/type", "(/steps/attempt)", "/steps/repeat/input_mapping/text"] {
        assert!(problem.contains(place), "{place}: {problem}");
    }

    let id = partners.client().create(&workflow("large", &[("only", "echo")])).await;
    let large = json!({"text": "x".repeat(1_000_000)});
    partners.client().post(&format!("/workflows/{id}/execute"), &start(large)).await.expect(413);
    let most = json!({"text": "x".repeat(890_000)});
    let most = partners.client().post(&format!("/workflows/{id}/execute"), &start(most)).await.expect(202);
    let most = most["run_id"].as_str().expect("a run id");

    partners.client().reaches_within(PATIENCE, most, "COMPLETED").await;
    assert_eq!(partners.executor.seen().begun, [most], "nothing of what was refused was asked for");
    partners.assert_sound();
}

#[tokio::test]
async fn a_retry_that_the_executor_could_not_be_asked_for_fails_with_the_reason_and_is_asked_for_no_more() {
    let partners = External::new(ExecutorHabits::default()).await;
    let wait = json!({"id": "wait", "type": "delay", "delay_config": {"seconds": 1}, "next_step": null});
    let document = json!({"name": "waits", "start_step": "wait", "steps": {"wait": wait}});
    let id = partners.client().create(&document).await;
    // A run of the existing API: it is pinned to no plan, and its definition may have changed since.
    let run = run_id();
    sqlx::query(
        "INSERT INTO workflow_runs (run_id, workflow_id, workflow_definition_id, workflow_name, status, input_data)
         VALUES ($1, $2, $2, 'waits', 'FAILED', '{}')",
    )
    .bind(&run)
    .bind(&id)
    .execute(&partners.house.pool)
    .await
    .expect("a row");

    partners.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);

    let failed = partners.client().reaches_within(PATIENCE, &run, "FAILED").await;
    let error = failed["error_message"].as_str().unwrap_or_default();
    assert!(error.contains("step 'wait' of the plan has the type 'delay'"), "{error}");
    let letter = partners.house.records("workflow.dead.letters", 1).await.remove(0);
    assert!(error.ends_with(&header(&letter, "dead-letter.reason")), "{error}");
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM external_requests")
        .fetch_one(&partners.house.pool)
        .await
        .expect("a number");
    assert_eq!(waiting, 0, "nothing is to be sent any more");
    partners.assert_sound();
}
