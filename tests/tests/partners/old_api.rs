//! Mode (b): Orrery's executor behind the API of the existing system.

use e2e_tests::{Orrery, eventually_within};
use serde_json::{Value, json};

use crate::{
    house::{House, PATIENCE},
    old::{OldApi, run_id},
};

/// What this mode consists of.
pub(crate) struct Behind {
    pub(crate) api: OldApi,
    pub(crate) executor: Orrery,
    pub(crate) house: House,
}

impl Behind {
    /// On a database that the old system made, adopted in place by the executor's start; with the agent `echo`.
    pub(crate) async fn new() -> Self {
        Self::on(House::of_the_old_system().await).await
    }

    pub(crate) async fn on(house: House) -> Self {
        let api = house.old_api();
        api.register("echo", &house.cluster.agents.url("echo"), 1).await;
        let executor = house.start("executor", &[]).await;
        Self { api, executor, house }
    }

    /// How often the agents were called for a step, over all runs.
    pub(crate) async fn calls(&self, step: &str) -> u64 {
        self.house.cluster.agents.calls().await.of_step(step).iter().map(|(_, count)| count).sum()
    }
}

/// A plan as the old API publishes it: steps in sequence, each with its agent.
pub(crate) fn plan(name: &str, steps: &[(&str, &str)]) -> Value {
    let mut plan = e2e_tests::workflow(name, steps);
    plan["workflow_id"] = format!("wf-{name}-1").into();
    plan["version"] = "1".into();
    plan
}

#[tokio::test]
async fn runs_are_executed_whether_the_old_api_has_made_their_row_or_nobody_has() {
    let behind = Behind::new().await;
    let plan = plan("rows", &[("first", "echo"), ("second", "echo")]);
    let input = json!({"text": "hello"});

    let with_row = behind.api.execute(&plan, &input).await;
    let without_row = run_id();
    behind.api.publish_execution(&without_row, &plan, &input).await;

    let row = behind.house.reaches(&with_row, "COMPLETED").await;
    assert_eq!((&row["triggered_by"], &row["input_data"]), (&"system".into(), &input));
    let row = behind.house.reaches(&without_row, "COMPLETED").await;
    assert_eq!((&row["workflow_id"], &row["workflow_name"]), (&"wf-rows-1".into(), &"rows".into()));
    assert_eq!((&row["workflow_definition_id"], &row["triggered_by"]), (&Value::Null, &Value::Null));
    for run in [&with_row, &without_row] {
        let steps = behind.house.step_rows(run).await;
        let outputs: Vec<_> = steps.iter().map(|step| &step["output_data"]["text"]).collect();
        assert_eq!(outputs, ["hello", "hello"]);
    }
}

#[tokio::test]
async fn what_the_old_executor_overlooks_is_overlooked() {
    let behind = Behind::new().await;
    let mut plan = plan("lenient", &[("only", "echo")]);
    plan["made_by"] = json!({"some": "body"});
    plan["steps"]["only"]["description"] = "not in the model".into();
    plan["steps"]["only"]["input_mapping"] = json!({"text": "literally"});
    plan["steps"]["only"].as_object_mut().expect("a step").remove("type");
    let requests = [
        json!({"run_id": run_id(), "workflow_plan": plan}),
        json!({"run_id": run_id(), "workflow_plan": plan, "input_data": {}, "timestamp": "yesterday", "extra": [1]}),
        json!({"run_id": format!("test-{}", run_id()), "workflow_plan": plan, "message_type": "execution_request"}),
    ];

    for request in &requests {
        behind.api.publish_anything("any key", Some(request.to_string().as_bytes())).await;
    }

    for request in &requests {
        let run = request["run_id"].as_str().expect("a run id");
        behind.house.reaches(run, "COMPLETED").await;
        assert_eq!(behind.house.step_rows(run).await[0]["output_data"]["text"], "literally");
    }
}

#[tokio::test]
async fn a_plan_that_cannot_run_fails_the_run_with_its_reason_instead_of_leaving_it_pending() {
    let behind = Behind::new().await;
    let mut circle = plan("circle", &[("first", "echo"), ("second", "echo")]);
    circle["steps"]["second"]["next_step"] = "first".into();
    let mut gone = plan("gone", &[("first", "echo")]);
    gone["steps"]["first"]["next_step"] = "nowhere".into();
    let unknown_type = json!({
        "workflow_id": "wf-odd-1", "name": "odd", "version": "1", "start_step": "a",
        "steps": {"a": {"id": "a", "type": "time_travel", "next_step": null}},
    });

    for (plan, why) in [(&circle, "first"), (&gone, "nowhere"), (&unknown_type, "time_travel")] {
        let with_row = behind.api.execute(plan, &json!({"text": "x"})).await;
        let without_row = run_id();
        behind.api.publish_execution(&without_row, plan, &json!({"text": "x"})).await;
        for run in [&with_row, &without_row] {
            let row = behind.house.reaches(run, "FAILED").await;
            let reason = row["error_message"].as_str().unwrap_or_default();
            assert!(reason.contains(why), "{reason}");
            assert!(row["completed_at"].is_string(), "{row}");
        }
    }
    assert_eq!(behind.calls("first").await, 0);
}

#[tokio::test]
async fn an_unknown_agent_fails_the_run_in_the_old_words() {
    let behind = Behind::new().await;
    let run = behind.api.execute(&plan("nobody", &[("only", "Nobody")]), &json!({"text": "x"})).await;

    let row = behind.house.reaches(&run, "FAILED").await;

    let reason = row["error_message"].as_str().unwrap_or_default();
    assert!(reason.starts_with("Workflow failed at step 'only': "), "{reason}");
    assert!(reason.contains("'Nobody'") && reason.contains("not found"), "{reason}");
}

#[tokio::test]
async fn fifty_runs_asked_for_at_once_and_each_twice_are_executed_once_each() {
    let behind = Behind::new().await;
    let plan = plan("burst", &[("first", "echo"), ("second", "echo")]);
    let mut runs = Vec::new();
    for number in 0..50 {
        let input = json!({"text": format!("text {number}")});
        let run = behind.api.insert(&plan, &input).await;
        behind.api.publish_execution(&run, &plan, &input).await;
        behind.api.publish_execution(&run, &plan, &input).await;
        runs.push((run, input));
    }

    for (run, _) in &runs {
        behind.house.reaches(run, "COMPLETED").await;
    }
    let (run, input) = &runs[0];
    behind.api.publish_execution(run, &plan, input).await;
    eventually_within(PATIENCE, "the late duplicate is acknowledged", async || {
        let lag = behind.house.cluster.topics.lag("execution-consumer-group", "workflow.execution.requests").await;
        (lag == 0).then_some(())
    })
    .await;

    assert_eq!((behind.calls("first").await, behind.calls("second").await), (50, 50));
    assert_eq!(behind.house.row(run).await.expect("a row")["status"], "COMPLETED");
}
