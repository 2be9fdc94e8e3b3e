//! Cancel and retry.

use std::time::Duration;

use e2e_tests::{AgentSpec, Behaviour, Stub, eventually, workflow};
use serde_json::json;

use crate::House;

/// A house with a run whose second step has reached an agent that does not answer.
async fn with_a_hanging_run() -> (House, Stub, String) {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Hang).await;
    house.client().register(AgentSpec::new("moody", stub.url())).await;
    let id =
        house.client().create(&workflow("hangs", &[("first", "echo"), ("second", "moody"), ("third", "echo")])).await;
    let run = house.client().execute(&id, "hello").await;
    eventually("the agent is called", async || (!stub.received().is_empty()).then_some(())).await;
    (house, stub, run)
}

#[tokio::test]
async fn cancel_stops_a_run_whose_agent_hangs_at_once_and_a_retry_completes_it() {
    let (house, stub, run) = with_a_hanging_run().await;

    let reason = json!({"reason": "no patience"});
    let cancelled = house.client().post(&format!("/runs/{run}/cancel"), &reason).await.expect(200);
    assert_eq!(cancelled["status"], "CANCELLED");
    house.client().reaches_within(Duration::from_secs(2), &run, "CANCELLED").await;
    let document = house.client().run(&run).await;
    assert_eq!(document["error_message"], "Cancelled: no patience");
    assert!(document["cancelled_at"].is_string(), "{document}");

    stub.behave(Behaviour::Answer);
    let retried = house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    assert_eq!((&retried["new_run_id"], &retried["original_run_id"]), (&run.as_str().into(), &run.as_str().into()));
    eventually("the retried run is COMPLETED", async || {
        (house.client().run(&run).await["status"] == "COMPLETED").then_some(())
    })
    .await;
    let calls = house.agents.calls().await;
    assert!(matches!(calls.of_step("first")[..], [(_, 1)]), "the completed step is not called again");
}

#[tokio::test]
async fn a_retry_after_a_failure_resumes_at_the_failed_step_only() {
    let house = House::new().await;
    let stub = Stub::start(Behaviour::Status(500)).await;
    house.client().register(AgentSpec::new("moody", stub.url())).await;
    let id =
        house.client().create(&workflow("resumes", &[("first", "echo"), ("second", "moody"), ("third", "echo")])).await;
    let run = house.client().execute(&id, "hello").await;
    house.client().reaches(&run, "FAILED").await;

    stub.behave(Behaviour::Answer);
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    let done = eventually("the retried run is COMPLETED", async || {
        Some(house.client().run(&run).await).filter(|run| run["status"] == "COMPLETED")
    })
    .await;

    assert!(done["error_message"].is_null(), "{done}");
    let calls = house.agents.calls().await;
    for step in ["first", "third"] {
        assert!(matches!(calls.of_step(step)[..], [(_, 1)]), "step {step}: {:?}", calls.of_step(step));
    }
    assert_eq!(stub.received().len(), 2);
}

#[tokio::test]
async fn a_run_that_ended_is_not_cancelled_and_one_that_runs_is_not_retried() {
    let (house, stub, hanging) = with_a_hanging_run().await;
    let refused = house.client().post(&format!("/runs/{hanging}/retry"), &json!({})).await;
    refused.expect(400);
    assert_eq!(refused.content_type, "application/problem+json");

    house.client().post(&format!("/runs/{hanging}/cancel"), &json!({})).await.expect(200);
    let refused = house.client().post(&format!("/runs/{hanging}/cancel"), &json!({})).await;
    refused.expect(400);
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("CANCELLED")), "{}", refused.text);
    assert_eq!(stub.received().len(), 1);
}

#[tokio::test]
async fn a_new_version_of_a_workflow_does_not_change_runs_that_are_under_way() {
    let (house, stub, run) = with_a_hanging_run().await;
    let workflow_id = house.client().run(&run).await["workflow_id"].as_str().expect("an id").to_owned();
    let shorter = workflow("hangs", &[("other", "echo")]);
    let update = json!({"start_step": &shorter["start_step"], "steps": &shorter["steps"]});
    let updated = house.client().put(&format!("/workflows/{workflow_id}"), &update).await.expect(200);
    assert_eq!((&updated["id"], &updated["version"]), (&workflow_id.as_str().into(), &2.into()));

    house.client().post(&format!("/runs/{run}/cancel"), &json!({})).await.expect(200);
    stub.behave(Behaviour::Answer);
    let next = house.client().execute(&workflow_id, "hello").await;
    house.client().reaches(&next, "COMPLETED").await;

    let states = house.client().step_states(&next).await;
    assert_eq!(states, [("other".to_owned(), "COMPLETED".to_owned())]);
    let versions = house.client().get(&format!("/workflows/{workflow_id}/versions")).await.expect(200);
    assert_eq!(versions["total"], 2);
    assert!(house.client().step_states(&run).await.iter().all(|(step, _)| step != "other"));
}
