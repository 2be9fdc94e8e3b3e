//! The bridge of contract 7: tasks one after another (7.1), look-ups (7.2), JSON-RPC calls (7.3), results (7.4), retries
//! (7.5). Without its circuit breaker, which needs Redis.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{Message, consumer::Consumer, consumer::StreamConsumer};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::{
    Surroundings, ids, kafka,
    kafka::Producer,
    registry::{OldAgent, RegistryClient},
};

/// What goes wrong in it besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BridgeHabits {
    /// So many results are lost by a crash after the call.
    pub(crate) loses_results: usize,
    /// Every task reaches it twice, and every result of it is sent twice.
    pub(crate) doubles: bool,
}

/// The bridge. Dropping it is a crash.
pub(crate) struct OldBridge {
    tasks: Arc<Mutex<Vec<Value>>>,
    _serving: JoinSet<()>,
}

impl OldBridge {
    pub(crate) fn start(around: &Surroundings, habits: BridgeHabits) -> Self {
        let tasks = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(around.clone(), habits, Arc::clone(&tasks)));
        Self { tasks, _serving: serving }
    }

    /// The tasks that it has taken so far.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(around: Surroundings, mut habits: BridgeHabits, seen: Arc<Mutex<Vec<Value>>>) {
    let topics = &around.topics;
    let consumer: StreamConsumer =
        kafka::consumer(&around.brokers, &topics.bridge_group).create().expect("a consumer can be made");
    consumer.subscribe(&[&topics.tasks]).expect("a topic can be subscribed to");
    let caller = Caller { http: client(), registry: RegistryClient::new(&around.registry) };
    let producer = Producer::new(&around.brokers);
    loop {
        let Ok(record) = consumer.recv().await else { continue };
        let task: Value = serde_json::from_slice(record.payload().expect("a task has a value")).expect("it is JSON");
        let times = if habits.doubles { 2 } else { 1 };
        let mut outcomes = Vec::new();
        for _ in 0..times {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(task.clone());
            outcomes.push(caller.perform(&task).await);
        }
        if habits.loses_results > 0 {
            habits.loses_results -= 1;
            continue;
        }
        let correlation = task["correlation_id"].as_str().expect("a task has a correlation id");
        for outcome in outcomes.iter().flat_map(|outcome| std::iter::repeat_n(outcome, times)) {
            producer.send(&topics.results, correlation, &result(&task, outcome)).await;
        }
    }
}

/// A task as the executor sends it (contract 3.3).
pub(crate) fn task(run: &str, step: &str, agent: &str, input: &Value) -> Value {
    json!({
        "run_id": run, "task_id": ids::task_id(step), "agent_name": agent, "input_data": input,
        "correlation_id": ids::corr_id(run, step), "timestamp": ids::now(),
    })
}

fn result(task: &Value, outcome: &Result<Value, String>) -> Value {
    let (status, output, error) = match outcome {
        Ok(output) => ("SUCCESS", output.clone(), Value::Null),
        Err(error) => ("FAILURE", Value::Null, Value::String(error.clone())),
    };
    json!({
        "run_id": task["run_id"], "task_id": task["task_id"], "status": status, "output_data": output,
        "correlation_id": task["correlation_id"], "error_message": error, "timestamp": ids::now(),
    })
}

fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a client can be made")
}

struct Caller {
    http: reqwest::Client,
    registry: RegistryClient,
}

/// Whether another attempt may help.
enum Failure {
    Again(String),
    Final(String),
}

impl Caller {
    async fn perform(&self, task: &Value) -> Result<Value, String> {
        let name = task["agent_name"].as_str().unwrap_or_default();
        let agent = self.registry.find(name).await.map_err(|no| no.0)?;
        let mut last = "Operation failed after 0 attempts".to_owned();
        for attempt in 0..agent.max_retries {
            if let Some(k) = attempt.checked_sub(1) {
                tokio::time::sleep(agent.delay(k)).await;
            }
            match self.call(&agent, task).await {
                Ok(output) => return Ok(output),
                Err(Failure::Final(message)) => return Err(message),
                Err(Failure::Again(message)) => last = message,
            }
        }
        Err(last)
    }

    async fn call(&self, agent: &OldAgent, task: &Value) -> Result<Value, Failure> {
        let (task_id, correlation) = (task["task_id"].as_str(), task["correlation_id"].as_str());
        let task_id = task_id.unwrap_or_default();
        let message = json!({
            "role": "user", "messageId": format!("msg-{task_id}"),
            "parts": [{"kind": "text", "text": text(&task["input_data"])}],
        });
        let call = json!({"jsonrpc": "2.0", "id": task_id, "method": "message/send", "params": {"message": message}});
        let mut request = self.http.post(&agent.url).timeout(agent.timeout).body(call.to_string());
        request = request.header("content-type", "application/json").header("accept", "application/json");
        request = request.header("x-correlation-id", correlation.unwrap_or_default());
        if let Some((name, value)) = credentials(agent) {
            request = request.header(name, value);
        }
        // A timeout has an empty message.
        let answer = request.send().await.map_err(|e| {
            Failure::Again(if e.is_timeout() { String::new() } else { "All connection attempts failed".to_owned() })
        })?;
        let status = answer.status();
        if !status.is_success() {
            let kind = if status.is_server_error() { "Server" } else { "Client" };
            let message = format!("HTTP {}: {kind} error '{status}' for url '{}'\n…", status.as_u16(), agent.url);
            let again = status.is_server_error() || status.as_u16() == 429;
            return Err(if again { Failure::Again(message) } else { Failure::Final(message) });
        }
        let body = answer.text().await.map_err(|_| Failure::Again(String::new()))?;
        output(&body).map_err(Failure::Final)
    }
}

fn credentials(agent: &OldAgent) -> Option<(String, String)> {
    let member = |name: &str| agent.auth.get(name).cloned();
    match member("type")?.as_str() {
        "bearer" => Some(("authorization".to_owned(), format!("Bearer {}", member("token")?))),
        "apikey" => Some((member("header").unwrap_or_else(|| "X-API-Key".to_owned()), member("key")?)),
        _ => None,
    }
}

/// `text` if truthy, else `query`, else the whole object (contract 7.3).
fn text(input: &Value) -> String {
    let truthy = |member: &str| input[member].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    truthy("text").or_else(|| truthy("query")).unwrap_or_else(|| input.to_string())
}

/// Contract 7.4.
fn output(body: &str) -> Result<Value, String> {
    let answer: Value =
        serde_json::from_str(body).map_err(|_| "Expecting value: line 1 column 1 (char 0)".to_owned())?;
    if answer["jsonrpc"] != "2.0" {
        return Err("Response missing 'jsonrpc' field".to_owned());
    }
    if let Some(error) = answer.get("error") {
        return Err(format!("JSON-RPC Error {}: {}", error["code"], error["message"].as_str().unwrap_or_default()));
    }
    let result = answer["result"].as_object().ok_or("Response missing both 'result' and 'error'")?;
    let state = result.get("status").and_then(|status| status["state"].as_str()).unwrap_or("unknown");
    if state != "completed" {
        return Err(format!("Task state: {state}"));
    }
    let mut output: Map<String, Value> = result.clone();
    let parts = result.get("artifacts").and_then(Value::as_array).into_iter().flatten();
    let parts = parts.flat_map(|artifact| artifact["parts"].as_array().cloned().unwrap_or_default());
    let texts: Vec<String> = parts
        .filter(|part| part["kind"] == "text")
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect();
    if !texts.is_empty() {
        output.insert("text".to_owned(), texts.join("\n").into());
    }
    for (from, to) in [("contextId", "context_id"), ("id", "task_id")] {
        if let Some(value) = result.get(from) {
            output.insert(to.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(output))
}
