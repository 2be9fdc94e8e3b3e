//! Runs that are started for a later time.

use std::time::{Duration, Instant};

use e2e_tests::{eventually, workflow};
use serde_json::json;

use crate::House;

#[tokio::test]
async fn a_run_for_later_begins_when_its_time_has_come_although_the_server_was_killed() {
    let house = House::new().await;
    let id = house.client().create(&workflow("later", &[("only", "echo")])).await;
    let started = Instant::now();
    let body = json!({"input_data": {"text": "hello"}, "delay_seconds": 6});
    let run = house.client().post(&format!("/workflows/{id}/execute"), &body).await.expect(202);
    let run = run["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(house.client().run(&run).await["waiting_on"][0]["reason"], "delayed_start");

    let house = house.crash().await;

    eventually("the agent is called", async || (!house.agents.calls().await.of_step("only").is_empty()).then_some(()))
        .await;
    assert!(started.elapsed() >= Duration::from_secs(6), "it began after {:?}", started.elapsed());
    house.client().reaches(&run, "COMPLETED").await;
}

#[tokio::test]
async fn what_a_run_for_later_is_told_before_does_not_begin_it() {
    let house = House::new().await;
    let id = house.client().create(&workflow("later", &[("only", "echo")])).await;
    let started = Instant::now();
    let body = json!({"input_data": {"text": "hello"}, "delay_seconds": 5});
    let run = house.client().post(&format!("/workflows/{id}/execute"), &body).await.expect(202);
    let run = run["run_id"].as_str().expect("an id").to_owned();
    house.client().post(&format!("/runs/{run}/pause"), &json!({})).await.expect(202);
    eventually("it is paused", async || (house.client().run(&run).await["paused"] == true).then_some(())).await;
    house.client().post(&format!("/runs/{run}/unpause"), &json!({})).await.expect(202);
    eventually("it goes on", async || (house.client().run(&run).await["paused"] == false).then_some(())).await;
    assert_eq!(house.client().run(&run).await["status"], "PENDING");
    house.client().reaches(&run, "COMPLETED").await;
    assert!(started.elapsed() >= Duration::from_secs(5), "it began before its time");
}
