//! Versions of workflows.

use serde_json::{Value, json};

use crate::support::{Orrery, step, workflow};

/// A workflow `w` whose versions 1, 2, … have the steps `one`, `two`, …, and the path of the workflow.
async fn versions(orrery: &Orrery, count: usize) -> String {
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let path = format!("/api/v1/workflows/{id}");
    for name in ["two", "three", "four"].iter().take(count - 1) {
        orrery.put(&path, json!({"start_step": name, "steps": {*name: step(name)}})).await.expect(200);
    }
    path
}

async fn give(orrery: &Orrery, path: &str, version: u32, status: &str) -> Value {
    orrery.put(&format!("{path}/versions/{version}"), json!({"status": status})).await.expect(200)
}

#[actix_web::test]
async fn each_version_has_a_number_a_status_and_a_summary() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 1).await;
    let draft = json!({
        "start_step": "two", "steps": {"two": step("two")}, "status": "draft", "change_summary": "größer \"und\" besser",
    });
    let second = orrery.put(&path, draft).await.expect(200);
    assert_eq!((&second["version"], &second["status"]), (&json!(2), &json!("draft")));
    assert_eq!(second["change_summary"], "größer \"und\" besser");
    let third = json!({"name": "w", "start_step": "one", "steps": {"one": step("one")}, "change_summary": "back"});
    assert_eq!(orrery.post("/api/v1/workflows", third).await.expect(201)["status"], "active");

    let read = orrery.get(&format!("{path}/versions/2")).await.expect(200);
    assert_eq!((&read["status"], &read["change_summary"]), (&second["status"], &second["change_summary"]));
    assert_eq!((&read["workflow_data"], &read["created_by"]), (&second["workflow_data"], &json!("system")));
    let by_old_id = format!("/api/v1/workflows/{}/versions/3", read["id"].as_str().expect("an id"));
    assert_eq!(orrery.get(&by_old_id).await.expect(200)["id"], second["id"], "any id of the chain will do");
    let archived = give(&orrery, &path, 2, "archived").await;
    assert_eq!((&archived["status"], &archived["workflow_data"]), (&json!("archived"), &second["workflow_data"]));
    let listed = orrery.get(&format!("{path}/versions")).await.expect(200);
    let told: Vec<_> = listed["items"].as_array().expect("items").iter().map(|row| &row["change_summary"]).collect();
    assert_eq!(told, [&json!("back"), &second["change_summary"], &Value::Null]);
}

#[actix_web::test]
async fn the_newest_active_version_is_executed_and_a_deprecated_one_with_a_warning() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 3).await;
    let execute = format!("{path}/execute");
    let input = json!({"input_data": {}});
    give(&orrery, &path, 3, "draft").await;
    let answer = orrery.post(&execute, input.clone()).await;
    assert_eq!((&answer.expect(202)["workflow_version"], answer.header("warning")), (&json!(2), ""));
    give(&orrery, &path, 2, "deprecated").await;
    assert_eq!(orrery.post(&execute, input.clone()).await.expect(202)["workflow_version"], 1);
    give(&orrery, &path, 1, "archived").await;
    let answer = orrery.post(&execute, input.clone()).await;
    assert_eq!(answer.expect(202)["workflow_version"], 2);
    assert_eq!(answer.header("warning"), "299 - \"version 2 of this workflow is deprecated\"");
    give(&orrery, &path, 2, "archived").await;
    let problem = orrery.post(&execute, input.clone()).await.problem(400, "workflow_not_active");
    assert_eq!(problem["detail"], "Workflow 'w' is not active (status: draft)");
    give(&orrery, &path, 3, "inactive").await;
    let problem = orrery.post(&execute, input).await.problem(400, "workflow_not_active");
    assert_eq!(problem["detail"], "Workflow 'w' is not active (status: inactive)");
}

#[actix_web::test]
async fn an_execution_may_ask_for_a_version() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 3).await;
    let execute = format!("{path}/execute");
    give(&orrery, &path, 2, "draft").await;
    let of = |version: Value| json!({"input_data": {}, "version": version});
    assert_eq!(orrery.post(&execute, of(json!(1))).await.expect(202)["workflow_version"], 1);
    assert_eq!(orrery.post(&execute, of(Value::Null)).await.expect(202)["workflow_version"], 3);
    let problem = orrery.post(&execute, of(json!(2))).await.problem(400, "workflow_not_active");
    assert_eq!(problem["detail"], "Version 2 of workflow 'w' is not active (status: draft)");
    let problem = orrery.post(&execute, of(json!(4))).await.problem(404, "version_not_found");
    assert!(problem["detail"].as_str().expect("a text").ends_with("has no version 4"), "{problem}");
    for odd in [json!(0), json!("1"), json!(1.5), json!(4_294_967_296_u64)] {
        let mistakes = orrery.post(&execute, of(odd)).await.mistakes();
        assert_eq!(mistakes[0].0, "body.version");
    }
}

#[actix_web::test]
async fn a_version_with_live_runs_is_not_deleted_and_the_newest_not_without_the_workflow() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 2).await;
    let (first, second) = (format!("{path}/versions/1"), format!("{path}/versions/2"));
    let asked = json!({"input_data": {}, "version": 1});
    let run = orrery.post(&format!("{path}/execute"), asked).await.expect(202)["id"].clone();
    let problem = orrery.delete(&first).await.problem(409, "version_has_live_runs");
    assert_eq!(problem["detail"], "Version 1 of workflow 'w' has 1 pending or running runs and cannot be deleted");
    let by_id = orrery.get(&first).await.expect(200)["id"].as_str().expect("an id").to_owned();
    orrery.delete(&format!("/api/v1/workflows/{by_id}")).await.problem(409, "version_has_live_runs");
    orrery.delete(&second).await.problem(409, "version_is_newest");

    orrery.post(&format!("/api/v1/runs/{}/cancel", run.as_str().expect("an id")), json!({})).await.expect(200);
    let deleted = orrery.delete(&first).await.expect(200);
    assert_eq!(deleted["message"], "Version 1 of workflow 'w' deleted successfully");
    assert_eq!(orrery.get(&first).await.expect(200)["status"], "deleted");
    orrery.post(&format!("{path}/execute"), json!({"input_data": {}})).await.expect(202);
    orrery.delete(&path).await.expect(200);
    assert_eq!(orrery.get(&path).await.expect(200)["status"], "deleted");
}

#[actix_web::test]
async fn two_versions_are_compared_place_by_place() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 2).await;
    let mut changed = workflow("w");
    changed["steps"]["one"]["input_mapping"] = json!({"x": [1, null]});
    orrery.post("/api/v1/workflows", changed).await.expect(201);
    let same = orrery.get(&format!("{path}/versions/2/diff/2")).await.expect(200);
    assert_eq!(same["changes"], json!([]));
    let difference = orrery.get(&format!("{path}/versions/1/diff/3")).await.expect(200);
    let expected = json!({
        "name": "w", "from_version": 1, "to_version": 3, "steps_added": [], "steps_removed": [], "steps_changed": ["one"],
        "changes": [{
            "pointer": "/steps/one/input_mapping/x", "change": "changed", "before": "${workflow.input.a}", "after": [1, null],
        }],
    });
    assert_eq!(difference, expected);
    let other = orrery.get(&format!("{path}/versions/1/diff/2")).await.expect(200);
    assert_eq!((&other["steps_added"], &other["steps_removed"]), (&json!(["two"]), &json!(["one"])));
    let kinds: Vec<_> = other["changes"].as_array().expect("changes").iter().map(|change| &change["change"]).collect();
    assert_eq!(kinds, ["changed", "removed", "added"]);
}

#[actix_web::test]
async fn a_rollback_is_answered_like_a_creation() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 2).await;
    let rollback = format!("{path}/rollback");
    let answer = orrery.post(&rollback, json!({"version": 1, "change_summary": "two was too much"})).await;
    let made = answer.expect(201);
    assert_eq!(answer.header("location"), path);
    assert_eq!((&made["version"], &made["status"]), (&json!(3), &json!("active")));
    assert_eq!(
        (&made["change_summary"], &made["workflow_data"]["start_step"]),
        (&json!("two was too much"), &json!("one"))
    );
    assert_eq!(made["workflow_data"]["workflow_id"], "wf-w-3");
    let again = orrery.post(&rollback, json!({"version": 2})).await.expect(201);
    assert_eq!(again["change_summary"], "Rolled back to version 2");

    let agents = orrery.get("/api/v1/agents").await.expect(200);
    let agent = format!("/api/v1/agents/{}", agents["items"][0]["id"].as_str().expect("an id"));
    orrery.put(&agent, json!({"status": "inactive"})).await.expect(200);
    let problem = orrery.post(&rollback, json!({"version": 1})).await.problem(400, "agents_unusable");
    assert_eq!(
        (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
        (&json!("/version"), &json!("inactive_agent"))
    );
    let message = problem["errors"][0]["message"].as_str().expect("a text");
    assert!(message.contains("/steps/one/agent_name"), "{message}");
}

#[actix_web::test]
async fn an_unknown_workflow_or_version_is_not_found_by_any_method() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 2).await;
    let unknown = "/api/v1/workflows/0190c0de-0000-7000-8000-00000000dead";
    for (path, version, code) in [(unknown, 1, "workflow_not_found"), (path.as_str(), 3, "version_not_found")] {
        let one = format!("{path}/versions/{version}");
        for answer in [
            orrery.get(&one).await,
            orrery.put(&one, json!({"status": "draft"})).await,
            orrery.delete(&one).await,
            orrery.get(&format!("{path}/versions/1/diff/{version}")).await,
            orrery.get(&format!("{one}/diff/1")).await,
            orrery.post(&format!("{path}/rollback"), json!({"version": version})).await,
            orrery.post(&format!("{path}/execute"), json!({"input_data": {}, "version": version})).await,
        ] {
            answer.problem(404, code);
        }
    }
}

#[actix_web::test]
async fn what_cannot_be_said_of_a_version_is_refused_with_its_place() {
    let orrery = Orrery::new();
    let path = versions(&orrery, 2).await;
    let long = "x".repeat(1001);
    let content = json!({"start_step": "one", "steps": {"one": step("one")}});
    let with = |member: &str, value: Value| {
        let mut body = content.clone();
        body[member] = value;
        body
    };
    let named = |mut body: Value| {
        body["name"] = json!("w");
        body
    };
    for (answer, place) in [
        (orrery.put(&path, with("status", json!("archived"))).await, "body.status"),
        (orrery.put(&path, with("status", json!("deleted"))).await, "body.status"),
        (orrery.put(&path, with("change_summary", json!(long))).await, "body.change_summary"),
        (orrery.put(&path, json!({"change_summary": "nothing"})).await, "body.change_summary"),
        (orrery.post("/api/v1/workflows", named(with("status", json!("deprecated")))).await, "body.status"),
        (orrery.post("/api/v1/workflows", named(with("change_summary", json!(long)))).await, "body.change_summary"),
        (orrery.put(&format!("{path}/versions/1"), json!({"status": "deleted"})).await, "body.status"),
        (orrery.put(&format!("{path}/versions/1"), json!({"status": "draft", "steps": {}})).await, "body.steps"),
        (orrery.put(&format!("{path}/versions/1"), json!({})).await, "body.status"),
        (orrery.get(&format!("{path}/versions/zero")).await, "path.version"),
        (orrery.get(&format!("{path}/versions/0")).await, "path.version"),
        (orrery.get(&format!("{path}/versions/1/diff/99999999999")).await, "path.other"),
        (orrery.post(&format!("{path}/rollback"), json!({"version": "1"})).await, "body.version"),
        (
            orrery.post(&format!("{path}/rollback"), json!({"version": 1, "change_summary": long})).await,
            "body.change_summary",
        ),
    ] {
        assert_eq!(answer.mistakes().iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), [place]);
    }
}

#[actix_web::test]
async fn whatever_makes_a_version_may_be_summed_up_and_nothing_else_may() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let path = format!("/api/v1/workflows/{}", orrery.workflow("w").await);
    let contents = [
        json!({"output": "${one.output}"}),
        json!({"on_complete": null}),
        json!({"timeout_seconds": 60}),
        json!({"max_retry_budget": 5}),
        json!({"input_schema": {"type": "object"}}),
    ];
    for (number, mut change) in contents.into_iter().enumerate() {
        change["change_summary"] = json!("why");
        let made = orrery.put(&path, change.clone()).await.expect(200);
        assert_eq!((&made["version"], &made["change_summary"]), (&json!(number + 2), &json!("why")), "{change}");
    }
    let alone = orrery.put(&path, json!({"description": "d", "change_summary": "why"})).await.mistakes();
    assert_eq!(alone[0].0, "body.change_summary");
}
