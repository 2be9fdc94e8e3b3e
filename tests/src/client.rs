//! A client of the REST API, in its own words and with nothing hidden: tests look at plain JSON.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{answer::Answer, credentials::as_admin, eventually, eventually_within};

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// What an agent is registered with; attempts follow each other quickly.
pub struct AgentSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is.
    pub url: String,
    /// How long an attempt may take (the API's least is 1,000).
    pub timeout_ms: u64,
    /// How many attempts a step has.
    pub attempts: u64,
}

impl<'a> AgentSpec<'a> {
    /// An agent with one attempt of half a minute.
    pub fn new(name: &'a str, url: impl Into<String>) -> Self {
        Self { name, url: url.into(), timeout_ms: 30_000, attempts: 1 }
    }

    /// The same with another timeout.
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// The same with more attempts.
    pub fn attempts(mut self, attempts: u64) -> Self {
        self.attempts = attempts;
        self
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let http = as_admin().timeout(Duration::from_mins(1)).build();
        Self { http: http.expect("a client can be made"), base: base.to_owned() }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/health/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends any request, with a body as it is. Paths are below `/api/v1`.
    pub async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        self.send_to(method, &format!("/api/v1{path}"), body).await
    }

    /// Reads something that is not below `/api/v1`.
    pub async fn get_root(&self, path: &str) -> Answer {
        self.send_to(Method::GET, path, None).await
    }

    async fn send_to(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let request = format!("{method} {path}");
        let mut builder = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            builder = builder.header("content-type", "application/json").body(body);
        }
        let response = builder.send().await.unwrap_or_else(|e| panic!("{request} had no answer: {e:?}"));
        Answer::read(request, response).await
    }

    /// Starts a run as [`execute`](Self::execute) does, at a server that may be gone or unable to; answers nothing then.
    pub async fn try_execute(&self, workflow: &str, input: &str) -> Option<String> {
        let body = json!({"input_data": {"text": input}}).to_string();
        let url = format!("{}/api/v1/workflows/{workflow}/execute", self.base);
        let response = self.http.post(url).header("content-type", "application/json").body(body).send().await.ok()?;
        if response.status() != 202 {
            return None;
        }
        // The run is accepted with the status line; its id may be cut off.
        let accepted: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        Some(text(&accepted, "run_id"))
    }

    /// Posts a document under an idempotency key, to a server that may be gone; no answer then.
    pub async fn post_under(&self, key: &str, path: &str, body: &Value) -> Option<Answer> {
        let url = format!("{}/api/v1{path}", self.base);
        let request = self.http.post(url).header("content-type", "application/json").header("idempotency-key", key);
        let response = request.body(body.to_string()).send().await.ok()?;
        Answer::try_read(format!("POST {path}"), response).await
    }

    /// Posts a document as a part of a trace: `from` is its `traceparent`.
    pub async fn post_from(&self, from: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/api/v1{path}", self.base);
        let request = self.http.post(url).header("content-type", "application/json").header("traceparent", from);
        let request = request.body(body.to_string());
        let response = request.send().await.unwrap_or_else(|e| panic!("POST {path} had no answer: {e:?}"));
        Answer::read(format!("POST {path}"), response).await
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Posts a document.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string().into_bytes())).await
    }

    /// Puts a document.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string().into_bytes())).await
    }

    /// Registers an agent and answers it.
    pub async fn register(&self, agent: AgentSpec<'_>) -> Value {
        let document = json!({
            "name": agent.name,
            "url": agent.url,
            "timeout_ms": agent.timeout_ms,
            "retry_config": {
                "max_retries": agent.attempts, "initial_delay_ms": 100, "max_delay_ms": 1000, "backoff_multiplier": 1.0,
            },
        });
        self.post("/agents", &document).await.expect(201)
    }

    /// Creates a workflow and answers its id.
    pub async fn create(&self, workflow: &Value) -> String {
        text(&self.post("/workflows", workflow).await.expect(201), "id")
    }

    /// Starts a run with a text as its input and answers the run's id.
    pub async fn execute(&self, workflow: &str, input: &str) -> String {
        self.execute_with(workflow, &json!({"text": input})).await
    }

    /// Starts a run with this input and answers the run's id.
    pub async fn execute_with(&self, workflow: &str, input: &Value) -> String {
        let body = json!({"input_data": input});
        text(&self.post(&format!("/workflows/{workflow}/execute"), &body).await.expect(202), "run_id")
    }

    /// The runs that a run has started, oldest first.
    pub async fn children(&self, run: &str) -> Vec<Value> {
        let list = format!("/runs?parent_run_id={run}&sort_by=created_at&sort_order=asc&page_size=100");
        self.get(&list).await.expect(200)["items"].as_array().expect("a list has items").clone()
    }

    /// Waits until a step of a run is under way.
    pub async fn is_at(&self, run: &str, step: &str) {
        let state = (step.to_owned(), "RUNNING".to_owned());
        eventually(&format!("run {run} is at step {step}"), async || {
            self.step_states(run).await.contains(&state).then_some(())
        })
        .await;
    }

    /// A run.
    pub async fn run(&self, run: &str) -> Value {
        self.get(&format!("/runs/{run}")).await.expect(200)
    }

    /// The step executions of a run.
    pub async fn steps(&self, run: &str) -> Vec<Value> {
        let steps = self.get(&format!("/runs/{run}/steps")).await.expect(200);
        steps.as_array().expect("steps are an array").clone()
    }

    /// Step ids with their states, in order.
    pub async fn step_states(&self, run: &str) -> Vec<(String, String)> {
        self.steps(run).await.iter().map(|step| (text(step, "step_id"), text(step, "status"))).collect()
    }

    /// Waits until a run has a state, and answers the run. A run that ended in another state fails the test at once.
    pub async fn reaches(&self, run: &str, status: &str) -> Value {
        eventually(&format!("run {run} is {status}"), async || self.reached(run, status).await).await
    }

    /// The same with a deadline of the test's own.
    pub async fn reaches_within(&self, within: Duration, run: &str, status: &str) -> Value {
        let what = format!("run {run} is {status}");
        eventually_within(within, &what, async || self.reached(run, status).await).await
    }

    async fn reached(&self, run: &str, status: &str) -> Option<Value> {
        let document = self.run(run).await;
        let now = text(&document, "status");
        if now == status {
            return Some(document);
        }
        let ended = matches!(now.as_str(), "COMPLETED" | "FAILED" | "CANCELLED");
        assert!(!ended, "run {run} is {now} and will not be {status}: {}", document["error_message"]);
        None
    }

    /// How many there are, of `agents`, `workflows` or `runs`.
    pub async fn total(&self, list: &str) -> u64 {
        self.get(&format!("/{list}")).await.expect(200)["total"].as_u64().expect("a list has a total")
    }
}

fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_else(|| panic!("no text '{member}' in {document}")).to_owned()
}
