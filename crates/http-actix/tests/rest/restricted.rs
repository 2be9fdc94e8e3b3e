//! Keys that are restricted to certain workflows and agents.

use domain::access::{Right, Role};
use serde_json::{Value, json};

use crate::{
    callers::{FOR_W, NOT_B, SCOPED, SCOPED_ELSEWHERE, key_of},
    rights::{Furnished, Operation, operations},
    support::Answer,
};

fn operation(name: &str) -> Operation {
    operations().into_iter().find(|operation| operation.name == name).expect("it is declared")
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 403 && answer.json()["code"] == "out_of_scope"
}

/// Whether a restriction to workflows and agents has a say.
fn is_told_apart(operation: &Operation) -> bool {
    !matches!(operation.right, None | Some(Right::SystemRead | Right::TasksReport))
}

#[actix_web::test]
async fn a_key_reaches_nothing_that_lies_outside_of_its_scope() {
    for operation in operations().iter().filter(|operation| is_told_apart(operation)) {
        let furnished = Furnished::new().await;
        let answer = furnished.call(operation, Some(SCOPED_ELSEWHERE)).await;
        answer.problem(403, "out_of_scope");
    }
}

#[actix_web::test]
async fn a_key_reaches_what_its_scope_names() {
    for operation in operations().iter().filter(|operation| operation.name.contains("_id}")) {
        let furnished = Furnished::new().await;
        let answer = furnished.call(operation, Some(SCOPED)).await;
        let elsewhere = matches!(operation.right, Some(Right::AccessManage | Right::AuditRead | Right::WebhooksManage));
        assert_eq!(is_refused(&answer), elsewhere, "{}: {}", operation.name, answer.text());
        assert_ne!(answer.status, 401);
    }
}

#[actix_web::test]
async fn whether_something_exists_is_not_told_to_who_may_not_see_it() {
    let furnished = Furnished::new().await;
    let told = |answer: Answer| answer.problem(403, "out_of_scope")["detail"].clone();
    for name in ["workflow_id", "run_id", "dlq_id", "schedule_id", "agent_id"] {
        for operation in operations().iter().filter(|operation| operation.name.contains(name)) {
            if !is_told_apart(operation) {
                continue;
            }
            let there = furnished.call(operation, Some(SCOPED_ELSEWHERE)).await;
            let path = furnished.path(operation).replace(furnished.id(name), "0190c0de-0000-7000-8000-0000000000ff");
            let nowhere = furnished.call_at(operation, &path, Some(SCOPED_ELSEWHERE)).await;
            assert_eq!(told(there), told(nowhere), "{}", operation.name);
        }
    }
}

#[actix_web::test]
async fn lists_must_be_filtered_by_what_the_key_is_restricted_to() {
    let furnished = Furnished::new().await;
    let (workflow, run) = (furnished.id("workflow_id"), furnished.id("run_id"));
    for (list, filter) in [
        ("/api/v1/workflows", "name=w".to_owned()),
        ("/api/v1/runs", format!("workflow_id={workflow}")),
        ("/api/v1/runs", format!("workflow_definition_id={workflow}&status=FAILED")),
        ("/api/v1/runs", "workflow_name=w&page_size=5".to_owned()),
        ("/api/v1/dlq", format!("workflow_id={workflow}")),
        ("/api/v1/dlq", format!("run_id={run}")),
        ("/api/v1/schedules", format!("workflow_id={workflow}")),
        ("/api/v1/agents", "name=A".to_owned()),
    ] {
        assert!(is_refused(&furnished.get(list, SCOPED).await), "{list}");
        let filtered = format!("{list}?{filter}");
        let found = furnished.get(&filtered, SCOPED).await.expect(200);
        assert_eq!(found["total"], 1, "{filtered}");
        assert!(is_refused(&furnished.get(&filtered, SCOPED_ELSEWHERE).await), "{filtered}");
    }
    let empty = furnished.get(&format!("/api/v1/runs?workflow_id={}", ""), SCOPED).await;
    assert!(is_refused(&empty), "a parameter without a value counts as absent");
    let parent = furnished.get(&format!("/api/v1/runs?parent_run_id={run}"), SCOPED).await;
    assert!(is_refused(&parent), "children may be runs of any workflow");
    for narrowing in [
        "runs?labels=team:blue",
        "runs?error_contains=x",
        "runs?triggered_by=system",
        "runs?workflow_version=1",
        "runs?workflow_name=",
        "runs?status=FAILED,PENDING",
        "workflows?name_contains=w",
        "agents?name_contains=A",
    ] {
        let answer = furnished.get(&format!("/api/v1/{narrowing}"), SCOPED).await;
        assert!(is_refused(&answer), "{narrowing} narrows a list and restricts it to nothing");
    }
    // Both must hold, so the name that the guard does not look at finds nothing more.
    let both = format!("/api/v1/runs?workflow_id={workflow}&workflow_name=v");
    assert_eq!(furnished.get(&both, SCOPED).await.expect(200)["total"], 0);
}

#[actix_web::test]
async fn what_a_body_names_must_lie_in_the_scope_as_well() {
    let furnished = Furnished::new().await;
    let (workflow, run, letter) = (furnished.id("workflow_id"), furnished.id("run_id"), furnished.id("dlq_id"));
    let unknown = "0190c0de-0000-7000-8000-0000000000ff";
    let cases: Vec<(&str, &str, Value, bool)> = vec![
        ("POST /api/v1/runs/bulk-cancel", "/api/v1/runs/bulk-cancel", json!({"run_ids": [run]}), true),
        ("POST /api/v1/runs/bulk-cancel", "/api/v1/runs/bulk-cancel", json!({"run_ids": [run, unknown]}), false),
        (
            "POST /api/v1/runs/bulk-retry",
            "/api/v1/runs/bulk-retry",
            json!({"filter": {"workflow_id": workflow}, "dry_run": true}),
            true,
        ),
        ("POST /api/v1/runs/bulk-retry", "/api/v1/runs/bulk-retry", json!({"filter": {"status": "FAILED"}}), false),
        (
            "POST /api/v1/runs/bulk-retry",
            "/api/v1/runs/bulk-retry",
            json!({"filter": {"workflow_name": "w"}, "dry_run": true}),
            true,
        ),
        ("POST /api/v1/runs/bulk-retry", "/api/v1/runs/bulk-retry", json!({"filter": {"workflow_name": "v"}}), false),
        ("POST /api/v1/runs/bulk-cancel", "/api/v1/runs/bulk-cancel", json!({"filter": {"labels": {"a": "b"}}}), false),
        (
            "POST /api/v1/dlq/bulk-replay",
            "/api/v1/dlq/bulk-replay",
            json!({"dlq_ids": [letter], "dry_run": true}),
            true,
        ),
        ("POST /api/v1/dlq/bulk-replay", "/api/v1/dlq/bulk-replay", json!({"dlq_ids": [letter, unknown]}), false),
        ("POST /api/v1/dlq/bulk-replay", "/api/v1/dlq/bulk-replay", json!({"filter": {"status": "replayed"}}), false),
        (
            "POST /api/v1/dlq/bulk-replay",
            "/api/v1/dlq/bulk-replay",
            json!({"filter": {"run_id": run}, "dry_run": true}),
            true,
        ),
        ("POST /api/v1/events", "/api/v1/events", json!({"event": "paid"}), false),
        ("POST /api/v1/agents", "/api/v1/agents", json!({"name": "B", "url": "http://b"}), false),
    ];
    for (name, path, body, inside) in cases {
        let answer = furnished.send(&operation(name), path, body.clone(), Some(SCOPED)).await;
        assert_eq!(!is_refused(&answer), inside, "{name} {body}: {}", answer.text());
    }
}

/// A document of `w` whose first step calls an agent, and whose second runs another workflow.
fn document(agent: &str, member: &str, child: &str) -> Value {
    json!({
        "name": "w", "start_step": "a", "steps": {
            "a": {"id": "a", "agent_name": agent, "next_step": "b", "input_mapping": {"x": 1}},
            "b": {"id": "b", "type": "sub_workflow", member: child},
        },
    })
}

/// The places that an answer of 403 names.
fn places(answer: &Answer, code: &str) -> Vec<String> {
    let problem = answer.problem(403, code);
    let errors = problem["errors"].as_array().expect("they are listed");
    errors.iter().map(|error| error["pointer"].as_str().expect("a place").to_owned()).collect()
}

#[actix_web::test]
async fn steps_name_no_workflow_and_no_agent_that_lies_outside() {
    let furnished = Furnished::new().await;
    let (other, unknown) = (furnished.id("child"), "0190c0de-0000-7000-8000-0000000000ff");
    let one = format!("/api/v1/workflows/{}", furnished.id("workflow_id"));
    let without_name = |mut body: Value| {
        body.as_object_mut().expect("an object").remove("name");
        body
    };
    for (name, path, shape) in [
        ("POST /api/v1/workflows", "/api/v1/workflows", None),
        ("POST /api/v1/workflows/validate", "/api/v1/workflows/validate", None),
        ("PUT /api/v1/workflows/{workflow_id}", one.as_str(), Some(without_name)),
    ] {
        let send = async |body: Value, by| {
            let body = shape.map_or_else(|| body.clone(), |shape| shape(body.clone()));
            furnished.send(&operation(name), path, body, Some(by)).await
        };
        let answer = send(document("B", "workflow_name", "v"), SCOPED).await;
        assert_eq!(places(&answer, "out_of_scope"), ["/steps/a/agent_name", "/steps/b/workflow_name"], "{name}");
        assert!(answer.text().contains("names the agent 'B'"), "{}", answer.text());
        let by_id = |id: &str| document("A", "workflow_id", id);
        assert_eq!(places(&send(by_id(other), SCOPED).await, "out_of_scope"), ["/steps/b/workflow_id"], "{name}");
        assert_eq!(places(&send(by_id(unknown), SCOPED).await, "out_of_scope"), ["/steps/b/workflow_id"], "{name}");
        let answer = send(document("A", "workflow_name", "v"), FOR_W).await;
        assert_eq!(places(&answer, "token_restricted"), ["/steps/b/workflow_name"], "{name}");
        let answer = send(document("B", "workflow_name", "v"), NOT_B).await;
        assert_eq!(places(&answer, "token_restricted"), ["/steps/a/agent_name"], "{name}");
        let mut inside = document("A", "workflow_name", "v");
        inside["steps"]["a"]["next_step"] = Value::Null;
        inside["steps"].as_object_mut().expect("an object").remove("b");
        for by in [SCOPED, FOR_W, NOT_B] {
            let answer = send(inside.clone(), by).await;
            assert!(answer.status.is_success(), "{name} {by}: {}", answer.text());
        }
    }
}

#[actix_web::test]
async fn nobody_rolls_back_to_steps_that_they_could_not_write() {
    let furnished = Furnished::new().await;
    let one = format!("/api/v1/workflows/{}", furnished.id("workflow_id"));
    let admin = key_of(Role::Admin);
    let change = operation("PUT /api/v1/workflows/{workflow_id}");
    let mut body = document("A", "workflow_name", "v");
    body.as_object_mut().expect("an object").remove("name");
    let second = furnished.send(&change, &one, body.clone(), Some(&admin)).await.expect(200);
    body["steps"]["a"]["next_step"] = Value::Null;
    body["steps"].as_object_mut().expect("an object").remove("b");
    furnished.send(&change, &one, body, Some(&admin)).await.expect(200);
    let back = operation("POST /api/v1/workflows/{workflow_id}/rollback");
    let (path, body) = (format!("{one}/rollback"), json!({"version": second["version"]}));
    let answer = furnished.send(&back, &path, body.clone(), Some(SCOPED)).await;
    assert_eq!(places(&answer, "out_of_scope"), ["/version"]);
    furnished.send(&back, &path, body, Some(&admin)).await.expect(201);
}
