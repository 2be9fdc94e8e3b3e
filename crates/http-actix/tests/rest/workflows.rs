//! Workflows.

use serde_json::{Value, json};

use crate::support::{Orrery, step, workflow};

const WORKFLOWS: &str = "/api/v1/workflows";

fn codes(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().expect("mistakes").iter();
    errors.map(|e| (e["pointer"].as_str().expect("a pointer"), e["code"].as_str().unwrap_or_default())).collect()
}

#[actix_web::test]
async fn a_new_workflow_comes_back_as_version_one_without_null_members() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let mut new = workflow("w");
    // What the old UI sends: every member of every type, null where it does not apply.
    for member in ["parallel_steps", "max_parallelism", "condition", "if_true_step", "if_false_step", "loop_config"] {
        new["steps"]["one"][member] = Value::Null;
    }
    let answer = orrery.post(WORKFLOWS, new).await;
    let made = answer.expect(201);
    assert_eq!(answer.header("location"), format!("{WORKFLOWS}/{}", made["id"].as_str().expect("an id")));
    let expected = json!({
        "workflow_id": "wf-w-1", "name": "w", "version": "1", "start_step": "one", "steps": {"one": step("one")},
    });
    assert_eq!(made["workflow_data"], expected);
    assert_eq!(
        (&made["version"], &made["status"], &made["created_by"]),
        (&json!(1), &json!("active"), &json!("system"))
    );
    assert_eq!(made["id"], made["head_id"]);
    assert_eq!(orrery.get(&format!("{WORKFLOWS}/{}", made["id"].as_str().expect("an id"))).await.expect(200), made);
}

#[actix_web::test]
async fn a_change_makes_a_version_under_the_same_id() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let path = format!("{WORKFLOWS}/{id}");
    let changes = json!({"description": "new", "start_step": "two", "steps": {"two": step("two")}});
    let changed = orrery.put(&path, changes).await.expect(200);
    assert_eq!((&changed["id"], &changed["version"]), (&json!(id), &json!(2)));
    let versions = orrery.get(&format!("{path}/versions?page=1&page_size=100")).await.expect(200);
    let rows = versions["items"].as_array().expect("items");
    assert_eq!(rows.iter().map(|row| row["version"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(1)]);
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    let old = format!("{WORKFLOWS}/{}", rows[1]["id"].as_str().expect("an id"));
    assert_eq!(orrery.get(&old).await.expect(200)["workflow_data"]["start_step"], "one");
    let problem = orrery.put(&old, json!({"description": "x"})).await.problem(409, "version_immutable");
    assert!(problem["detail"].as_str().expect("a text").contains(&id));
    let status = orrery.put(&path, json!({"status": "inactive", "description": null})).await.expect(200);
    assert_eq!(
        (&status["status"], &status["version"], &status["description"]),
        (&json!("inactive"), &json!(2), &Value::Null)
    );
}

#[actix_web::test]
async fn all_mistakes_of_a_document_are_answered_at_once() {
    let orrery = Orrery::new();
    let steps = json!({
        "one": {"id": "one", "agent_name": "Ghost", "next_step": "nowhere", "input_mapping": {"x": "${later.output}"}},
        "two": {"id": "TWO", "type": "loop", "loop_config": {"collection": "x"}},
        "three": {"id": "three", "type": "teleport"},
    });
    let answer = orrery.post(WORKFLOWS, json!({"name": "w", "start_step": "one", "steps": steps})).await;
    let problem = answer.problem(422, "workflow_invalid");
    let found = codes(&problem);
    for expected in [
        ("/steps/one/next_step", "unknown_step"),
        ("/steps/one/input_mapping/x", "unknown_step"),
        ("/steps/one/agent_name", "unknown_agent"),
        ("/steps/two/id", "id_mismatch"),
        ("/steps/two/loop_config/collection", "collection_missing"),
        ("/steps/two/loop_config/loop_body", "steps_missing"),
        ("/steps/three/type", "unsupported_step_type"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {problem:#}");
    }
    let ghost = problem["errors"].as_array().expect("mistakes").iter().find(|e| e["code"] == "unknown_agent");
    assert_eq!(ghost.expect("found above")["field"], "body.steps.one.agent_name");
    assert!(problem["detail"].as_str().expect("a text").starts_with("Request validation failed: body.steps."));
}

#[actix_web::test]
async fn a_sound_document_with_unusable_agents_has_the_old_status() {
    let orrery = Orrery::new();
    let problem = orrery.post(WORKFLOWS, workflow("w")).await.problem(400, "agents_unusable");
    assert_eq!(problem["detail"], "Agent 'A' not found");
    let id = orrery.agent("A").await;
    orrery.put(&format!("/api/v1/agents/{id}"), json!({"status": "inactive"})).await.expect(200);
    let problem = orrery.post(WORKFLOWS, workflow("w")).await.problem(400, "agents_unusable");
    assert_eq!(problem["detail"], "Agent 'A' is not active (status: inactive)");
    assert_eq!(codes(&problem), [("/steps/one/agent_name", "inactive_agent")]);
}

#[actix_web::test]
async fn a_deleted_workflow_stays_readable_and_cannot_be_executed() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let path = format!("{WORKFLOWS}/{id}");
    let deleted = orrery.delete(&path).await.expect(200);
    assert_eq!(deleted["message"], "Workflow 'w' deleted successfully");
    assert_eq!(orrery.get(&path).await.expect(200)["status"], "deleted");
    let problem =
        orrery.post(&format!("{path}/execute"), json!({"input_data": {}})).await.problem(400, "workflow_not_active");
    assert_eq!(problem["detail"], "Workflow 'w' is not active (status: deleted)");
}

#[actix_web::test]
async fn an_unknown_workflow_is_not_found_by_any_method() {
    let orrery = Orrery::new();
    let unknown = format!("{WORKFLOWS}/0190c0de-0000-7000-8000-00000000dead");
    for answer in [
        orrery.get(&unknown).await,
        orrery.put(&unknown, json!({})).await,
        orrery.delete(&unknown).await,
        orrery.get(&format!("{unknown}/versions")).await,
        orrery.post(&format!("{unknown}/execute"), json!({"input_data": {}})).await,
    ] {
        answer.problem(404, "workflow_not_found");
    }
}

#[actix_web::test]
async fn an_execution_answers_the_run_and_its_place() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let execute = format!("{WORKFLOWS}/{id}/execute");
    let answer = orrery.post(&execute, json!({"input_data": {"b": [1.0, {"ü": null}], "a": "x"}})).await;
    let run = answer.expect(202);
    let run_id = run["run_id"].as_str().expect("an id");
    assert!(run_id.starts_with("run-"));
    assert_eq!(answer.header("location"), format!("/api/v1/runs/{run_id}"));
    assert_eq!(
        (&run["id"], &run["workflow_id"], &run["workflow_definition_id"]),
        (&json!(run_id), &json!(id), &json!(id))
    );
    assert_eq!((&run["status"], &run["triggered_by"]), (&json!("PENDING"), &json!("system")));
    assert_eq!(run["input_data"], json!({"b": [1.0, {"ü": null}], "a": "x"}));
    assert!(run["message"].is_string() && run["timestamp"].is_string());
    assert_eq!(orrery.post(&execute, json!({"input_data": [1]})).await.mistakes()[0].1, "must be an object");
    assert_eq!(orrery.post(&execute, json!({})).await.mistakes()[0], ("body.input_data".into(), "is required".into()));
}

#[actix_web::test]
async fn a_document_is_checked_without_being_saved() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let validate = format!("{WORKFLOWS}/validate");
    let document = json!({
        "start_step": "which",
        "steps": {
            "which": {
                "id": "which", "type": "conditional", "condition": {"expression": "${workflow.input.n} && 1"},
                "if_true_step": "yes", "next_step": "after",
            },
            "yes": {"id": "yes", "agent_name": "A", "input_mapping": {"i": "${loop.item}"}},
            "after": {"id": "after", "agent_name": "Ghost", "input_mapping": {"x": "${yes.output.x}"}},
        },
    });
    let said = orrery.post(&validate, document).await.expect(200);
    assert_eq!(said["valid"], false);
    let said = said["diagnostics"].as_array().expect("findings").clone();
    let found: Vec<(&str, &str, &str)> = said
        .iter()
        .map(|d| {
            let text = |member: &str| d[member].as_str().expect("a text");
            (text("pointer"), text("code"), text("severity"))
        })
        .collect();
    for expected in [
        ("/steps/which/condition/expression", "invalid_condition", "error"),
        ("/steps/yes/input_mapping/i", "reference_outside_loop", "error"),
        ("/steps/after/input_mapping/x", "may_be_skipped", "warning"),
        ("/steps/after/agent_name", "unknown_agent", "error"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:#?}");
    }
    let syntax = said.iter().find(|d| d["code"] == "invalid_condition").expect("found above");
    assert_eq!(syntax["message"], "the condition cannot be read at character 21: '&&' is written 'and'");
    assert_eq!(orrery.get(&format!("{WORKFLOWS}?page=1")).await.expect(200)["total"], 0);

    let sound = json!({"start_step": "one", "steps": {"one": step("one")}});
    assert_eq!(orrery.post(&validate, sound).await.expect(200), json!({"valid": true, "diagnostics": []}));
    orrery
        .post(&validate, json!({"start_step": "one", "steps": {}, "more": 1}))
        .await
        .problem(422, "validation_failed");
}
