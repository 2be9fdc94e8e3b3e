//! Waiting for a run to end with the request that starts it.

use std::time::{Duration, Instant};

use e2e_tests::{AgentSpec, as_admin, workflow};
use reqwest::Response;
use serde_json::{Value, json};

use crate::House;

async fn post(house: &House, path: &str, prefer: &str, body: &Value) -> (u16, String, Value) {
    let url = format!("{}/api/v1{path}", house.orrery.url());
    let request = as_admin().build().expect("a client").post(url).header("prefer", prefer);
    let answer: Response =
        request.header("content-type", "application/json").body(body.to_string()).send().await.expect("an answer");
    let applied = answer.headers().get("preference-applied").map(|value| value.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    let document = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    (status, applied.unwrap_or_default(), document)
}

async fn one_step(house: &House, ms: u64) -> String {
    house.client().register(AgentSpec::new("slow", house.agents.url(&format!("slow?ms={ms}")))).await;
    let id = house.client().create(&workflow("one step", &[("only", "slow")])).await;
    format!("/workflows/{id}/execute")
}

#[tokio::test]
async fn who_waits_long_enough_is_answered_the_finished_run_with_its_output() {
    let house = House::new().await;
    let (path, input) = (one_step(&house, 300).await, json!({"input_data": {"text": "hello"}}));
    let (status, applied, run) = post(&house, &path, "wait=30", &input).await;
    assert_eq!((status, applied.as_str(), &run["status"]), (200, "wait=30", &json!("COMPLETED")));
    assert!(!run["output_data"].is_null(), "{run}");
    let stored = house.client().run(run["id"].as_str().expect("an id")).await;
    assert_eq!(stored["output_data"], run["output_data"]);
    let (status, applied, _) = post(&house, &path, "wait=3600", &input).await;
    assert_eq!((status, applied.as_str()), (200, "wait=60"), "what is too long is cut, and told so");
}

#[tokio::test]
async fn who_waits_too_short_is_answered_that_the_run_has_begun_and_loses_nothing() {
    let house = House::new().await;
    let (path, input) = (one_step(&house, 20_000).await, json!({"input_data": {"text": "hello"}}));
    let begun = Instant::now();
    let (status, applied, receipt) = post(&house, &path, "wait=1", &input).await;
    assert_eq!((status, applied.as_str(), &receipt["message"]), (202, "wait=1", &json!("Workflow execution started")));
    assert!((Duration::from_secs(1)..Duration::from_secs(15)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(receipt["status"], "RUNNING", "the run as it is after the waiting: {receipt}");
    let run = receipt["run_id"].as_str().expect("an id").to_owned();
    house.client().reaches_within(Duration::from_mins(1), &run, "COMPLETED").await;
}

#[tokio::test]
async fn who_waits_for_a_run_that_fails_is_answered_the_failed_run_and_may_wait_for_its_retry() {
    let house = House::new().await;
    house.client().register(AgentSpec::new("flaky", house.agents.url("flaky?fail=1"))).await;
    let id = house.client().create(&workflow("fails once", &[("only", "flaky")])).await;
    let input = json!({"input_data": {"text": "hello"}});
    let (status, _, run) = post(&house, &format!("/workflows/{id}/execute"), "wait=30", &input).await;
    assert_eq!((status, &run["status"]), (200, &json!("FAILED")), "{run}");
    let retry = format!("/runs/{}/retry", run["id"].as_str().expect("an id"));
    let (status, applied, run) = post(&house, &retry, "wait=30", &json!({})).await;
    assert_eq!((status, applied.as_str(), &run["status"]), (200, "wait=30", &json!("COMPLETED")), "{run}");
}

#[tokio::test]
async fn who_waits_does_not_keep_the_server_from_stopping() {
    let house = House::new().await;
    let (path, input) = (one_step(&house, 30_000).await, json!({"input_data": {"text": "hello"}}));
    let waits = async {
        let begun = Instant::now();
        let (status, ..) = post(&house, &path, "wait=60", &input).await;
        (status, begun.elapsed())
    };
    let stops = async {
        e2e_tests::eventually("the agent is called", async || {
            (!house.agents.calls().await.of_step("only").is_empty()).then_some(())
        })
        .await;
        house.orrery.ask_to_end();
    };
    let ((status, took), ()) = tokio::join!(waits, stops);
    assert_eq!(status, 202, "the run has begun, and is gone on with at the next start");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
