//! Runs.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::{Orrery, World};

#[actix_web::test]
async fn a_run_can_be_read_cancelled_and_retried() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let id = orrery.run(&workflow).await;
    let path = format!("/api/v1/runs/{id}");
    let run = orrery.get(&path).await.expect(200);
    assert_eq!((&run["id"], &run["run_id"], &run["status"]), (&json!(id), &json!(id), &json!("PENDING")));

    let problem = orrery.post(&format!("{path}/retry"), json!({})).await.problem(400, "run_not_retryable");
    assert_eq!(problem["detail"], "Can only retry failed or cancelled runs. Current status: PENDING");

    let cancelled = orrery.post(&format!("{path}/cancel"), json!({"reason": "Cancelled by user"})).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["cancelled_by"]), (&json!("CANCELLED"), &json!("system")));
    assert_eq!(cancelled["error_message"], "Cancelled: Cancelled by user");
    assert!(cancelled["message"].is_string() && cancelled["timestamp"].is_string());
    let problem = orrery.post(&format!("{path}/cancel"), json!({})).await.problem(400, "run_not_cancellable");
    assert_eq!(problem["detail"], "Can only cancel pending or running workflows. Current status: CANCELLED");

    let answer = orrery.post(&format!("{path}/retry"), json!({})).await;
    let retried = answer.expect(202);
    assert_eq!(
        (&retried["new_run_id"], &retried["original_run_id"], &retried["id"]),
        (&json!(id), &json!(id), &json!(id))
    );
    assert_eq!((&retried["status"], &retried["cancelled_at"]), (&json!("PENDING"), &Value::Null));
    assert_eq!(answer.header("location"), path);
}

#[actix_web::test]
async fn a_live_run_can_be_told_to_pause_and_to_go_on() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let path = format!("/api/v1/runs/{}", orrery.run(&workflow).await);
    for what in ["pause", "unpause"] {
        let told = orrery.send(TestRequest::post(), &format!("{path}/{what}")).await.expect(202);
        assert_eq!(
            (&told["status"], &told["paused"], &told["engine"]),
            (&json!("PENDING"), &json!(false), &json!("orrery"))
        );
    }
    orrery.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    let problem = orrery.send(TestRequest::post(), &format!("{path}/pause")).await.problem(400, "run_not_pausable");
    assert_eq!(problem["detail"], "Can only pause and unpause pending or running runs. Current status: CANCELLED");
    orrery.send(TestRequest::post(), "/api/v1/runs/run-x/unpause").await.problem(404, "run_not_found");
}

#[actix_web::test]
async fn the_bodies_of_cancel_and_retry_may_be_absent_or_null() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let path = format!("/api/v1/runs/{}", orrery.run(&workflow).await);
    assert_eq!(
        orrery.send(TestRequest::post(), &format!("{path}/cancel")).await.expect(200)["error_message"],
        Value::Null
    );
    assert_eq!(orrery.post_text(&format!("{path}/retry"), "null").await.status, 202);
    orrery.post_text(&format!("{path}/cancel"), "").await.expect(200);
    let long = orrery.post(&format!("{path}/cancel"), json!({"reason": "x".repeat(501)})).await.mistakes();
    assert_eq!(long, [("body.reason".to_owned(), "must have at most 500 characters".to_owned())]);
    let odd = orrery.post(&format!("{path}/retry"), json!({"resume_from_step": "a b", "force": true})).await.mistakes();
    assert_eq!(
        odd.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        ["body.force", "body.resume_from_step"]
    );
}

#[actix_web::test]
async fn steps_are_a_bare_array_with_the_attempt_under_way() {
    let orrery = Orrery::within(World { executor: true, ..World::default() });
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let id = orrery.run(&workflow).await;
    let steps = orrery.get(&format!("/api/v1/runs/{id}/steps")).await.expect(200);
    let step = &steps.as_array().expect("an array")[0];
    let expected = json!({
        "id": step["id"], "run_id": id, "step_id": "one", "path": "one", "step_name": "A", "agent_name": "A", "status": "RUNNING",
        "attempt": 1, "input_data": {"x": 1}, "output_data": null, "started_at": step["started_at"],
        "completed_at": null, "error_message": null,
    });
    assert_eq!(step, &expected);
    assert_eq!(orrery.get(&format!("/api/v1/runs/{id}")).await.expect(200)["status"], "RUNNING");
    orrery.post(&format!("/api/v1/runs/{id}/cancel"), json!({})).await.expect(200);
    let other = json!({"resume_from_step": "two"});
    let problem = orrery.post(&format!("/api/v1/runs/{id}/retry"), other).await.problem(400, "run_not_resumable_there");
    assert!(problem["detail"].as_str().expect("a text").contains("'one'"));
    let here = json!({"resume_from_step": "one"});
    assert_eq!(orrery.post(&format!("/api/v1/runs/{id}/retry"), here).await.status, 202);
}

#[actix_web::test]
async fn an_unknown_run_is_not_found_by_any_method() {
    let orrery = Orrery::new();
    for path in ["/api/v1/runs/undefined", "/api/v1/runs/some%20cli%2Frun"] {
        for answer in [
            orrery.get(path).await,
            orrery.get(&format!("{path}/steps")).await,
            orrery.post(&format!("{path}/retry"), json!({})).await,
            orrery.post(&format!("{path}/cancel"), json!({})).await,
        ] {
            answer.problem(404, "run_not_found");
        }
    }
    let problem = orrery.get("/api/v1/runs/some%20cli%2Frun").await.problem(404, "run_not_found");
    assert_eq!(problem["detail"], "Run with id 'some cli/run' not found");
    assert_eq!(orrery.get("/api/v1/runs/a%00b").await.mistakes()[0].0, "path.run_id");
}

#[actix_web::test]
async fn a_full_writer_asks_to_come_back_later() {
    let full = Orrery::within(World { overloaded: true, ..World::default() });
    full.agent("A").await;
    let workflow = full.workflow("w").await;
    let answer = full.post(&format!("/api/v1/workflows/{workflow}/execute"), json!({"input_data": {}})).await;
    let problem = answer.problem(503, "overloaded");
    assert_eq!((answer.header("retry-after"), &problem["error"]), ("1", &json!("Service Unavailable")));
}
