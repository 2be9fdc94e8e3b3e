//! Rehearsals: a version with mocks in place of the world.

use serde_json::{Value, json};

use crate::support::{Orrery, step};

const WORKFLOWS: &str = "/api/v1/workflows";

/// Asks, waits for a decision, checks it, has another workflow do the rest.
async fn with_every_new_step(orrery: &Orrery) -> String {
    orrery.agent("A").await;
    orrery.workflow("other").await;
    let steps = json!({
        "ask": {"id": "ask", "agent_name": "A", "input_mapping": {"x": "${workflow.input.a}"}, "next_step": "wait"},
        "wait": {"id": "wait", "type": "wait_for_event", "next_step": "check", "event_config": {
            "event": "approved", "filter": "${event.data.ok} == true", "timeout_seconds": 3600, "on_timeout": "continue"}},
        "check": {"id": "check", "type": "validate", "next_step": "rest", "validate_config": {
            "data": "${wait.output}", "mode": "warn", "assertions": ["${data.timed_out} == false"]}},
        "rest": {"id": "rest", "type": "sub_workflow", "workflow_name": "other", "input_mapping": {"a": "${ask.output.y}"}},
    });
    let document = json!({
        "name": "w", "start_step": "ask", "steps": steps,
        "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "output": {"answer": "${ask.output.y}", "rest": "${rest.output}", "valid": "${check.output.valid}"},
    });
    orrery.post(WORKFLOWS, document).await.expect(201)["id"].as_str().expect("an id").to_owned()
}

fn taken(rehearsal: &Value) -> Vec<&str> {
    let path = rehearsal["path_taken"].as_array().expect("a path").iter();
    path.map(|begun| begun["path"].as_str().expect("a text")).collect()
}

#[actix_web::test]
async fn a_rehearsal_tells_the_path_the_attempts_and_the_output_and_stores_nothing() {
    let orrery = Orrery::new();
    let id = with_every_new_step(&orrery).await;
    let mocks = json!({
        "ask": [{"error": "not now"}, {"y": 7}], "wait": {"ok": true}, "rest": {"done": [1, 2]},
    });
    let sent = json!({"input_data": {"a": 1}, "mocks": mocks});
    let told = orrery.post(&format!("{WORKFLOWS}/{id}/test"), sent).await.expect(200);
    assert_eq!(
        (&told["status"], &told["error_message"], &told["truncated"]),
        (&json!("COMPLETED"), &Value::Null, &json!(false)),
        "{told:#}"
    );
    assert_eq!(told["output_data"], json!({"answer": 7, "rest": {"done": [1, 2]}, "valid": true}));
    assert_eq!(taken(&told), ["ask", "wait", "check", "rest"]);
    let kinds: Vec<_> = told["path_taken"].as_array().expect("a path").iter().map(|begun| &begun["type"]).collect();
    assert_eq!(kinds, ["agent", "wait_for_event", "validate", "sub_workflow"]);
    let attempts = told["attempts"].as_array().expect("attempts");
    let seen: Vec<_> =
        attempts.iter().map(|row| (&row["path"], &row["attempt"], &row["status"], &row["error_message"])).collect();
    assert_eq!(
        seen[..2],
        [
            (&json!("ask"), &json!(1), &json!("FAILED"), &json!("not now")),
            (&json!("ask"), &json!(2), &json!("COMPLETED"), &Value::Null),
        ]
    );
    assert_eq!(attempts.last().expect("attempts")["input_data"], json!({"a": 7}));
    assert!(told["duration_ms"].as_i64().is_some_and(|ms| ms > 0), "the wait between two attempts counts");
    assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 0);
}

#[actix_web::test]
async fn in_a_rehearsal_time_passes_at_once_and_what_nobody_mocks_fails_or_waits() {
    let orrery = Orrery::new();
    let id = with_every_new_step(&orrery).await;
    let path = format!("{WORKFLOWS}/{id}/test");
    let without_event = json!({"input_data": {"a": 1}, "mocks": {"ask": {"y": 7}, "rest": null}});
    let told = orrery.post(&path, without_event).await.expect(200);
    assert_eq!((&told["status"], &told["duration_ms"]), (&json!("COMPLETED"), &json!(3_600_000)), "{told:#}");
    assert_eq!(told["output_data"], json!({"answer": 7, "rest": null, "valid": false}));
    let filtered = json!({"input_data": {"a": 1}, "mocks": {"ask": {"y": 7}, "wait": {"ok": false}, "rest": {}}});
    let told = orrery.post(&path, filtered).await.expect(200);
    assert_eq!((&told["status"], &told["duration_ms"]), (&json!("COMPLETED"), &json!(3_600_000)), "{told:#}");

    let told = orrery.post(&path, json!({"input_data": {"a": 1}})).await.expect(200);
    assert_eq!((&told["status"], taken(&told)), (&json!("FAILED"), vec!["ask"]));
    assert!(told["error_message"].as_str().expect("a text").contains("There is no mock for step 'ask'"), "{told:#}");
    let failed =
        json!({"input_data": {"a": 1}, "mocks": {"ask": {"y": 1}, "wait": {"ok": true}, "rest": {"error": "no"}}});
    let told = orrery.post(&path, failed).await.expect(200);
    assert_eq!((&told["status"], &told["output_data"]), (&json!("FAILED"), &Value::Null));
    assert!(told["error_message"].as_str().expect("a text").contains("no"), "{told:#}");

    let endless = json!({"name": "endless", "start_step": "wait", "steps": {
        "wait": {"id": "wait", "type": "wait_for_event", "event_config": {"event": "e"}}}});
    let endless = orrery.post(WORKFLOWS, endless).await.expect(201);
    let told = orrery.post(&format!("{WORKFLOWS}/{}/test", endless["id"].as_str().expect("an id")), json!({})).await;
    assert_eq!(told.expect(200)["status"], "WAITING");
}

#[actix_web::test]
async fn a_rehearsal_that_would_not_end_is_given_up_with_the_limit() {
    let orrery = Orrery::new();
    let repeats = |id: &str, body: &str| {
        let config = json!({"collection": "${workflow.input.items}", "loop_body": [body]});
        json!({"id": id, "type": "loop", "loop_config": config})
    };
    let created = orrery.post(
        WORKFLOWS,
        json!({"name": "days", "start_step": "x", "steps": {
        "x": repeats("x", "y"), "y": repeats("y", "z"), "z": repeats("z", "nothing"),
        "nothing": {"id": "nothing", "type": "delay", "delay_config": {"seconds": 0}}}}),
    );
    let path = format!("{WORKFLOWS}/{}/test", created.await.expect(201)["id"].as_str().expect("an id"));
    let told = orrery.post(&path, json!({"input_data": {"items": vec![0; 1000]}})).await.expect(200);
    assert_eq!((&told["status"], &told["path_truncated"]), (&json!("TOO_LONG"), &json!(true)));
    assert_eq!(told["error_message"], "The rehearsal was given up after 100000 events");
}

#[actix_web::test]
async fn a_version_of_any_status_is_rehearsed_and_one_that_is_not_there_is_not_found() {
    let orrery = Orrery::new();
    let id = with_every_new_step(&orrery).await;
    let (workflow, path) = (format!("{WORKFLOWS}/{id}"), format!("{WORKFLOWS}/{id}/test"));
    let draft = json!({"start_step": "last", "steps": {"last": step("last")}, "status": "draft", "output": null});
    orrery.put(&workflow, draft).await.expect(200);
    let of = |version: Value| json!({"input_data": {"a": 1}, "version": version, "mocks": {"last": {"z": 1}}});
    for version in [json!(2), Value::Null] {
        let told = orrery.post(&path, of(version)).await.expect(200);
        assert_eq!((&told["status"], &told["output_data"]), (&json!("COMPLETED"), &json!({"z": 1})));
    }
    let older = orrery
        .post(&path, json!({"input_data": {"a": 1}, "version": 1, "mocks": {"ask": {"error": "x"}}}))
        .await
        .expect(200);
    assert_eq!(older["status"], "FAILED");
    orrery.post(&path, of(json!(3))).await.problem(404, "version_not_found");
    let unknown = format!("{WORKFLOWS}/0190c0de-0000-7000-8000-00000000dead/test");
    orrery.post(&unknown, json!({})).await.problem(404, "workflow_not_found");
    for odd in [json!(0), json!("1"), json!(1.5)] {
        assert_eq!(orrery.post(&path, of(odd)).await.mistakes()[0].0, "body.version");
    }
}

#[actix_web::test]
async fn mocks_for_no_step_and_inputs_that_do_not_fit_are_refused() {
    let orrery = Orrery::new();
    let id = with_every_new_step(&orrery).await;
    let path = format!("{WORKFLOWS}/{id}/test");
    let unknown = orrery.post(&path, json!({"mocks": {"ask": {}, "aks": {}, "each[2]/x~y": {}}})).await;
    let problem = unknown.problem(422, "validation_failed");
    let pointers: Vec<_> = problem["errors"].as_array().expect("mistakes").iter().map(|e| &e["pointer"]).collect();
    assert_eq!(pointers, ["/mocks/aks", "/mocks/each[2]~1x~0y"]);
    assert_eq!(problem["errors"][0]["message"], "the workflow has no step 'aks'");

    let unfit = orrery.post(&path, json!({"input_data": {"a": "x"}})).await.problem(422, "input_invalid");
    assert_eq!(unfit["errors"][0]["pointer"], "/input_data/a");
    for (body, place) in [
        (json!({"input_data": []}), "body.input_data"),
        (json!({"mocks": [1]}), "body.mocks"),
        (json!({"mock": {}}), "body.mock"),
        (json!({"input_data": {"a": "x\u{0}"}}), "body.input_data.a"),
    ] {
        assert_eq!(orrery.post(&path, body).await.mistakes()[0].0, place);
    }
}
