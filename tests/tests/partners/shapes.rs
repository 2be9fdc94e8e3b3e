//! The records on the topics and the rows in the tables, member by member, against recorded ones (contract 3.3 and 4.4).
//! Only ids and times are replaced before they are compared.

use e2e_tests::{AgentSpec, Behaviour, Stub};
use rdkafka::{Message, message::OwnedMessage};
use serde_json::{Value, json};

use crate::{
    calls_over_bridge::OverBridge,
    external_engine::{API, RELAY},
    house::{House, PATIENCE, header, json as value},
    old::{BridgeHabits, Producer, old_task, run_id},
};

/// The workflow of the contract's own examples.
fn order_intake() -> Value {
    json!({"name": "order-intake", "start_step": "fetch", "steps": {"fetch": {
        "id": "fetch", "type": "agent", "agent_name": "Fetcher", "next_step": null,
        "input_mapping": {"source": "${workflow.input.src}"},
    }}})
}

/// With every id and time replaced: `RUN`, `UUID`, `HEX8` or `HEX32`, and `TIME` (UTC without a zone; six digits, as Python writes them,
/// where there are any).
fn without_ids(document: &Value, run: &str) -> Value {
    match document {
        Value::String(text) => Value::String(replaced(text, run)),
        Value::Array(items) => items.iter().map(|item| without_ids(item, run)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), without_ids(member, run))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => document.clone(),
    }
}

fn replaced(text: &str, run: &str) -> String {
    if chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").is_ok() {
        return "TIME".to_owned();
    }
    if uuid::Uuid::parse_str(text).is_ok() {
        return "UUID".to_owned();
    }
    let text = text.replace(run, "RUN");
    let is_hex = |end: &str| end.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match text.rsplit_once('-') {
        Some((begin, end)) if is_hex(end) && matches!(end.len(), 8 | 32) => format!("{begin}-HEX{}", end.len()),
        _ => text,
    }
}

fn assert_recorded(document: &Value, run: &str, recorded: &Value) {
    let found = without_ids(document, run);
    assert_eq!(found, *recorded, "found:\n{found:#}\nrecorded:\n{recorded:#}");
}

/// What goes for every record that an old component reads: its key, six digits of a second, and no unknown header.
fn assert_envelope(record: &OwnedMessage, key: &str) {
    assert_eq!(record.key(), Some(key.as_bytes()));
    let time = value(record)["timestamp"].as_str().expect("a time").to_owned();
    assert_eq!(time.len(), "2026-11-22T21:47:05.657300".len(), "{time}");
    assert!(header(record, "traceparent").starts_with("00-"));
}

#[tokio::test]
async fn requests_to_the_existing_executor_and_the_rows_beside_them_are_as_recorded() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/external_engine.json")).expect("a fixture");
    let house = House::new().await;
    let api = house.start("api", &API).await;
    let _relay = house.start("relay", &RELAY).await;
    api.client().register(AgentSpec::new("Fetcher", "http://fetcher:1/")).await;
    let id = api.client().create(&order_intake()).await;
    let input = json!({"input_data": {"src": "s3://bucket/k", "n": 1.5}});
    let started = api.client().post(&format!("/workflows/{id}/execute"), &input).await.expect(202);
    let run = started["run_id"].as_str().expect("a run id");

    let request = &house.records("workflow.execution.requests", 1).await[0];
    assert_envelope(request, run);
    assert_recorded(&value(request), run, &recorded["execution_request"]);
    assert_recorded(&house.row(run).await.expect("a row"), run, &recorded["row_of_a_start"]);

    let reason = json!({"reason": "wrong input"});
    api.client().post(&format!("/runs/{run}/cancel"), &reason).await.expect(200);
    let request = &house.records("workflow.cancellation.requests", 1).await[0];
    assert_envelope(request, run);
    assert_recorded(&value(request), run, &recorded["cancellation_request"]);
    assert_recorded(&house.row(run).await.expect("a row"), run, &recorded["row_of_a_cancellation"]);

    api.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    assert_recorded(&house.row(run).await.expect("a row"), run, &recorded["row_of_a_start"]);
    let again = house.records("workflow.execution.requests", 2).await;
    assert_recorded(&value(&again[1]), run, &recorded["execution_request"]);
}

#[tokio::test]
async fn tasks_updates_and_rows_of_orrerys_executor_are_as_recorded() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/calls_over_bridge.json")).expect("a fixture");
    let over = OverBridge::new(BridgeHabits::default()).await;
    let client = over.client();
    client.register(AgentSpec::new("Fetcher", over.house.cluster.agents.url("echo"))).await;
    let id = client.create(&order_intake()).await;
    let input = json!({"input_data": {"src": "s3://bucket/k"}});
    let started = client.post(&format!("/workflows/{id}/execute"), &input).await.expect(202);
    let run = started["run_id"].as_str().expect("a run id");
    client.reaches_within(PATIENCE, run, "COMPLETED").await;

    let task = &over.house.records("orchestrator.tasks.http", 1).await[0];
    assert_envelope(task, run);
    assert_recorded(&value(task), run, &recorded["task"]);
    let updates = over.house.records("workflow.monitoring.updates", 2).await;
    for update in &updates {
        assert_envelope(update, run);
    }
    assert_recorded(&updates.iter().map(value).collect(), run, &recorded["monitoring"]);
    assert_recorded(&over.house.row(run).await.expect("a row"), run, &recorded["row"]);
    assert_recorded(&over.house.step_rows(run).await.into_iter().collect(), run, &recorded["steps"]);
}

#[tokio::test]
async fn failures_of_orrerys_executor_are_told_and_written_as_recorded() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/calls_over_bridge.json")).expect("a fixture");
    let over = OverBridge::new(BridgeHabits::default()).await;
    let client = over.client();
    let bad = Behaviour::Says(r#"{"jsonrpc": "2.0", "error": {"code": -32000, "message": "bad"}}"#);
    let stub = Stub::start(bad).await;
    client.register(AgentSpec::new("Fetcher", stub.url())).await;
    let id = client.create(&order_intake()).await;
    let input = json!({"input_data": {"src": "s3://bucket/k"}});
    let started = client.post(&format!("/workflows/{id}/execute"), &input).await.expect(202);
    let run = started["run_id"].as_str().expect("a run id");
    client.reaches_within(PATIENCE, run, "FAILED").await;

    let updates = over.house.records("workflow.monitoring.updates", 3).await;
    assert_recorded(&updates.iter().map(value).collect(), run, &recorded["monitoring_of_a_failure"]);
    assert_recorded(&over.house.row(run).await.expect("a row"), run, &recorded["row_of_a_failure"]);
    assert_recorded(&over.house.step_rows(run).await.into_iter().collect(), run, &recorded["steps_of_a_failure"]);
}

#[tokio::test]
async fn results_of_orrerys_bridge_are_as_recorded() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/orrerys_bridge.json")).expect("a fixture");
    let house = House::of_the_old_system().await;
    let api = house.old_api();
    api.register("echo", &house.cluster.agents.url("echo"), 1).await;
    let _bridge = house.start("bridge", &[]).await;
    let (run, topic) = (run_id(), house.around_alone().topics.tasks);
    let producer = Producer::new(house.cluster.topics.brokers());
    for (agent, name) in [("echo", "success"), ("Nobody", "failure")] {
        let task = old_task(&run, "fetch", agent, &json!({"source": "s3://bucket/k"}));
        producer.send(&topic, &run, &task).await;
        let count = if name == "success" { 1 } else { 2 };
        let results = house.records("results.topic", count).await;
        let result = results.iter().find(|result| value(result)["correlation_id"] == task["correlation_id"]);
        let result = result.expect("a result of this task");
        assert_envelope(result, task["correlation_id"].as_str().expect("a correlation id"));
        assert_eq!(value(result)["task_id"], task["task_id"]);
        assert_recorded(&value(result), &run, &recorded[name]);
    }
}
