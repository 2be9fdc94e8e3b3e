//! Mode (d): Orrery's bridge calls agents for the existing executor.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use e2e_tests::{Behaviour, Orrery, Record, Stub, eventually};
use serde_json::{Value, json};

use crate::{
    house::{House, assert_one_message_for_each_step, header},
    old::{ExecutorHabits, OldApi, OldExecutor, Producer, old_task, run_id},
    old_api::plan,
};

/// What this mode consists of, but for the existing executor.
struct Bridge {
    api: OldApi,
    process: Orrery,
    house: House,
}

impl Bridge {
    async fn new() -> Self {
        let house = House::of_the_old_system().await;
        let bridge = house.start("bridge", &["--registry-listen", "127.0.0.1:0"]).await;
        Self { api: house.old_api(), process: bridge, house }
    }

    /// Sends tasks as the old executor does, and answers their results by correlation id.
    async fn perform(&self, tasks: &[Value]) -> BTreeMap<String, Value> {
        let producer = Producer::new(self.house.cluster.topics.brokers());
        let topic = self.house.around_alone().topics.tasks;
        for task in tasks {
            producer.send(&topic, task["run_id"].as_str().expect("a run id"), task).await;
        }
        let asked: BTreeSet<String> = tasks.iter().map(correlation).collect();
        let wanted = asked.clone();
        let all = move |records: &[Record]| wanted.iter().all(|asked| records.iter().any(|r| r.key == *asked));
        let results = self.house.cluster.topics.read("results.topic", "a result for each task", all).await;
        let results = results.into_iter().filter(|result| asked.contains(&result.key));
        let keyed = results.map(|result| {
            assert_eq!(result.key, correlation(&result.value), "results are keyed by their correlation id");
            (result.key, result.value)
        });
        keyed.collect()
    }

    /// The result of one task for an agent.
    async fn perform_one(&self, agent: &str) -> Value {
        let task = old_task(&run_id(), "a", agent, &json!({"text": "x"}));
        self.perform(std::slice::from_ref(&task)).await.remove(&correlation(&task)).expect("its result")
    }
}

fn correlation(of: &Value) -> String {
    of["correlation_id"].as_str().expect("a correlation id").to_owned()
}

#[tokio::test]
async fn a_run_of_the_old_api_and_executor_completes() {
    let bridge = Bridge::new().await;
    bridge.api.register("echo", &bridge.house.cluster.agents.url("echo"), 1).await;
    let executor = OldExecutor::start(&bridge.house.around(&bridge.process), ExecutorHabits::default());
    let plan = plan("old", &[("first", "echo"), ("second", "echo")]);

    let run = bridge.api.execute(&plan, &json!({"text": "hello"})).await;

    bridge.house.reaches(&run, "COMPLETED").await;
    let rows = bridge.house.step_rows(&run).await;
    assert_eq!(rows.iter().map(|row| &row["output_data"]["text"]).collect::<Vec<_>>(), ["hello", "hello"]);
    assert!(executor.seen().troubles.is_empty(), "{:?}", executor.seen());
}

#[tokio::test]
async fn tasks_that_come_twice_make_one_row_and_one_message_for_each_step() {
    let bridge = Bridge::new().await;
    bridge.api.register("echo", &bridge.house.cluster.agents.url("echo"), 1).await;
    let habits = ExecutorHabits { doubles_tasks: true, ..ExecutorHabits::default() };
    let executor = OldExecutor::start(&bridge.house.around(&bridge.process), habits);
    let steps = ["twice-first".to_owned(), "twice-second".to_owned()];

    let run =
        bridge.api.execute(&plan("doubled", &[(&steps[0], "echo"), (&steps[1], "echo")]), &json!({"text": "x"})).await;

    bridge.house.reaches(&run, "COMPLETED").await;
    bridge.house.records("results.topic", 4).await;
    assert_one_message_for_each_step(&bridge.house, &run, &steps, 2).await;
    assert!(executor.seen().troubles.is_empty(), "{:?}", executor.seen());
}

#[tokio::test]
async fn a_burst_of_the_old_api_is_lost_in_its_executor_which_is_why_orrery_paces_its_requests() {
    let bridge = Bridge::new().await;
    bridge.api.register("echo", &bridge.house.cluster.agents.url("echo"), 1).await;
    let plan = plan("burst", &[("only", "echo")]);
    for _ in 0..8 {
        bridge.api.execute(&plan, &json!({"text": "x"})).await;
    }

    let executor = OldExecutor::start(&bridge.house.around(&bridge.process), ExecutorHabits::default());

    let seen = eventually("it has looked at every request", async || {
        Some(executor.seen()).filter(|seen| seen.begun.len() + seen.dropped == 8)
    })
    .await;
    assert!((1..8).contains(&seen.begun.len()), "{seen:?}");
}

#[tokio::test]
async fn fifty_slow_tasks_are_performed_at_the_same_time_even_those_of_one_run() {
    let bridge = Bridge::new().await;
    bridge.api.register("slow", &bridge.house.cluster.agents.url("slow?ms=1000"), 1).await;
    let run = run_id();
    let tasks: Vec<_> =
        (0..50).map(|n| old_task(&run, &format!("s{n}"), "slow", &json!({"text": n.to_string()}))).collect();
    let begun = Instant::now();

    let results = bridge.perform(&tasks).await;

    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "one after another takes 50 s, this took {took:?}");
    assert_eq!(results.len(), 50);
    for task in &tasks {
        let result = &results[&correlation(task)];
        assert_eq!((&result["run_id"], &result["task_id"]), (&task["run_id"], &task["task_id"]));
        assert_eq!(
            (&result["status"], &result["output_data"]["text"]),
            (&"SUCCESS".into(), &task["input_data"]["text"])
        );
    }
}

#[tokio::test]
async fn an_agent_that_nobody_knows_is_reported_in_the_old_words() {
    let bridge = Bridge::new().await;

    let result = bridge.perform_one("Nobody").await;

    let message = "Agent 'Nobody' not found in API database or registry";
    assert_eq!((&result["status"], &result["error_message"]), (&"FAILURE".into(), &message.into()));
    assert_eq!(result["output_data"], Value::Null);
}

/// What an agent does (contract 7.4), what the result says, and how many calls three attempts come to (contract 7.5).
const FAILURES: [(&str, Behaviour, &str, usize); 10] = [
    ("unavailable", Behaviour::Status(503), "HTTP 503", 3),
    ("too-many", Behaviour::Status(429), "HTTP 429", 3),
    ("missing", Behaviour::Status(404), "HTTP 404", 1),
    ("elsewhere", Behaviour::Status(302), "HTTP 302", 1),
    (
        "error",
        Behaviour::Says(r#"{"jsonrpc": "2.0", "error": {"code": -32000, "message": "bad"}}"#),
        "JSON-RPC Error -32000: bad",
        1,
    ),
    (
        "failed",
        Behaviour::Says(r#"{"jsonrpc": "2.0", "result": {"status": {"state": "failed"}}}"#),
        "Task state: failed",
        1,
    ),
    (
        "working",
        Behaviour::Says(r#"{"jsonrpc": "2.0", "result": {"status": {"state": "working"}}}"#),
        "Task state: working",
        1,
    ),
    (
        "untold",
        Behaviour::Says(r#"{"result": {"status": {"state": "completed"}}}"#),
        "Response missing 'jsonrpc' field",
        1,
    ),
    ("babbling", Behaviour::Nonsense, "the answer is not JSON", 1),
    ("hanging-up", Behaviour::HangUp, "the agent hung up", 1),
];

#[tokio::test]
async fn failures_are_told_in_the_old_words_and_only_what_can_pass_is_tried_again() {
    let bridge = Bridge::new().await;
    let mut agents = Vec::new();
    for (name, behaviour, _, _) in FAILURES {
        let stub = Stub::start(behaviour).await;
        bridge.api.register(name, &stub.url(), 3).await;
        agents.push(stub);
    }
    let of = |name| old_task(&run_id(), "a", name, &json!({"text": "x"}));
    let tasks: Vec<_> = FAILURES.iter().map(|(name, ..)| of(name)).collect();

    let results = bridge.perform(&tasks).await;

    for (index, (name, _, begins, calls)) in FAILURES.into_iter().enumerate() {
        let result = &results[&correlation(&tasks[index])];
        assert_eq!((&result["status"], &result["output_data"]), (&"FAILURE".into(), &Value::Null));
        let message = result["error_message"].as_str().unwrap_or_default();
        assert!(message.starts_with(begins), "{name}: {message}");
        let received = agents[index].received();
        let ids: BTreeSet<_> = received.iter().map(|call| &call.message_id).collect();
        assert_eq!((received.len(), ids.len()), (calls, 1), "{name}: so many calls, all of one message");
    }
}

#[tokio::test]
async fn an_agent_that_does_not_listen_is_tried_again_too() {
    let bridge = Bridge::new().await;
    let nowhere = Stub::start(Behaviour::Answer).await.url();
    bridge.api.register_with("away", &nowhere, 5, 1000).await;
    let begun = Instant::now();

    let result = bridge.perform_one("away").await;

    assert_eq!((&result["status"], &result["output_data"]), (&"FAILURE".into(), &Value::Null));
    assert!(begun.elapsed() >= Duration::from_secs(4), "five attempts, a second apart: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_task_that_cannot_be_understood_becomes_a_dead_letter_and_those_behind_it_are_performed() {
    let bridge = Bridge::new().await;
    bridge.api.register("echo", &bridge.house.cluster.agents.url("echo"), 1).await;
    let producer = Producer::new(bridge.house.cluster.topics.brokers());
    let topic = bridge.house.around_alone().topics.tasks;
    // The same key, so that the good task is behind them on their partition.
    let run = run_id();
    producer.send_bytes(&topic, &run, Some(b"{\"run_id\"")).await;
    producer.send_bytes(&topic, &run, None).await;
    producer.send(&topic, &run, &json!({"run_id": run, "agent_name": "echo"})).await;

    let task = old_task(&run, "a", "echo", &json!({"text": "x"}));
    let results = bridge.perform(&[task]).await;

    assert!(results.values().all(|result| result["status"] == "SUCCESS"), "{results:?}");
    let letters = bridge.house.records("workflow.dead.letters", 3).await;
    let reasons: Vec<_> = letters.iter().map(|letter| header(letter, "dead-letter.reason")).collect();
    for part in ["not JSON", "no value", "task_id is missing"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
}
