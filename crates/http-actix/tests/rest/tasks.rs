//! Agents that look at their tasks and report about them.

use domain::{
    access::TaskGrant,
    agents::AgentName,
    ids::{RunId, StepPath},
};
use serde_json::{Value, json};

use crate::support::{Orrery, World};

const TASK: &str = "/api/v1/tasks/self";
const INPUT: &str = "/api/v1/tasks/self/input";
const REPORT: &str = "/api/v1/tasks/self/report";
const EVENTS: &str = "/api/v1/tasks/self/events";

/// A run whose first step has been called, and the token of that call.
async fn called(orrery: &Orrery, output_schema: Value) -> String {
    let agent = json!({"name": "A", "url": "http://a.example/", "output_schema": output_schema});
    orrery.post("/api/v1/agents", agent).await.expect(201);
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    hold(orrery, &run, "one", 0);
    run
}

fn hold(orrery: &Orrery, run: &str, step: &str, generation: u32) {
    let (run, step) = (RunId::parse(run).expect("an id"), StepPath::parse(step).expect("a path"));
    let agent = AgentName::parse("A").expect("a name");
    *orrery.grant.borrow_mut() = Some(TaskGrant { run, step, generation, round: 0, agent });
}

fn with_an_executor() -> Orrery {
    Orrery::within(World { executor: true, ..World::default() })
}

#[actix_web::test]
async fn an_agent_sees_its_task_and_fetches_its_input() {
    let orrery = with_an_executor();
    let run = called(&orrery, json!(null)).await;
    let task = orrery.get(TASK).await.expect(200);
    assert_eq!((&task["run_id"], &task["step"], &task["state"]), (&json!(run), &json!("one"), &json!("working")));
    assert_eq!((&task["agent_name"], &task["workflow_name"], &task["attempt"]), (&json!("A"), &json!("w"), &json!(1)));
    let steps = orrery.get(&format!("/api/v1/runs/{run}/steps")).await.expect(200);
    let sent = steps.pointer("/steps/0/input_data").or_else(|| steps.pointer("/0/input_data")).cloned();
    assert_eq!(Some(orrery.get(INPUT).await.expect(200)["input"].clone()), sent);
}

#[actix_web::test]
async fn every_kind_of_report_is_taken_and_answered_alike_when_it_comes_twice() {
    let orrery = with_an_executor();
    let run = called(&orrery, json!(null)).await;
    for body in [
        json!({"status": "working", "message": "half of it"}),
        json!({"status": "failed", "error": "no such planet"}),
        json!({"status": "completed", "output": null}),
        json!({"status": "completed", "output": {"x": [1]}}),
        json!({"status": "completed", "output": {"x": [1]}}),
    ] {
        let told = orrery.post(REPORT, body).await.expect(202);
        assert_eq!((&told["run_id"], &told["step"]), (&json!(run), &json!("one")));
    }
    let raised = orrery.post(EVENTS, json!({"event": "found", "data": 1})).await.expect(202);
    assert_eq!(raised["delivered_to"], json!([run]));
}

#[actix_web::test]
async fn what_is_no_report_is_refused_with_every_mistake_in_it() {
    let orrery = with_an_executor();
    called(&orrery, json!(null)).await;
    for (body, places) in [
        (json!({}), vec!["body.status"]),
        (json!({"status": "done"}), vec!["body.status"]),
        (json!({"status": "completed"}), vec!["body.output"]),
        (json!({"status": "failed", "output": 1}), vec!["body.error", "body.output"]),
        (json!({"status": "working", "message": "m", "error": "e"}), vec!["body.error"]),
        (json!({"status": "working", "message": ""}), vec!["body.message"]),
        (json!({"status": "completed", "output": "a\u{0}b"}), vec!["body.output"]),
        (json!({"status": "completed", "output": 1, "more": 1}), vec!["body.more"]),
    ] {
        let found = orrery.post(REPORT, body.clone()).await;
        let mut found: Vec<_> = found.mistakes().into_iter().map(|(place, _)| place).collect();
        found.sort_unstable();
        assert_eq!(found, places, "{body}");
    }
}

#[actix_web::test]
async fn an_output_that_does_not_fit_is_refused_and_a_better_one_may_follow() {
    let orrery = with_an_executor();
    called(&orrery, json!({"required": ["summary"]})).await;
    let refused = orrery.post(REPORT, json!({"status": "completed", "output": {}})).await;
    let problem = refused.problem(422, "output_invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/output");
    orrery.post(REPORT, json!({"status": "completed", "output": {"summary": "s"}})).await.expect(202);
}

#[actix_web::test]
async fn a_token_is_worth_nothing_once_its_call_is_over_and_none_where_it_never_was() {
    let orrery = with_an_executor();
    let run = called(&orrery, json!(null)).await;
    let done = json!({"status": "completed", "output": 1});
    hold(&orrery, &run, "one", 1);
    orrery.post(REPORT, done.clone()).await.problem(409, "task_over");
    assert_eq!(orrery.get(TASK).await.expect(200)["state"], "over");
    hold(&orrery, &run, "two", 0);
    orrery.post(REPORT, done.clone()).await.problem(409, "task_over");
    hold(&orrery, "run-nobody", "one", 0);
    orrery.post(REPORT, done.clone()).await.problem(404, "run_not_found");
    orrery.grant.borrow_mut().take();
    orrery.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    orrery.get(TASK).await.problem(404, "no_task");
    hold(&orrery, &run, "one", 0);
    orrery.post(REPORT, done).await.problem(409, "task_over");
    orrery.get(INPUT).await.problem(409, "task_over");
    orrery.post(EVENTS, json!({"event": "found"})).await.problem(409, "task_over");
    assert_eq!(orrery.get(TASK).await.expect(200)["state"], "over");
}

#[actix_web::test]
async fn an_agent_that_was_deleted_reports_nothing() {
    let orrery = with_an_executor();
    called(&orrery, json!(null)).await;
    let listed = orrery.get("/api/v1/agents").await.expect(200);
    let id = listed.pointer("/agents/0/id").and_then(Value::as_str).expect("an id").to_owned();
    let token = orrery.grant.borrow_mut().take();
    orrery.delete(&format!("/api/v1/agents/{id}")).await.expect(200);
    *orrery.grant.borrow_mut() = token;
    orrery.post(REPORT, json!({"status": "failed", "error": "x"})).await.problem(409, "task_over");
}
