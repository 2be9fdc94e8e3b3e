//! Agents that take work on as a task, and say later what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::ports::AgentGateway;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, task::JoinSet};

use crate::support::{RawAgent, agent, call, completed, failed, gateway};

fn result(id: &str, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn working() -> Value {
    json!({"id": "t-1", "status": {"state": "working"}})
}

/// Gives these answers one after the other, and the last one for ever.
async fn answering(answers: Vec<Value>) -> RawAgent {
    let next = Arc::new(AtomicUsize::new(0));
    let answers = Arc::new(answers);
    RawAgent::new(move |mut connection| {
        let (next, answers) = (Arc::clone(&next), Arc::clone(&answers));
        async move {
            let number = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let body = answers[number].to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = connection.write_all((head + &body).as_bytes()).await;
        }
    })
    .await
}

fn bodies(agent: &RawAgent) -> Vec<Value> {
    agent.asked().iter().map(|asked| serde_json::from_slice(&asked.body).expect("JSON")).collect()
}

#[tokio::test]
async fn a_task_that_goes_on_is_asked_after_until_it_is_over() {
    let done = json!({"id": "t-1", "status": {"state": "completed"}, "artifacts": []});
    let first = result(&call().ids.task, &working());
    let agent = answering(vec![first, result("t-1", &working()), result("t-1", &done)]).await;
    assert_eq!(completed(agent.call().await)["task_id"], "t-1");
    let asked = bodies(&agent);
    let methods: Vec<&Value> = asked.iter().map(|body| &body["method"]).collect();
    assert_eq!(methods, ["message/send", "tasks/get", "tasks/get"]);
    assert_eq!(asked[1], json!({"jsonrpc": "2.0", "id": "t-1", "method": "tasks/get", "params": {"id": "t-1"}}));
}

#[tokio::test]
async fn an_agent_that_cannot_be_asked_after_its_task_has_left_it_open() {
    let no_method = json!({"jsonrpc": "2.0", "id": "t-1", "error": {"code": -32601, "message": "no such method"}});
    let agent = answering(vec![result(&call().ids.task, &working()), no_method]).await;
    let failure = agent.failure().await;
    assert_eq!((failure.message.as_str(), failure.definite), ("Task state: working", false));
}

#[tokio::test]
async fn the_time_of_a_call_spans_its_task() {
    let raw = answering(vec![result(&call().ids.task, &working()), result("t-1", &working())]).await;
    let mut agent = raw.agent();
    agent.timeout = Duration::from_millis(400);
    let failure = failed(gateway().call(&agent, &call()).await);
    assert_eq!((failure.message.as_str(), failure.definite), ("Task state: working", false));
}

#[tokio::test]
async fn an_agent_is_told_that_its_open_task_is_not_wanted_any_more_and_nobody_else_is() {
    let raw = answering(vec![result(&call().ids.task, &working()), result("t-1", &working())]).await;
    let gateway = Arc::new(gateway());
    gateway.cancel(&raw.agent(), &call().ids).await;
    assert!(raw.asked().is_empty(), "it has no task yet");
    let (calling, called) = (Arc::clone(&gateway), raw.agent());
    let mut under_way = JoinSet::new();
    under_way.spawn(async move { calling.call(&called, &call()).await });
    let begun = async {
        while raw.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), begun).await.expect("the task is asked after");
    gateway.cancel(&raw.agent(), &call().ids).await;
    under_way.abort_all();
    let cancel = json!({"jsonrpc": "2.0", "id": "t-1", "method": "tasks/cancel", "params": {"id": "t-1"}});
    assert!(bodies(&raw).contains(&cancel));
    while under_way.join_next().await.is_some() {}
    let before = raw.asked().len();
    gateway.cancel(&agent("http://127.0.0.1:9/"), &call().ids).await;
    assert_eq!(raw.asked().len(), before, "with the call, the task is forgotten");
}
