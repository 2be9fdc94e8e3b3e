//! What a crash and an orderly end leave behind.

use std::{collections::BTreeSet, time::Duration};

use e2e_tests::{AgentSpec, Orrery, eventually, workflow};

use crate::House;

/// How long an orderly end may take, beyond the calls that are in flight.
const GRACE: Duration = Duration::from_secs(20);

async fn slow_in_the_middle(house: &House, ms: u64) -> String {
    let slow = AgentSpec::new("slow", house.agents.url(&format!("slow?ms={ms}"))).attempts(3);
    house.client().register(slow).await;
    let document = workflow("slow in the middle", &[("before", "echo"), ("during", "slow"), ("after", "echo")]);
    house.client().create(&document).await
}

async fn is_called(house: &House, step: &str) {
    eventually(&format!("step {step} is called"), async || {
        let calls = house.agents.calls().await;
        (!calls.of_step(step).is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn after_a_kill_the_run_completes_and_only_the_step_in_flight_is_repeated_with_the_same_message() {
    let house = House::new().await;
    let id = slow_in_the_middle(&house, 2000).await;
    let run = house.client().execute(&id, "hello").await;
    is_called(&house, "during").await;

    let house = house.crash().await;
    house.client().reaches(&run, "COMPLETED").await;

    let calls = house.agents.calls().await;
    for step in ["before", "after"] {
        let of_step = calls.of_step(step);
        assert!(matches!(of_step[..], [(_, 1)]), "step {step} was called {of_step:?}");
    }
    let of_step = calls.of_step("during");
    let [(message_id, 2)] = of_step[..] else { panic!("the step in flight was called {of_step:?}") };
    let digests: BTreeSet<_> = calls.digests_of(message_id).into_iter().collect();
    assert_eq!(digests.len(), 1, "the repeated call has the same bytes");
    let states = house.client().step_states(&run).await;
    assert_eq!(states.len(), 3, "the attempt that was cut is continued, not listed twice: {states:?}");
}

#[tokio::test]
async fn no_start_that_was_accepted_is_lost_by_a_kill() {
    let house = House::new().await;
    let id = house.client().create(&workflow("durable", &[("first", "echo"), ("second", "echo")])).await;
    let mut runs = Vec::new();
    for number in 0..50 {
        runs.push(house.client().execute(&id, &format!("text {number}")).await);
    }

    let house = house.crash().await;

    for run in &runs {
        house.client().reaches(run, "COMPLETED").await;
    }
    assert_eq!(house.client().total("runs").await, 50);
}

#[tokio::test]
async fn a_wait_between_two_attempts_survives_a_kill() {
    let house = House::new().await;
    let flaky = AgentSpec::new("flaky", house.agents.url("flaky?fail=3")).attempts(10);
    house.client().register(flaky).await;
    let id = house.client().create(&workflow("flaky", &[("only", "flaky")])).await;
    let run = house.client().execute(&id, "hello").await;
    is_called(&house, "only").await;

    let house = house.crash().await;

    house.client().reaches(&run, "COMPLETED").await;
}

#[tokio::test]
async fn a_cancelled_run_stays_cancelled_after_a_kill() {
    let house = House::new().await;
    let id = slow_in_the_middle(&house, 60_000).await;
    let run = house.client().execute(&id, "hello").await;
    is_called(&house, "during").await;
    house.client().post(&format!("/runs/{run}/cancel"), &serde_json::json!({})).await.expect(200);

    let house = house.crash().await;

    assert_eq!(house.client().run(&run).await["status"], "CANCELLED");
    assert_eq!(house.agents.calls().await.of_step("during").len(), 1);
}

#[tokio::test]
async fn on_sigterm_calls_in_flight_are_awaited_and_the_server_ends_with_zero() {
    let house = House::new().await;
    let id = slow_in_the_middle(&house, 1500).await;
    let run = house.client().execute(&id, "hello").await;
    is_called(&house, "during").await;

    let House { orrery, agents, folder } = house;
    let ended = tokio::time::timeout(GRACE, orrery.terminate()).await.expect("the server ends within the grace");
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr.join("\n"));

    let house = House { orrery: Orrery::start(folder.path()).await, agents, folder };
    house.client().reaches(&run, "COMPLETED").await;
    let calls = house.agents.calls().await;
    assert!(calls.by_message_id.values().all(|count| *count == 1), "nothing was cut: {:?}", calls.by_message_id);
}

#[tokio::test]
async fn an_idle_server_ends_with_zero_on_sigterm() {
    let house = House::new().await;
    let ended = tokio::time::timeout(GRACE, house.orrery.terminate()).await.expect("the server ends within the grace");
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr.join("\n"));
}

#[tokio::test]
async fn what_was_registered_is_there_after_a_kill() {
    let house = House::new().await;
    let id = house.client().create(&workflow("kept", &[("only", "echo")])).await;

    let house = house.crash().await;

    assert_eq!(house.client().get(&format!("/workflows/{id}")).await.expect(200)["name"], "kept");
    assert_eq!((house.client().total("agents").await, house.client().total("workflows").await), (1, 1));
}
