//! Mode (a): what a crash of one of the partners leaves behind.

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, eventually_within, workflow};
use serde_json::json;

use crate::{
    external_engine::{API, External, RELAY},
    house::{House, PATIENCE},
    old::{BridgeHabits, ExecutorHabits, OldBridge, OldExecutor},
};

#[tokio::test]
async fn a_run_whose_executor_died_is_ended_with_a_reason_and_can_be_retried() {
    let External { executor, bridge, relay, api, house } = External::new(ExecutorHabits::default()).await;
    let stub = Stub::start(Behaviour::Hang).await;
    api.client().register(AgentSpec::new("moody", stub.url()).timeout_ms(1000)).await;
    let id = api.client().create(&workflow("orphan", &[("first", "echo"), ("second", "moody")])).await;
    let run = api.client().execute(&id, "hello").await;
    eventually("the agent is called", async || (!stub.received().is_empty()).then_some(())).await;

    drop(executor);
    // Nobody waits 330 seconds in a test: the rows are made to be so old.
    for statement in [
        "UPDATE workflow_runs SET updated_at = updated_at - interval '331 s'",
        "UPDATE step_executions SET started_at = started_at - interval '331 s',
                                    completed_at = completed_at - interval '331 s'",
    ] {
        sqlx::query(statement).execute(&house.pool).await.expect("rows can be aged");
    }

    let ended = api.client().reaches_within(PATIENCE, &run, "FAILED").await;
    let reason = ended["error_message"].as_str().unwrap_or_default();
    assert!(reason.contains("has not been heard of for 330 seconds"), "{reason}");
    stub.behave(Behaviour::Answer);
    let executor = OldExecutor::start(&house.around(&api), ExecutorHabits::default());
    api.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    let partners = External { executor, bridge, relay, api, house };
    eventually_within(PATIENCE, "the retried run is COMPLETED", async || {
        (partners.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    partners.assert_sound();
}

#[tokio::test]
async fn a_request_is_published_though_the_api_is_killed_right_after_it_accepted_the_run() {
    let house = House::new().await;
    let api = house.start("api", &API).await;
    api.client().register(AgentSpec::new("echo", house.cluster.agents.url("echo"))).await;
    let id = api.client().create(&workflow("accepted", &[("only", "echo")])).await;
    let mut runs = Vec::new();
    for number in 0..3 {
        runs.push(api.client().execute(&id, &format!("text {number}")).await);
    }
    api.kill9();

    // Nothing that sends has run so far.
    let api = house.start("api", &API).await;
    let around = house.around(&api);
    let executor = OldExecutor::start(&around, ExecutorHabits::default());
    let bridge = OldBridge::start(&around, BridgeHabits::default());
    let relay = house.start("relay", &RELAY).await;
    let partners = External { executor, bridge, relay, api, house };

    for run in &runs {
        partners.client().reaches_within(PATIENCE, run, "COMPLETED").await;
    }
    assert_eq!(partners.executor.seen().begun, runs, "oldest first, each once");
    partners.assert_sound();
}

#[tokio::test]
async fn a_relay_that_is_killed_between_marking_and_publishing_makes_a_run_late_and_never_double() {
    let house = House::new().await;
    let api = house.start("api", &API).await;
    // No broker understands it: it marks the request as sent and goes on trying.
    let deaf = ["--engine", "external", "--kafka-security-protocol", "ssl", "--kafka-verification", "none"];
    let relay = house.cluster.launch("relay", &deaf).await;
    api.client().register(AgentSpec::new("echo", house.cluster.agents.url("echo"))).await;
    let id = api.client().create(&workflow("late", &[("only", "echo")])).await;
    let run = api.client().execute(&id, "hello").await;
    eventually("the request is marked as sent", async || {
        let marked = "SELECT count(*) FROM external_requests WHERE sent_at IS NOT NULL";
        (house.cluster.number(marked).await == 1).then_some(())
    })
    .await;
    relay.kill9();

    let around = house.around(&api);
    let executor = OldExecutor::start(&around, ExecutorHabits::default());
    let bridge = OldBridge::start(&around, BridgeHabits::default());
    let relay = house.start("relay", &RELAY).await;
    let partners = External { executor, bridge, relay, api, house };

    partners.client().reaches_within(PATIENCE, &run, "COMPLETED").await;
    assert_eq!(partners.executor.seen().begun, [run.as_str()]);
    assert_eq!(partners.bridge.tasks().len(), 1);
    partners.assert_sound();
}
