//! Calls through a bridge: answered by one, or by nobody.

use std::{sync::Arc, time::Duration};

use adapters_kafka::KafkaAgentGateway;
use domain::{
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::AgentId,
    ports::{AgentGateway, AgentHealth, MockAgentGateway},
    runs::{AgentRequest, CallFailure, CallIds, CallOutcome},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
};
use serde_json::{Value, json};

use crate::{
    bridge::Agents,
    support::{PATIENCE, Place, payload, run_id, send, until},
};

fn agent(name: &str, timeout: Duration) -> Agent {
    let at = "2026-11-22T21:47:05Z".parse().expect("a time");
    Agent {
        id: AgentId::new(uuid::Uuid::from_u128(1)),
        name: AgentName::parse(name).expect("a name"),
        url: AgentUrl::parse("http://a/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout,
        retry: RetryPolicy::new(1, 1000, 3000, 2.0).expect("a policy"),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: at,
        updated_at: at,
        created_by: None,
        updated_by: None,
    }
}

fn request(number: u32, input: Value) -> AgentRequest {
    let task = format!("task-a-{number}");
    let ids = CallIds { message: format!("msg-{task}"), task, correlation: format!("corr-a-{number}") };
    AgentRequest { run: run_id(number), ids, input: payload(input), pass: None, trace: None }
}

/// A gateway whose results are read.
fn gateway(place: &mut Place) -> KafkaAgentGateway {
    let (gateway, results) = place.bus.agent_gateway(Arc::new(MockAgentGateway::new()));
    place.run(|shutdown| results.run(shutdown));
    gateway
}

async fn call(gateway: &KafkaAgentGateway, name: &str, number: u32) -> CallOutcome {
    gateway.call(&agent(name, PATIENCE), &request(number, json!({"n": number}))).await
}

fn failure(outcome: CallOutcome) -> CallFailure {
    match outcome {
        CallOutcome::Failed(failure) => failure,
        CallOutcome::Completed(output) => panic!("it completed: {}", output.text()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_answered_by_the_bridge_each_with_its_own_result() {
    let mut place = Place::new().await;
    let gateway = gateway(&mut place);
    let bridge = place.bus.bridge();
    place.run(|shutdown| bridge.run(Arc::new(Agents::new()), shutdown));
    let outcomes = futures_util::future::join_all((0..20).map(|number| call(&gateway, "A", number))).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome, CallOutcome::Completed(payload(json!({"echo": {"n": number}}))));
    }
    assert_eq!(call(&gateway, "Silent", 30).await, CallOutcome::Completed(payload(json!(null))));
    let failed = failure(call(&gateway, "Failing", 31).await);
    assert_eq!((failed.message.as_str(), failed.definite), ("JSON-RPC Error -32000: bad", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_sent_as_the_old_executor_sends_it() {
    let mut place = Place::with(|config| config.bridge_margin = Duration::ZERO).await;
    let gateway = gateway(&mut place);
    let outcome = gateway.call(&agent("A", Duration::from_millis(200)), &request(7, json!({"n": 7}))).await;
    let failed = failure(outcome);
    assert_eq!(failed.message, "no result within 200 ms (correlation_id: corr-a-7)");
    assert!(!failed.definite && !failed.permanent, "nobody knows what the agent did");
    let seen = place.records(&place.config.topics.tasks, 1).await.remove(0);
    assert_eq!(seen.key.as_deref(), Some(run_id(7).as_str()));
    assert!(seen.headers["traceparent"].starts_with("00-0199f0aa111172228333000000000007-"));
    assert_eq!(
        seen.json(),
        json!({"run_id": run_id(7).as_str(), "task_id": "task-a-7", "agent_name": "A", "input_data": {"n": 7},
               "correlation_id": "corr-a-7", "timestamp": "2026-11-22T12:00:00.500000"})
    );
}

fn result(number: u32, member: &str, value: Value) -> String {
    let mut result = json!({"run_id": "other", "task_id": "other", "status": "SUCCESS", "output_data": {"text": "done"},
        "correlation_id": format!("corr-a-{number}"), "error_message": null});
    result[member] = value;
    result.to_string()
}

/// Calls, and answers with this result when the task has arrived.
async fn answered(result: &str) -> CallOutcome {
    let mut place = Place::new().await;
    let gateway = gateway(&mut place);
    let answer = async {
        place.records(&place.config.topics.tasks, 1).await;
        let results = &place.config.topics.results;
        // What nobody can understand or waits for does not disturb.
        for other in ["nonsense", "{\"correlation_id\": \"corr-of-others\", \"status\": \"SUCCESS\"}", result, result] {
            send(&place.config.brokers, results, "key", Some(other), None).await;
        }
    };
    tokio::join!(call(&gateway, "A", 1), answer).0
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_correlation_id_of_a_result_matters() {
    let outcome = answered(&result(1, "task_id", json!("of somebody else"))).await;
    assert_eq!(outcome, CallOutcome::Completed(payload(json!({"text": "done"}))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_no_object_fails_the_call_for_good() {
    let failed = failure(answered(&result(1, "output_data", json!("text"))).await);
    assert_eq!(
        (failed.message.as_str(), failed.definite),
        ("the agent's output cannot be kept: it is not an object", true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_in_lower_case_is_a_failure() {
    let failed = failure(answered(&result(1, "status", json!("success"))).await);
    assert_eq!((failed.message.as_str(), failed.definite), ("Agent execution failed", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_no_bridge_takes_is_not_sent() {
    let mut place = Place::new().await;
    let gateway = gateway(&mut place);
    let failed = failure(gateway.call(&agent("A", PATIENCE), &request(1, json!([1]))).await);
    assert_eq!(failed.message, "the task cannot be sent: the step's input is not an object");
    assert!(failed.definite && failed.permanent);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_on_partitions_that_are_new_are_read() {
    let mut place = Place::with(|config| config.topic_shape.partitions = 1).await;
    let results = place.config.topics.results.clone();
    let gateway = gateway(&mut place);
    let answer = async {
        place.records(&place.config.topics.tasks, 1).await;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &place.config.brokers).create().expect("a client");
        let made = admin.create_partitions([&NewPartitions::new(&results, 8)], &AdminOptions::new()).await;
        assert!(made.expect("an answer")[0].is_ok());
        // This key belongs to the old partition while there is one, and to a new one as soon as the producer knows of eight.
        until("a result lies on a new partition", async || {
            let foreign = result(2, "run_id", json!("r"));
            send(&place.config.brokers, &results, "key-7", Some(&foreign), None).await > 0
        })
        .await;
        send(&place.config.brokers, &results, "key-7", Some(&result(1, "run_id", json!("r"))), None).await
    };
    let (outcome, partition) = tokio::join!(call(&gateway, "A", 1), answer);
    assert!(partition > 0, "the result lies on a new partition");
    assert_eq!(outcome, CallOutcome::Completed(payload(json!({"text": "done"}))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_an_agent_is_asked_of_the_other_gateway() {
    let mut cards = MockAgentGateway::new();
    let health = AgentHealth { card: None, message: "asleep".into(), response_time: None };
    cards.expect_health().return_const(health.clone());
    let place = Place::new().await;
    let (gateway, _results) = place.bus.agent_gateway(Arc::new(cards));
    assert_eq!(gateway.health(&agent("A", PATIENCE)).await, health);
}
