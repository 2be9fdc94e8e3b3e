//! Which version is executed, seen from outside.

use e2e_tests::{texts, workflow};
use serde_json::{Value, json};

use crate::House;

#[tokio::test]
async fn drafts_are_refused_deprecated_versions_run_with_a_warning_and_a_rollback_brings_back_the_old_content() {
    let house = House::new().await;
    let client = house.client();
    let id = client.create(&workflow("w", &[("one", "echo")])).await;
    let path = format!("/workflows/{id}");
    let mut second = workflow("w", &[("one", "echo"), ("two", "echo")]);
    second["status"] = json!("draft");
    let content = json!({"start_step": &second["start_step"], "steps": &second["steps"], "status": "draft"});
    assert_eq!(client.put(&path, &content).await.expect(200)["version"], 2);
    let execute = async |version: Value| {
        client.post(&format!("{path}/execute"), &json!({"input_data": {"text": "hello"}, "version": version})).await
    };
    let give = async |version: u32, status: &str| {
        client.put(&format!("{path}/versions/{version}"), &json!({"status": status})).await.expect(200);
    };
    let steps_of = async |run: &Value| {
        let run = run["run_id"].as_str().expect("an id").to_owned();
        let done = client.reaches(&run, "COMPLETED").await;
        assert_eq!(texts(&done["output_data"]), "hello");
        client.step_states(&run).await.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
    };

    assert_eq!(execute(json!(2)).await.expect(400)["code"], "workflow_not_active");
    let answer = execute(Value::Null).await;
    assert_eq!((steps_of(&answer.expect(202)).await, answer.warning), (vec!["one".to_owned()], None));
    give(2, "active").await;
    assert_eq!(steps_of(&execute(Value::Null).await.expect(202)).await, ["one", "two"]);
    assert_eq!(steps_of(&execute(json!(1)).await.expect(202)).await, ["one"]);

    give(1, "deprecated").await;
    let answer = execute(json!(1)).await;
    assert_eq!(steps_of(&answer.expect(202)).await, ["one"]);
    assert_eq!(answer.warning.as_deref(), Some(r#"299 - "version 1 of this workflow is deprecated""#));
    assert_eq!(execute(json!(2)).await.warning, None);

    let back = client.post(&format!("{path}/rollback"), &json!({"version": 1})).await.expect(201);
    assert_eq!((&back["version"], &back["id"]), (&json!(3), &json!(id)));
    let last = execute(Value::Null).await.expect(202);
    assert_eq!((&last["workflow_version"], steps_of(&last).await), (&json!(3), vec!["one".to_owned()]));
    give(2, "archived").await;
    assert_eq!(execute(json!(2)).await.expect(400)["code"], "workflow_not_active");
}
