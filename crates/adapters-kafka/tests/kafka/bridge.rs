//! Tasks of the old executor: each is performed, many at once, and its result is sent before it is acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domain::{
    ports::TaskHandler,
    runs::{AgentTask, TaskOutcome},
};
use serde_json::json;
use tokio::sync::{Barrier, Semaphore};

use crate::support::{Place, payload, run_id, send, until};

/// Performs tasks as each test wants it.
pub(crate) struct Agents {
    pub(crate) begun: AtomicUsize,
    /// How many must be under way at once for any to end.
    together: Option<Barrier>,
    gate: Option<Semaphore>,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self { begun: AtomicUsize::new(0), together: None, gate: None }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TaskHandler for Agents {
    async fn perform(&self, task: &AgentTask) -> TaskOutcome {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if let Some(together) = &self.together {
            together.wait().await;
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("open").forget();
        }
        match task.agent.as_str() {
            "Silent" => TaskOutcome::Success(payload(json!(null))),
            "Failing" => TaskOutcome::Failure("JSON-RPC Error -32000: bad".into()),
            "Large" => TaskOutcome::Success(payload(json!({"text": "x".repeat(5000)}))),
            _ => TaskOutcome::Success(payload(json!({"echo": task.input.value()}))),
        }
    }
}

fn task(number: u32, agent: &str) -> String {
    let (run, correlation) = (run_id(1), format!("corr-{number}"));
    json!({"run_id": run.as_str(), "task_id": format!("task-{number}"), "agent_name": agent,
           "input_data": {"n": number}, "correlation_id": correlation})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_slow_tasks_of_one_run_are_performed_at_once() {
    let mut place = Place::new().await;
    let topics = place.config.topics.clone();
    for number in 0..50 {
        place.send(&topics.tasks, run_id(1).as_str(), task(number, "A").as_str()).await;
    }
    let agents = Arc::new(Agents { together: Some(Barrier::new(50)), ..Agents::new() });
    let (bridge, handler) = (place.bus.bridge(), Arc::clone(&agents));
    place.run(|shutdown| bridge.run(handler, shutdown));
    let results = place.records(&topics.results, 50).await;
    for seen in &results {
        let result = seen.json();
        let number: u32 =
            seen.key.as_deref().and_then(|key| key.strip_prefix("corr-")).expect("a key").parse().expect("a number");
        assert_eq!(
            result,
            json!({"run_id": run_id(1).as_str(), "task_id": format!("task-{number}"), "status": "SUCCESS",
                   "output_data": {"echo": {"n": number}}, "correlation_id": format!("corr-{number}"),
                   "error_message": null, "timestamp": "2026-11-22T12:00:00.500000"})
        );
    }
    let group = place.config.groups.bridge.clone();
    until("all are acknowledged", async || place.acknowledged(&group, &topics.tasks) == 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_belongs_to_the_trace_of_its_task() {
    let mut place = Place::new().await;
    let topics = place.config.topics.clone();
    let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (number, header) in [(1, theirs), (2, "no trace at all")] {
        let header = Some(("traceparent", header));
        send(&place.config.brokers, &topics.tasks, run_id(1).as_str(), Some(&task(number, "A")), header).await;
    }
    let bridge = place.bus.bridge();
    place.run(|shutdown| bridge.run(Arc::new(Agents::new()), shutdown));
    let results = place.records(&topics.results, 2).await;
    let trace = |key: &str| {
        let result = results.iter().find(|seen| seen.key.as_deref() == Some(key)).expect("a result");
        result.headers["traceparent"].clone()
    };
    assert_eq!(trace("corr-1"), theirs);
    assert!(trace("corr-2").starts_with("00-0199f0aa111172228333000000000001-"), "{}", trace("corr-2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_a_result_too_and_what_is_no_task_is_a_dead_letter() {
    let mut place = Place::with(|config| config.topic_shape.partitions = 1).await;
    let topics = place.config.topics.clone();
    for value in [task(1, "Failing"), "{}".to_owned(), task(2, "Silent")] {
        place.send(&topics.tasks, "run-1", value.as_str()).await;
    }
    let bridge = place.bus.bridge();
    place.run(|shutdown| bridge.run(Arc::new(Agents::new()), shutdown));
    let mut results: Vec<_> = place.records(&topics.results, 2).await.iter().map(crate::support::Seen::json).collect();
    results.sort_by_key(|result| result["correlation_id"].to_string());
    assert_eq!(
        (&results[0]["status"], &results[0]["error_message"]),
        (&json!("FAILURE"), &json!("JSON-RPC Error -32000: bad"))
    );
    assert_eq!((&results[1]["status"], &results[1]["output_data"]), (&json!("SUCCESS"), &json!(null)));
    let letter = place.records(&topics.dead_letters, 1).await.remove(0);
    assert_eq!(letter.headers["dead-letter.reason"], "run_id is missing");
    let group = place.config.groups.bridge.clone();
    until("all are acknowledged", async || place.acknowledged(&group, &topics.tasks) == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_too_large_becomes_a_failure_and_a_dead_letter() {
    let mut place = Place::with(|config| config.max_sent_bytes = 2000).await;
    let topics = place.config.topics.clone();
    place.send(&topics.tasks, "run-1", task(1, "Large").as_str()).await;
    let bridge = place.bus.bridge();
    place.run(|shutdown| bridge.run(Arc::new(Agents::new()), shutdown));
    let result = place.records(&topics.results, 1).await.remove(0).json();
    assert_eq!(result["status"], "FAILURE");
    let message = result["error_message"].as_str().expect("a message");
    assert!(message.starts_with("the agent's output cannot be sent: "), "{message}");
    assert_eq!(place.records(&topics.dead_letters, 1).await[0].headers["dead-letter.topic"], topics.results);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_bridge_crashed_is_performed_again() {
    let mut place = Place::new().await;
    let topics = place.config.topics.clone();
    place.send(&topics.tasks, "run-1", task(1, "A").as_str()).await;
    let crashed = Arc::new(Agents { gate: Some(Semaphore::new(0)), ..Agents::new() });
    let (bridge, handler) = (place.bus.bridge(), Arc::clone(&crashed));
    place.run(|shutdown| bridge.run(handler, shutdown));
    until("it is begun", async || crashed.begun() == 1).await;
    place.crash().await;
    let bridge = place.bus.bridge();
    place.run(|shutdown| bridge.run(Arc::new(Agents::new()), shutdown));
    assert_eq!(place.records(&topics.results, 1).await[0].json()["status"], "SUCCESS");
}
