//! What people do to runs that do not go as they should: skip a step, do one anew, decide about a call whose outcome nobody
//! knows; and how long a run puts up with silence.

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, workflow};
use serde_json::{Value, json};

use crate::House;

/// A house whose agent `moody` behaves as the stub is told.
async fn house(behaviour: Behaviour) -> (House, Stub) {
    let house = House::new().await;
    let stub = Stub::start(behaviour).await;
    house.client().register(AgentSpec::new("moody", stub.url()).attempts(1)).await;
    (house, stub)
}

fn three(name: &str) -> Value {
    workflow(name, &[("first", "echo"), ("second", "moody"), ("third", "echo")])
}

async fn waits_for(house: &House, run: &str, reason: &str) -> Value {
    eventually(&format!("the run waits for {reason}"), async || {
        let waits = house.client().run(run).await["waiting_on"].clone();
        waits.as_array()?.iter().find(|waits| waits["reason"] == reason).cloned()
    })
    .await
}

#[tokio::test]
async fn a_step_whose_agent_hangs_is_skipped_and_the_run_goes_on_with_the_given_output() {
    let (house, stub) = house(Behaviour::Hang).await;
    let id = house.client().create(&three("skipped")).await;
    let run = house.client().execute(&id, "hello").await;
    eventually("the agent is called", async || (!stub.received().is_empty()).then_some(())).await;
    let waits = waits_for(&house, &run, "agent_call").await;
    assert_eq!((&waits["step"], &waits["agent_name"]), (&json!("second"), &json!("moody")));

    let skip = json!({"step": "second", "output": {"text": "given"}});
    house.client().post(&format!("/runs/{run}/skip"), &skip).await.expect(202);
    let done = house.client().reaches(&run, "COMPLETED").await;
    assert_eq!(done["waiting_on"], json!([]));
    let steps = house.client().steps(&run).await;
    let second: Vec<&Value> = steps.iter().filter(|step| step["step_id"] == "second").collect();
    assert_eq!(second.len(), 2, "{second:#?}");
    assert_eq!(second[0]["error_message"], "Skipped by key:admin");
    assert_eq!((&second[1]["status"], &second[1]["output_data"]["text"]), (&json!("COMPLETED"), &json!("given")));
    assert_eq!(stub.received().len(), 1);
}

#[tokio::test]
async fn a_completed_run_is_done_anew_from_a_step_with_new_messages_and_nothing_before_it_is() {
    let (house, stub) = house(Behaviour::Answer).await;
    let id = house.client().create(&three("anew")).await;
    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "COMPLETED").await;

    house.client().post(&format!("/runs/{run}/rerun"), &json!({"from_step": "second"})).await.expect(202);
    eventually("the second step was done anew", async || (stub.received().len() == 2).then_some(())).await;
    eventually("the run is COMPLETED again", async || {
        (house.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    let received = stub.received();
    assert_ne!(received[0].message_id, received[1].message_id, "the agent has to do it anew");
    let calls = house.agents.calls().await;
    assert!(matches!(calls.of_step("first")[..], [(_, 1)]), "{:?}", calls.of_step("first"));
    assert_eq!(calls.of_step("third").len(), 2);
}

#[tokio::test]
async fn a_call_that_a_kill_has_cut_is_left_to_a_person_where_the_step_says_so() {
    let (house, stub) = house(Behaviour::Hang).await;
    let mut document = three("parked");
    document["steps"]["second"]["retry_strategy"] = json!({"on_unknown_outcome": "park"});
    let id = house.client().create(&document).await;
    let run = house.client().execute(&id, "hello").await;
    eventually("the agent is called", async || (!stub.received().is_empty()).then_some(())).await;
    let house = house.crash().await;
    let waits = waits_for(&house, &run, "paused").await;
    assert_eq!(waits["by"], "on_unknown_outcome");
    assert_eq!(stub.received().len(), 1, "it is not called again");

    let skip = json!({"step": "second", "output": {"text": "done by hand"}});
    house.client().post(&format!("/runs/{run}/skip"), &skip).await.expect(202);
    house.client().post(&format!("/runs/{run}/unpause"), &json!({})).await.expect(202);
    house.client().reaches(&run, "COMPLETED").await;
    assert_eq!(stub.received().len(), 1);
}

#[tokio::test]
async fn a_run_and_a_step_that_take_too_long_fail_with_the_reason() {
    let (house, _stub) = house(Behaviour::Hang).await;
    let mut document = three("late-run");
    document["timeout_seconds"] = json!(1);
    let id = house.client().create(&document).await;
    let run = house.client().execute(&id, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    assert_eq!(failed["error_message"], "Workflow timed out after 1 seconds");

    let mut document = three("late-step");
    document["steps"]["second"]["timeout_seconds"] = json!(1);
    let id = house.client().create(&document).await;
    let run = house.client().execute(&id, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    assert_eq!(failed["error_message"], "Workflow failed at step 'second': Step timed out after 1 seconds");
}

#[tokio::test]
async fn a_strategy_says_which_statuses_are_tried_again_and_a_budget_how_often_at_all() {
    let (house, stub) = house(Behaviour::Status(503)).await;
    let mut document = three("strategy");
    let strategy = json!({"type": "immediate", "max_retries": 4, "retry_on_status_codes": [503]});
    document["steps"]["second"]["retry_strategy"] = strategy;
    let id = house.client().create(&document).await;
    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;
    assert_eq!(stub.received().len(), 4);
    stub.behave(Behaviour::Status(500));
    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;
    assert_eq!(stub.received().len(), 5, "500 is not tried again");

    stub.behave(Behaviour::Status(503));
    document["name"] = json!("budget");
    document["max_retry_budget"] = json!(1);
    let id = house.client().create(&document).await;
    let run = house.client().execute(&id, "hello").await;
    let failed = house.client().reaches(&run, "FAILED").await;
    assert_eq!(stub.received().len(), 7);
    assert!(failed["error_message"].as_str().is_some_and(|text| text.contains("retry budget of 1")), "{failed}");
}

#[tokio::test]
async fn a_run_whose_call_waits_for_the_limit_or_the_breaker_of_its_agent_says_so() {
    let house = House::new().await;
    let (slow, broken) = (Stub::start(Behaviour::Hang).await, Stub::start(Behaviour::Status(503)).await);
    let agents = [
        json!({"name": "slow", "url": slow.url(), "timeout_ms": 30_000, "max_concurrent_calls": 1}),
        json!({"name": "broken", "url": broken.url(), "timeout_ms": 30_000,
            "retry_config": {"max_retries": 5, "initial_delay_ms": 100, "max_delay_ms": 1000, "backoff_multiplier": 1.0},
            "circuit_breaker_config": {"failure_threshold": 2, "timeout_seconds": 60, "on_open": "wait"}}),
    ];
    for agent in agents {
        house.client().post("/agents", &agent).await.expect(201);
    }
    let id = house.client().create(&workflow("slow", &[("only", "slow")])).await;
    let called = house.client().execute(&id, "first").await;
    eventually("the agent is called", async || (!slow.received().is_empty()).then_some(())).await;
    let waits = house.client().execute(&id, "second").await;
    let reason = waits_for(&house, &waits, "concurrency_limit").await;
    assert_eq!((&reason["step"], &reason["agent_name"]), (&json!("only"), &json!("slow")));
    assert_eq!(reason["message"], "All 1 calls that agent 'slow' takes at once are under way");
    waits_for(&house, &called, "agent_call").await;

    let id = house.client().create(&workflow("broken", &[("only", "broken")])).await;
    let kept = house.client().execute(&id, "third").await;
    let reason = waits_for(&house, &kept, "circuit_breaker").await;
    assert_eq!(reason["message"], "The circuit breaker of agent 'broken' is open");
    assert!(reason["until"].is_string(), "{reason}");
}
