//! Steps that fail for good, where several processes share the work and others are told over Kafka.

use e2e_tests::{AgentSpec, Behaviour, Cluster, Stub, workflow};
use serde_json::json;

const TOPIC: &str = "workflow.dlq";

#[tokio::test]
async fn a_step_that_fails_for_good_is_told_under_its_run_and_its_replay_takes_the_entry_away() {
    let cluster = Cluster::new().await;
    let (api, executor) = tokio::join!(cluster.start("api", &[]), cluster.start("executor", &[]));
    let _relay = cluster.start("relay", &[]).await;
    let client = api.client();
    let stub = Stub::start(Behaviour::Status(500)).await;
    client.register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    client.register(AgentSpec::new("moody", stub.url()).attempts(2)).await;
    let id = client.create(&workflow("dies", &[("first", "echo"), ("second", "moody")])).await;
    let run = client.execute(&id, "hello").await;
    client.reaches(&run, "FAILED").await;

    let entry = &client.get(&format!("/dlq?run_id={run}")).await.expect(200)["items"][0];
    let letter = entry["dlq_id"].as_str().expect("an id").to_owned();
    let records = cluster.topics.read(TOPIC, "the step", |records| !records.is_empty()).await;
    let [record] = &records[..] else { panic!("one record: {records:?}") };
    assert_eq!((record.key.as_str(), record.text("dlq_id")), (run.as_str(), letter.as_str()));
    assert_eq!((record.text("message_type"), record.text("event_id")), ("dead_letter", format!("{letter}-1").as_str()));
    assert_eq!((record.text("workflow_id"), record.text("workflow_name")), (id.as_str(), "dies"));
    assert_eq!((record.text("step_id"), record.text("agent_name")), ("second", "moody"));
    assert_eq!(record.value["original_task"]["input"], json!({"text": "hello"}));
    assert_eq!(record.value["original_task"]["message_id"], stub.received()[0].message_id);
    assert_eq!(record.value["attempts"], 2);
    assert!(record.text("failure_reason").contains("500"), "{}", record.value);

    // Another executor, after a kill: what is replayed does not depend on who has it.
    executor.kill9();
    let _other = cluster.start("executor", &[]).await;
    stub.behave(Behaviour::Answer);
    let replayed = client.post(&format!("/dlq/{letter}/replay"), &json!({})).await.expect(202);
    client.reaches(replayed["run_id"].as_str().expect("an id"), "COMPLETED").await;
    client.get(&format!("/dlq/{letter}")).await.expect(404);
}
