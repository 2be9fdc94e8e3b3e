//! Runs that are started for a later time.

use std::time::Duration;

use domain::{
    ids::ExecutorId,
    ports::{Clock, RunInbox, RunLeases},
};
use serde_json::{Value, json};

use crate::support::{Answer, Orrery, World};

/// The time of the server is 2026-01-31T12:00:00.123456Z.
const LATER: &str = "2026-01-31T13:00:00Z";

async fn with_workflow() -> (Orrery, String) {
    // An executor that would take any run at once.
    let orrery = Orrery::within(World { executor: true, ..World::default() });
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    (orrery, format!("/api/v1/workflows/{id}/execute"))
}

async fn start(orrery: &Orrery, path: &str, when: Value) -> Answer {
    let mut body = json!({"input_data": {"a": 1}});
    body.as_object_mut().expect("an object").extend(when.as_object().expect("an object").clone());
    orrery.post(path, body).await
}

fn id(answer: &Answer) -> String {
    answer.expect(202)["run_id"].as_str().expect("an id").to_owned()
}

/// The runs that an executor would take now.
fn due(orrery: &Orrery) -> Vec<String> {
    let claimed = orrery.store().claim_now(ExecutorId::new(uuid::Uuid::nil()), 10, orrery.clock.now());
    claimed.into_iter().map(|claimed| claimed.run.to_string()).collect()
}

#[actix_web::test]
async fn a_run_for_later_waits_says_so_and_is_taken_when_its_time_has_come() {
    let (orrery, path) = with_workflow().await;
    let answer = start(&orrery, &path, json!({"start_at": LATER})).await;
    let run = id(&answer);
    assert_eq!(
        (&answer.json()["status"], &answer.json()["start_at"]),
        (&json!("PENDING"), &json!("2026-01-31T13:00:00.000000Z"))
    );
    let seen = orrery.get(&format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!(seen["start_at"], "2026-01-31T13:00:00.000000Z");
    let reasons = seen["waiting_on"].as_array().expect("reasons");
    assert_eq!(reasons.len(), 1, "{seen:#}");
    assert_eq!((&reasons[0]["reason"], &reasons[0]["until"]), (&json!("delayed_start"), &seen["start_at"]));
    let listed = orrery.get("/api/v1/runs").await.expect(200);
    assert_eq!(listed["items"][0]["start_at"], seen["start_at"]);

    orrery.clock.advance(Duration::from_secs(3_599));
    assert_eq!(due(&orrery), [""; 0]);
    assert_eq!(orrery.store().unattended(orrery.clock.now()).await.expect("memory"), 0, "nothing is wrong with it");
    orrery.clock.advance(Duration::from_secs(1));
    let seen = orrery.get(&format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!(seen["waiting_on"][0]["reason"], "executor", "{seen:#}");
    assert_eq!(due(&orrery), [run]);
}

#[actix_web::test]
async fn a_delay_in_seconds_is_the_same_as_a_time() {
    let (orrery, path) = with_workflow().await;
    let answer = start(&orrery, &path, json!({"delay_seconds": 60})).await;
    assert_eq!(answer.expect(202)["start_at"], "2026-01-31T12:01:00.123456Z");
}

#[actix_web::test]
async fn a_time_that_is_past_means_now() {
    let (orrery, path) = with_workflow().await;
    for when in [json!({"start_at": "2026-01-31T12:00:00Z"}), json!({"delay_seconds": 0}), json!({})] {
        let run = id(&start(&orrery, &path, when).await);
        let seen = orrery.get(&format!("/api/v1/runs/{run}")).await.expect(200);
        assert_eq!(seen["start_at"], Value::Null);
        assert_eq!(seen["status"], "RUNNING", "the executor has taken it");
    }
}

#[actix_web::test]
async fn when_a_run_begins_is_said_once_and_not_too_far_ahead() {
    let (orrery, path) = with_workflow().await;
    let both = start(&orrery, &path, json!({"start_at": LATER, "delay_seconds": 5})).await;
    assert_eq!(both.mistakes()[0].0, "body.delay_seconds");
    for when in [json!({"delay_seconds": -1}), json!({"delay_seconds": 31_622_401}), json!({"start_at": "soon"})] {
        assert_eq!(start(&orrery, &path, when).await.mistakes().len(), 1);
    }
    let far = start(&orrery, &path, json!({"start_at": "2027-02-02T12:00:00Z"})).await;
    assert_eq!(far.mistakes()[0].0, "body.start_at");
    start(&orrery, &path, json!({"start_at": "2027-01-31T12:00:00Z"})).await.expect(202);
    start(&orrery, &path, json!({"delay_seconds": 31_622_400})).await.expect(202);
}

#[actix_web::test]
async fn a_run_for_later_can_be_cancelled_and_a_retry_begins_it_at_once() {
    let (orrery, path) = with_workflow().await;
    let run = id(&start(&orrery, &path, json!({"start_at": LATER})).await);
    let cancelled = orrery.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "CANCELLED");
    orrery.clock.advance(Duration::from_hours(2));
    assert_eq!(due(&orrery), [""; 0]);
    orrery.post(&format!("/api/v1/runs/{run}/retry"), json!({})).await.expect(202);
    assert_eq!(due(&orrery), [run]);
}

#[actix_web::test]
async fn a_run_for_later_can_be_paused_before() {
    let (orrery, path) = with_workflow().await;
    let run = id(&start(&orrery, &path, json!({"start_at": LATER})).await);
    orrery.post(&format!("/api/v1/runs/{run}/pause"), json!({})).await.expect(202);
    // Its inbox makes it due; whoever takes it finds that its time has not come.
    assert_eq!(due(&orrery), [run]);
    let mail = orrery.store().mail_for(ExecutorId::new(uuid::Uuid::nil()), 5).await.expect("memory");
    assert_eq!(mail[0].entries.len(), 1);
}
