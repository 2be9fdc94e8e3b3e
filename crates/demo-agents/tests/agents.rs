//! The demo agents over real HTTP.

use std::time::{Duration, Instant};

use demo_agents::{CATALOGUE, DemoAgents, Options};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

struct Demo {
    agents: DemoAgents,
    client: Client,
}

impl Demo {
    fn start() -> Self {
        Self::with(&Options { story_delay: Duration::ZERO, ..Options::default() })
    }

    fn with(options: &Options) -> Self {
        let agents = DemoAgents::start("127.0.0.1:0".parse().expect("an address"), options).expect("a server");
        Self { agents, client: Client::builder().no_proxy().build().expect("a client") }
    }

    async fn post(&self, path: &str, body: impl ToString) -> (StatusCode, String) {
        let response = self.client.post(self.agents.url(path)).body(body.to_string()).send().await.expect("an answer");
        (response.status(), response.text().await.expect("a body"))
    }

    async fn rpc(&self, path: &str, body: impl ToString) -> Value {
        let (status, body) = self.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.client.get(self.agents.url(path)).send().await.expect("an answer");
        serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
    }
}

fn message(id: &str, parts: &Value) -> Value {
    let message = json!({"kind": "message", "role": "user", "messageId": id, "parts": parts});
    json!({"jsonrpc": "2.0", "id": format!("task-{id}"), "method": "message/send", "params": {"message": message}})
}

fn saying(id: &str, input: &Value) -> Value {
    message(id, &json!([{"kind": "text", "text": input.to_string()}]))
}

#[tokio::test]
async fn the_story_is_told_from_topic_to_verdict() {
    let demo = Demo::start();
    let research = demo.rpc("researcher", saying("1", &json!({"topic": "honey bees"}))).await["result"].take();
    assert_eq!(research["facts"][3], "Bees see ultraviolet light, but not red.");
    let input = json!({"topic": research["topic"], "facts": research["facts"]});
    let written = demo.rpc("writer", saying("2", &input)).await["result"].take();
    assert_eq!(written["title"], "A short note on honey bees");
    let review = demo.rpc("reviewer", saying("3", &json!({"paragraph": written["paragraph"]}))).await["result"].take();
    assert_eq!(review["verdict"], "revise");
    assert_eq!(review["remarks"], json!(["It has no number that a reader could check."]));
}

#[tokio::test]
async fn an_answer_is_a_completed_a2a_task() {
    let demo = Demo::start();
    let answer = demo.rpc("reviewer", saying("m", &json!({"text": "Short."}))).await;
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("task-m")));
    let task = &answer["result"];
    assert_eq!((&task["kind"], &task["status"]), (&json!("task"), &json!({"state": "completed"})));
    assert_eq!((&task["id"], &task["contextId"]), (&json!("task-of-m"), &json!("context-of-m")));
    assert_eq!(task["artifacts"][0]["parts"][0]["kind"], "text");
}

#[tokio::test]
async fn the_echo_returns_what_it_gets_but_keeps_the_members_of_the_task() {
    let demo = Demo::start();
    let input = json!({"n": 1.5, "nested": {"a": ["é"]}, "status": "mine"});
    let task = demo.rpc("echo", saying("1", &input)).await["result"].take();
    assert_eq!((&task["n"], &task["nested"]), (&input["n"], &input["nested"]));
    assert_eq!(task["status"], json!({"state": "completed"}));

    let parts = json!([{"kind": "text", "text": "hi"}, {"kind": "data", "data": {"text": "hi", "lang": "de"}}]);
    let task = demo.rpc("echo", message("2", &parts)).await["result"].take();
    assert_eq!((&task["text"], &task["lang"]), (&json!("hi"), &json!("de")));

    let task = demo.rpc("echo", message("3", &json!([{"kind": "text", "text": "just words"}]))).await["result"].take();
    assert_eq!(task["text"], "just words");
}

#[tokio::test]
async fn the_flaky_agent_fails_the_first_calls_of_each_message() {
    let demo = Demo::start();
    for id in ["a", "b"] {
        for nth in 1..=2 {
            let (status, body) = demo.post("flaky?fail=2", saying(id, &json!({"n": 1}))).await;
            assert_eq!((status.as_u16(), body), (500, format!("flaky: failure {nth} of 2")));
        }
        assert_eq!(demo.rpc("flaky?fail=2", saying(id, &json!({"n": 1}))).await["result"]["n"], 1);
    }
}

#[tokio::test]
async fn the_moody_agent_answers_a_repeated_call_or_refuses_it_again() {
    let demo = Demo::start();
    let mut seen = [false; 4];
    for number in 0..200 {
        let id = format!("m{number}");
        let call = || saying(&id, &json!({"n": number}));
        // Some calls are pondered over, and some are never heard: the others are enough here.
        let first = tokio::time::timeout(Duration::from_millis(100), demo.post("moody", call())).await;
        let Ok((status, body)) = first else { continue };
        let again = demo.rpc("moody", call()).await;
        let expected = match status.as_u16() {
            500 => (0, again["result"]["n"] == number),
            _ if body.contains("-32000") => (1, again["error"]["code"] == -32000),
            _ if body.contains("\"failed\"") => (2, again["result"]["status"]["state"] == "failed"),
            _ => (3, again["result"]["n"] == number),
        };
        assert!(expected.1, "{body}, then {again}");
        seen[expected.0] = true;
        if seen == [true; 4] {
            return;
        }
    }
    panic!("not every mood was met: {seen:?}");
}

#[tokio::test]
async fn the_slow_agent_and_the_storytellers_take_their_time() {
    let demo = Demo::with(&Options { story_delay: Duration::from_millis(50), ..Options::default() });
    let begun = Instant::now();
    assert_eq!(demo.rpc("slow?ms=50", saying("1", &json!({"n": 1}))).await["result"]["n"], 1);
    demo.rpc("writer", saying("2", &json!({}))).await;
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn calls_are_recorded_until_they_are_reset() {
    let demo = Demo::start();
    demo.post("echo", saying("a", &json!({}))).await;
    demo.post("echo", saying("a", &json!({}))).await;
    demo.post("flaky", saying("b", &json!({}))).await;

    let calls = demo.get("calls").await;
    assert_eq!((&calls["total"], &calls["by_message_id"]), (&json!(3), &json!({"a": 2, "b": 1})));
    let log = calls["log"].as_array().expect("a list");
    assert_eq!(log[0]["body_sha256"], log[1]["body_sha256"]);
    assert_ne!(log[1]["body_sha256"], log[2]["body_sha256"]);
    assert_eq!(log[0]["body_sha256"].as_str().map(str::len), Some(64));
    assert_eq!((&log[2]["agent"], &log[2]["message_id"]), (&json!("flaky"), &json!("b")));
    assert!(log[0]["at_us_since_start"].as_u64() <= log[2]["at_us_since_start"].as_u64());
    assert!(calls["started_at_us"].as_u64() > Some(1_700_000_000_000_000), "{}", calls["started_at_us"]);

    assert_eq!(demo.post("calls/reset", "").await.0, StatusCode::NO_CONTENT);
    assert_eq!((&demo.get("calls").await["total"], &demo.get("calls").await["log"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_full_log_goes_on_counting_and_one_that_is_off_only_counts() {
    let demo = Demo::with(&Options { log_capacity: 1, ..Options::default() });
    let silent = Demo::with(&Options { record: false, workers: 2, ..Options::default() });
    for demo in [&demo, &silent] {
        demo.post("echo", saying("a", &json!({}))).await;
        demo.post("echo", saying("b", &json!({}))).await;
    }
    let calls = demo.get("calls").await;
    assert_eq!(
        (&calls["total"], &calls["unlogged"], &calls["by_message_id"]),
        (&json!(2), &json!(1), &json!({"a": 1}))
    );
    let calls = silent.get("calls").await;
    assert_eq!((&calls["total"], &calls["log"], &calls["by_message_id"]), (&json!(2), &json!([]), &json!({})));
}

#[tokio::test]
async fn what_is_no_call_is_refused_with_the_codes_of_json_rpc() {
    let demo = Demo::start();
    for (body, code, id) in [
        (json!("{"), -32700, Value::Null),
        (json!({"jsonrpc": "1.0", "id": 1, "method": "message/send"}), -32600, json!(1)),
        (json!({"jsonrpc": "2.0", "id": "x", "method": "tasks/get"}), -32601, json!("x")),
        (json!({"jsonrpc": "2.0", "id": 2, "method": "message/send", "params": {}}), -32602, json!(2)),
        (json!({"jsonrpc": "2.0", "id": 3, "method": "message/send"}), -32602, json!(3)),
    ] {
        let answer = demo.rpc("writer", body).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id));
    }
    assert_eq!(demo.get("calls").await["total"], 0);
}

#[tokio::test]
async fn every_agent_has_a_card_and_the_root_lists_them_all() {
    let demo = Demo::start();
    for agent in CATALOGUE {
        let card = demo.get(&format!("{}/.well-known/agent-card.json", agent.path)).await;
        assert_eq!((&card["name"], &card["description"]), (&json!(agent.name), &json!(agent.description)));
        assert_eq!((&card["protocolVersion"], &card["url"]), (&json!("0.3.0"), &json!(demo.agents.url(agent.path))));
        assert_eq!(card["skills"][0]["id"], agent.path);
    }
    assert_eq!(demo.get("").await["agents"].as_array().map(Vec::len), Some(CATALOGUE.len()));
}

#[tokio::test]
async fn stopping_lets_calls_finish_and_frees_the_port() {
    let demo = Demo::start();
    let address = demo.agents.address();
    demo.post("echo", saying("a", &json!({}))).await;
    let request = demo.client.post(demo.agents.url("slow?ms=100")).body(saying("b", &json!({"n": 1})).to_string());
    let mut calls = tokio::task::JoinSet::new();
    calls.spawn(request.send());
    while demo.get("calls").await["total"] != 2 {
        tokio::task::yield_now().await;
    }

    demo.agents.stop().await;

    let answer = calls.join_next().await.expect("a call").expect("no panic").expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let again = DemoAgents::start(address, &Options::default()).expect("the port is free");
    assert!(DemoAgents::start(again.address(), &Options::default()).is_err(), "the port is taken");
}
