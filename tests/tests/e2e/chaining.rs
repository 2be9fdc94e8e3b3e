//! Runs that follow others.

use e2e_tests::{Client, eventually, workflow};
use serde_json::{Value, json};

use crate::House;

async fn started_by(client: &Client, run: &str) -> Vec<Value> {
    let list = client.get(&format!("/runs?follows_run_id={run}")).await.expect(200);
    list["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn a_run_that_completes_is_followed_once_and_what_cannot_follow_is_told() {
    let house = House::new().await;
    let client = house.client();
    let second = client.create(&workflow("second", &[("two", "echo")])).await;
    client.create(&workflow("gone", &[("none", "echo")])).await;
    let mut document = workflow("first", &[("one", "echo")]);
    document["on_complete"] = json!([
        {"workflow_name": "second", "condition": "${workflow.output.text} != ''", "input_mapping": {"text": "after ${workflow.output.text}"}},
        {"workflow_name": "second", "condition": "${workflow.input.text} == 'never'"},
        {"workflow_name": "gone"},
    ]);
    let first = client.create(&document).await;
    let gone =
        client.get("/workflows?name=gone").await.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned();
    client.send(reqwest::Method::DELETE, &format!("/workflows/{gone}"), None).await.expect(200);

    // Back to itself, over the other one.
    let back = json!({"on_complete": [{"workflow_name": "first"}]});
    let refused = client.put(&format!("/workflows/{second}"), &back).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/on_complete/0/workflow_name", "{refused:#}");
    assert!(refused["detail"].to_string().contains("first -> second"), "{refused:#}");

    let run = client.execute(&first, "hello").await;
    client.reaches(&run, "COMPLETED").await;
    let next = eventually("one run follows", async || started_by(client, &run).await.pop()).await;
    let id = next["id"].as_str().expect("an id");
    assert_eq!((&next["follows_run_id"], &next["parent_run_id"]), (&json!(run), &Value::Null));
    assert_eq!(next["input_data"]["text"], json!("after hello"));
    client.reaches(id, "COMPLETED").await;
    assert_eq!(started_by(client, &run).await.len(), 1);
    let log = client.get(&format!("/runs/{run}/logs")).await.expect(200).to_string();
    assert!(log.contains(id) && log.contains("could not be started") && log.contains("does not hold"), "{log}");
}
