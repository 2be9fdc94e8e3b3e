//! What is sent arrives, where and as the contract says.

use std::collections::BTreeMap;

use domain::{
    agents::AgentName,
    ids::{Seq, StepExecutionId, StepId},
    ports::{Asked, Delivery, ExternalExecutor, Monitoring, Publisher, QueuedMessage, Shard},
    runs::{ExternalRequest, MonitoringUpdate, News, OutboxMessage, RunEnded},
    workflows::WorkflowDocument,
};
use serde_json::{Value, json};

use crate::support::{Place, payload, run_id};

pub(crate) fn message(id: u64, run: u32, error: &str) -> QueuedMessage {
    let message = RunEnded {
        event_id: format!("{}-{id}", run_id(run)),
        run_id: run_id(run),
        status: "FAILED".into(),
        timestamp: "2026-11-22T21:48:10.868387Z".parse().expect("a time"),
        error_message: Some(error.into()),
        message_type: "run_ended".into(),
        from: None,
    };
    QueuedMessage { id, shard: Shard::of(message.run_id.as_str()), message: message.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_the_outbox_arrive_in_the_order_of_each_run() {
    let place = Place::new().await;
    let messages: Vec<_> = (0..60).map(|id| message(id, u32::try_from(id).expect("small") % 7, "no")).collect();
    let delivered = place.bus.publisher().publish(&messages).await;
    assert_eq!(delivered, vec![Delivery::Delivered; 60]);
    let mut by_run: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for seen in place.records(&place.config.topics.run_events, 60).await {
        let event = seen.json()["event_id"].as_str().expect("an id").to_owned();
        let number = event.rsplit('-').next().expect("a number").parse().expect("a number");
        by_run.entry(seen.key.expect("a key")).or_default().push(number);
    }
    assert_eq!(by_run.len(), 7);
    assert!(by_run.values().all(|numbers| numbers.is_sorted()), "{by_run:?}");
}

fn left(id: u64, run: u32) -> QueuedMessage {
    let recorded = include_str!("../fixtures/dead_letter_left.json");
    let mut value: Value = serde_json::from_str(recorded).expect("a fixture is JSON");
    value["run_id"] = run_id(run).as_str().into();
    // As the outbox holds it: a payload is its text.
    value["original_task"]["input"] = value["original_task"]["input"].to_string().into();
    let message: OutboxMessage = serde_json::from_value(value).expect("a message");
    QueuedMessage { id, shard: Shard::of(message.run().as_str()), message }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_failed_for_good_arrives_on_a_topic_of_its_own_under_its_run() {
    let place = Place::new().await;
    let messages = [left(1, 5), message(2, 5, "no")];
    assert_eq!(place.bus.publisher().publish(&messages).await, [Delivery::Delivered, Delivery::Delivered]);
    let seen = place.records(&place.config.topics.dlq, 1).await.remove(0);
    assert_eq!(seen.key.as_deref(), Some(run_id(5).as_str()));
    assert!(seen.headers["traceparent"].starts_with("00-0199f0aa111172228333000000000005-"), "{seen:?}");
    assert_eq!(seen.json()["original_task"]["input"], json!({"src": "s3://bucket/k", "n": 1.5}));
    assert_eq!(place.records(&place.config.topics.run_events, 1).await[0].json()["error_message"], "no");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_part_of_the_trace_of_its_run() {
    let place = Place::new().await;
    place.bus.publisher().publish(&[message(1, 5, "no")]).await;
    let seen = place.records(&place.config.topics.run_events, 1).await.remove(0);
    assert_eq!(seen.key.as_deref(), Some(run_id(5).as_str()));
    assert!(seen.headers["traceparent"].starts_with("00-0199f0aa111172228333000000000005-"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_becomes_a_dead_letter_and_does_not_stop_others() {
    let place = Place::with(|config| config.max_sent_bytes = 2000).await;
    let messages = [message(1, 1, &"x".repeat(5000)), message(2, 1, "small")];
    assert_eq!(place.bus.publisher().publish(&messages).await, [Delivery::Delivered, Delivery::Delivered]);
    let letter = place.records(&place.config.topics.dead_letters, 1).await.remove(0);
    assert_eq!(letter.headers["dead-letter.topic"], place.config.topics.run_events);
    assert!(letter.headers["dead-letter.reason"].contains("too large"), "{letter:?}");
    assert!(
        letter.value.is_none() && letter.headers["dead-letter.omitted-bytes"].parse::<u32>().expect("a size") > 5000
    );
    assert_eq!(place.records(&place.config.topics.run_events, 1).await[0].json()["error_message"], "small");
}

fn document(mapping: &Value) -> WorkflowDocument {
    let steps = json!({"a": {"id": "a", "agent_name": "A", "next_step": null, "input_mapping": mapping}});
    let plan = json!({"workflow_id": "wf-x-1", "name": "x", "version": "1", "start_step": "a", "steps": steps});
    serde_json::from_value(plan).expect("a document")
}

fn start(run: u32, mapping: &Value) -> ExternalRequest {
    let at = "2026-11-22T21:47:05.657300Z".parse().expect("a time");
    ExternalRequest::Start { run: run_id(run), document: document(mapping), input: payload(json!({"n": 1})), at }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_old_executor_arrive_on_their_topics_and_on_equal_partitions() {
    let place = Place::new().await;
    let executor = place.bus.external_executor();
    for run in 0..6 {
        assert_eq!(executor.request(&start(run, &json!({"x": "${y}"}))).await, Asked::Delivered);
        let at = "2026-11-22T21:49:00Z".parse().expect("a time");
        let cancel = ExternalRequest::Cancel { run: run_id(run), by: None, reason: Some("why".into()), at };
        assert_eq!(executor.request(&cancel).await, Asked::Delivered);
    }
    let partitions = |seen: &[crate::support::Seen]| {
        seen.iter().map(|seen| (seen.key.clone(), seen.partition)).collect::<BTreeMap<_, _>>()
    };
    let starts = place.records(&place.config.topics.execution_requests, 6).await;
    let cancels = place.records(&place.config.topics.cancellation_requests, 6).await;
    assert_eq!(partitions(&starts), partitions(&cancels));
    assert_eq!(starts[0].json()["workflow_plan"]["steps"]["a"]["type"], "agent");
    assert_eq!(starts[0].json()["message_type"], "execution_request");
    assert_eq!(cancels[0].json()["cancelled_by"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_the_old_executor_would_drop_becomes_a_dead_letter() {
    let place = Place::new().await;
    let reason = "step 'a' of the plan maps 'n' to something that is no text";
    let asked = place.bus.external_executor().request(&start(1, &json!({"n": 7}))).await;
    assert_eq!(asked, Asked::Refused(reason.to_owned()));
    let letter = place.records(&place.config.topics.dead_letters, 1).await.remove(0);
    assert_eq!(letter.headers["dead-letter.reason"], reason);
    assert_eq!(letter.headers["dead-letter.topic"], place.config.topics.execution_requests);
    assert_eq!(letter.json()["run_id"], run_id(1).as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_updates_arrive_in_order() {
    let place = Place::new().await;
    let monitoring = place.bus.monitoring().expect("sound settings");
    let (step, agent) = (StepId::parse("a").expect("an id"), AgentName::parse("A").expect("a name"));
    let execution = StepExecutionId::derive(&run_id(1), &step, Seq::new(1));
    let task = "task-a-1".to_owned();
    let started = News::StepStarted {
        step: step.clone(),
        agent: agent.clone(),
        execution: execution.clone(),
        task: task.clone(),
    };
    let completed = News::StepCompleted { step, agent, execution, task };
    for news in [started, completed] {
        let at = "2026-11-22T21:48:10.868387Z".parse().expect("a time");
        monitoring.report(MonitoringUpdate { run: run_id(1), from: None, at, news });
    }
    let seen = place.records(&place.config.topics.monitoring, 2).await;
    let status: Vec<_> = seen.iter().map(|seen| seen.json()["status"].clone()).collect();
    assert_eq!(status, ["RUNNING", "COMPLETED"]);
    assert!(seen.iter().all(|seen| seen.key.as_deref() == Some(run_id(1).as_str())));
}

/// murmur2 as the Java client and kafka-python compute it.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(data.len()).expect("short");
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0_u32, |last, byte| (last << 8) | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[test]
fn the_formula_of_this_test_is_that_of_java() {
    // From the tests of the Java client (UtilsTest) and of kafka-python.
    for (key, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_to_the_partition_where_the_java_client_would_put_them() {
    let place = Place::new().await;
    let messages: Vec<_> = (0..40).map(|n| message(u64::from(n), n, "no")).collect();
    place.bus.publisher().publish(&messages).await;
    for seen in place.records(&place.config.topics.run_events, 40).await {
        let hash = murmur2(seen.key.as_deref().expect("a key").as_bytes());
        assert_eq!(i64::from(seen.partition), i64::from((hash & 0x7fff_ffff) % 3), "{:?}", seen.key);
    }
}
