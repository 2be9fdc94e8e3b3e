//! What people do to runs beside starting, retrying and cancelling one; and why a run does not move.

use serde_json::{Value, json};

use crate::support::{Orrery, World, step};

/// A run whose first step's agent is being called.
async fn called() -> (Orrery, String) {
    let orrery = Orrery::within(World { executor: true, ..World::default() });
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    (orrery, format!("/api/v1/runs/{run}"))
}

#[actix_web::test]
async fn a_live_run_says_what_it_waits_for_and_one_that_is_over_nothing() {
    let (orrery, path) = called().await;
    let waits = orrery.get(&path).await.expect(200)["waiting_on"].clone();
    let since = waits[0]["since"].clone();
    let message = "Agent 'A' has been called and has not answered yet";
    let call = json!({"reason": "agent_call", "message": message, "step": "one", "agent_name": "A", "attempt": 1, "since": since});
    assert_eq!(waits, json!([call]));
    orrery.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    assert_eq!(orrery.get(&path).await.expect(200)["waiting_on"], json!([]));
    orrery.post(&format!("{path}/retry"), json!({})).await.expect(202);
    let waits = orrery.get(&path).await.expect(200)["waiting_on"].clone();
    assert_eq!((&waits[0]["reason"], waits.as_array().map(Vec::len)), (&json!("executor"), Some(1)), "{waits}");
}

#[actix_web::test]
async fn a_step_of_a_run_that_is_over_is_done_anew() {
    let (orrery, path) = called().await;
    let rerun = format!("{path}/rerun");
    let problem = orrery.post(&rerun, json!({"from_step": "one"})).await.problem(400, "run_not_over");
    assert_eq!(problem["detail"], "Can only rerun steps of runs that are over. Current status: RUNNING");
    orrery.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    let problem = orrery.post(&rerun, json!({"from_step": "two"})).await.problem(400, "step_not_rerunnable");
    assert_eq!(problem["detail"], "Cannot rerun from there: the run's workflow has no step 'two'");
    let told = orrery.post(&rerun, json!({"from_step": "one"})).await.expect(202);
    assert_eq!((&told["status"], &told["cancelled_at"]), (&json!("PENDING"), &Value::Null));
    let mistakes = orrery.post(&rerun, json!({"from_step": "", "more": 1})).await.mistakes();
    assert_eq!(mistakes.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["body.from_step", "body.more"]);
    let unknown = "/api/v1/runs/run-x/rerun";
    orrery.post(unknown, json!({"from_step": "one"})).await.problem(404, "run_not_found");
}

#[actix_web::test]
async fn a_step_under_way_can_be_skipped_and_so_can_the_one_that_stopped_the_run() {
    let (orrery, path) = called().await;
    let skip = format!("{path}/skip");
    let told = orrery.post(&skip, json!({"step": "one", "output": {"x": 1}})).await.expect(202);
    assert_eq!(told["message"], "Step is going to be skipped");
    let problem = orrery.post(&skip, json!({"step": "two", "output": 1})).await.problem(400, "step_not_skippable");
    assert_eq!(problem["detail"], "Cannot skip it: the run's workflow has no step 'two'");
    orrery.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    let told = orrery.post(&skip, json!({"step": "one", "output": null})).await.expect(202);
    assert_eq!(told["status"], "PENDING");
    assert_eq!(orrery.post(&skip, json!({"step": "one"})).await.mistakes()[0].0, "body.output");
}

#[actix_web::test]
async fn many_runs_are_cancelled_and_retried_each_with_an_outcome_of_its_own() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(orrery.run(&workflow).await);
    }
    orrery.post(&format!("/api/v1/runs/{}/cancel", runs[0]), json!({})).await.expect(200);
    let cancel = "/api/v1/runs/bulk-cancel";
    let filter = json!({"filter": {"workflow_id": workflow}, "limit": 1, "dry_run": true});
    let would = orrery.post(cancel, filter).await.expect(200);
    let first = json!({"run_id": runs[1], "outcome": "would_change", "status": null, "error": null});
    assert_eq!(
        would,
        json!({"changed": 0, "would_change": 1, "refused": 0, "more": true, "dry_run": true, "runs": [first]})
    );
    assert_eq!(orrery.get(&format!("/api/v1/runs/{}", runs[1])).await.expect(200)["status"], "PENDING");

    let named = json!({"run_ids": [runs[0], runs[1], "run-x"], "reason": "enough"});
    let done = orrery.post(cancel, named).await.expect(200);
    let outcomes: Vec<&str> =
        done["runs"].as_array().expect("runs").iter().map(|run| run["outcome"].as_str().expect("a text")).collect();
    assert_eq!(outcomes, ["refused", "changed", "refused"]);
    assert_eq!((&done["changed"], &done["refused"], &done["more"]), (&json!(1), &json!(2), &json!(false)));
    assert_eq!(done["runs"][2]["error"], "Run with id 'run-x' not found");

    let retry = json!({"filter": {"status": "CANCELLED"}});
    let done = orrery.post("/api/v1/runs/bulk-retry", retry).await.expect(200);
    let retried: Vec<_> = done["runs"].as_array().expect("runs").iter().map(|run| run["run_id"].clone()).collect();
    assert_eq!(json!(retried), json!([runs[0], runs[1]]));
    assert_eq!(done["runs"][0]["status"], "PENDING");
}

#[actix_web::test]
async fn which_runs_are_meant_must_be_said_once() {
    let orrery = Orrery::new();
    for body in [json!({}), json!({"run_ids": ["run-1"], "filter": {}})] {
        let mistakes = orrery.post("/api/v1/runs/bulk-cancel", body).await.mistakes();
        assert_eq!(mistakes[0].1, "needs either run_ids or a filter");
    }
    let all = orrery.post("/api/v1/runs/bulk-cancel", json!({"filter": {}})).await.mistakes();
    assert_eq!(all, [("body.filter".to_owned(), "needs at least one member".to_owned())]);
    let body = json!({"filter": {"status": "DONE"}, "limit": 0});
    let mistakes = orrery.post("/api/v1/runs/bulk-retry", body).await.mistakes();
    assert_eq!(
        mistakes.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        ["body.filter.status", "body.limit"]
    );
}

#[actix_web::test]
async fn a_strategy_and_limits_are_kept_and_every_mistake_in_them_is_named() {
    let orrery = Orrery::new();
    let strategy = json!({"type": "fixed_delay", "max_retries": 5, "initial_delay_ms": 10, "max_delay_ms": 20,
        "backoff_multiplier": 2.0, "jitter": true, "retry_on_status_codes": [429]});
    let mut agent = json!({"name": "A", "url": "http://agent:8080", "retry_strategy": strategy});
    let made = orrery.post("/api/v1/agents", agent.clone()).await.expect(201);
    assert_eq!(made["retry_strategy"], strategy);
    let path = format!("/api/v1/agents/{}", made["id"].as_str().expect("an id"));
    assert_eq!(orrery.put(&path, json!({"description": "x"})).await.expect(200)["retry_strategy"], strategy);
    assert_eq!(orrery.put(&path, json!({"retry_strategy": null})).await.expect(200)["retry_strategy"], Value::Null);
    agent["name"] = json!("B");
    agent["retry_strategy"] = json!({"type": "never", "jitter": "yes", "odd": 1});
    let mistakes = orrery.post("/api/v1/agents", agent).await.mistakes();
    let mut fields: Vec<&str> = mistakes.iter().map(|(field, _)| field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["body.retry_strategy.jitter", "body.retry_strategy.odd", "body.retry_strategy.type"]);

    let mut one = step("one");
    one["retry_strategy"] = json!({"max_retries": 2});
    one["timeout_seconds"] = json!(30);
    let mut document =
        json!({"name": "w", "start_step": "one", "steps": {"one": one}, "timeout_seconds": 60, "max_retry_budget": 4});
    let made = orrery.post("/api/v1/workflows", document.clone()).await.expect(201);
    let data = &made["workflow_data"];
    assert_eq!((&data["timeout_seconds"], &data["max_retry_budget"]), (&json!(60), &json!(4)));
    assert_eq!(data["steps"]["one"]["timeout_seconds"], 30);
    let path = format!("/api/v1/workflows/{}", made["id"].as_str().expect("an id"));
    let next = orrery.put(&path, json!({"timeout_seconds": null})).await.expect(200);
    assert_eq!((&next["version"], &next["workflow_data"]["max_retry_budget"]), (&json!(2), &json!(4)));
    assert!(next["workflow_data"].get("timeout_seconds").is_none());

    document["timeout_seconds"] = json!(0);
    document["max_retry_budget"] = json!("many");
    document["steps"]["one"]["retry_strategy"] = json!({"max_retries": 101, "jitter": 1});
    let problem = orrery.post("/api/v1/workflows", document).await.problem(422, "workflow_invalid");
    let mut pointers: Vec<&str> =
        problem["errors"].as_array().expect("mistakes").iter().filter_map(|found| found["pointer"].as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/max_retry_budget",
            "/steps/one/retry_strategy/jitter",
            "/steps/one/retry_strategy/max_retries",
            "/timeout_seconds"
        ]
    );
}

#[actix_web::test]
async fn a_run_that_is_named_twice_is_dealt_with_once() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let run = orrery.run(&orrery.workflow("w").await).await;
    let done = orrery.post("/api/v1/runs/bulk-cancel", json!({"run_ids": [run, run]})).await.expect(200);
    assert_eq!((&done["changed"], &done["would_change"], &done["refused"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(done["runs"].as_array().map(Vec::len), Some(1));
}

#[actix_web::test]
async fn a_step_that_cannot_be_meant_is_blamed_at_its_place() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let run = orrery.run(&orrery.workflow("w").await).await;
    let path = |action: &str| format!("/api/v1/runs/{run}/{action}");
    let skip = orrery.post(&path("skip"), json!({"step": "nowhere", "output": 1})).await;
    assert_eq!(skip.problem(400, "step_not_skippable")["errors"][0]["pointer"], "/step");
    orrery.fails(&run, "no luck");
    let rerun = orrery.post(&path("rerun"), json!({"from_step": "nowhere"})).await;
    let problem = rerun.problem(400, "step_not_rerunnable");
    assert_eq!(problem["errors"][0]["pointer"], "/from_step");
    assert_eq!(problem["errors"][0]["message"], problem["detail"]);
    let retry = orrery.post(&path("retry"), json!({"resume_from_step": "nowhere"})).await;
    assert_eq!(retry.problem(400, "run_not_resumable_there")["errors"][0]["pointer"], "/resume_from_step");
}

#[actix_web::test]
async fn what_is_sent_along_with_a_pause_is_read() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let run = orrery.run(&orrery.workflow("w").await).await;
    for action in ["pause", "unpause"] {
        let path = format!("/api/v1/runs/{run}/{action}");
        assert_eq!(orrery.post_text(&path, "{").await.mistakes()[0].0, "body.0");
        let unknown = orrery.post(&path, json!({"until": "noon"})).await.mistakes();
        assert_eq!(unknown, [("body".to_owned(), "must be an empty object".to_owned())]);
        orrery.post_text(&path, "").await.expect(202);
        orrery.post(&path, json!({})).await.expect(202);
        orrery.post(&path, serde_json::Value::Null).await.expect(202);
    }
    orrery.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    let problem = orrery.post(&format!("/api/v1/runs/{run}/unpause"), json!({})).await.problem(400, "run_not_pausable");
    assert_eq!(problem["title"], "Run can neither be paused nor let go on");
}
