//! Agents with the tokens of their calls: what they may do, and what they may not.

use e2e_tests::{AgentSpec, Behaviour, Client, DemoAgents, Orrery, Stub, eventually, workflow};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with a promising agent, and a run that has called it.
struct House {
    orrery: Orrery,
    stub: Stub,
    _folder: TempDir,
}

impl House {
    async fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().to_str().expect("UTF-8").to_owned();
        let orrery = Orrery::launch(&[&["--data", &data], arguments].concat(), folder.path()).await;
        eventually("the server is ready", async || orrery.is_ready().await.then_some(())).await;
        let stub = Stub::start(Behaviour::Status(202)).await;
        Self { orrery, stub, _folder: folder }
    }

    fn client(&self) -> &Client {
        self.orrery.client()
    }

    /// A run whose first step is called and promised; its id, and the token of the call.
    async fn promised(&self, name: &str, timeout_ms: u64) -> (String, String) {
        let agent = AgentSpec::new(name, self.stub.url()).timeout_ms(timeout_ms).attempts(1);
        self.client().register(agent).await;
        let before = self.stub.received().len();
        let workflow = self.client().create(&workflow(name, &[("first", name)])).await;
        let run = self.client().execute(&workflow, "hello").await;
        let call = eventually("the agent is called", async || self.stub.received().get(before).cloned()).await;
        (run, call.token.expect("the call carries a token"))
    }

    /// What an agent with a token is answered.
    async fn says(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        let mut request = http.request(method, format!("{}{path}", self.orrery.url())).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.expect("all of it")).unwrap_or_default())
    }

    async fn reports(&self, token: &str, said: Value) -> (u16, Value) {
        self.says(token, Method::POST, "/api/v1/tasks/self/report", Some(said)).await
    }
}

#[tokio::test]
async fn an_agent_fetches_its_input_says_how_it_is_getting_on_and_reports() {
    let house = House::new(&[]).await;
    let (run, token) = house.promised("slow", 30_000).await;

    let (status, task) = house.says(&token, Method::GET, "/api/v1/tasks/self", None).await;
    assert_eq!((status, &task["run_id"], &task["state"]), (200, &json!(run), &json!("working")), "{task}");
    let (status, input) = house.says(&token, Method::GET, "/api/v1/tasks/self/input", None).await;
    assert_eq!((status, &input["input"]["text"]), (200, &json!("hello")), "{input}");

    assert_eq!(house.reports(&token, json!({"status": "working", "message": "half of it"})).await.0, 202);
    let path = format!("/runs/{run}");
    let shown = eventually("the progress shows", async || {
        let shown = house.client().get(&path).await.expect(200);
        shown.pointer("/waiting_on/0/progress/message").cloned()
    });
    assert_eq!(shown.await, "half of it");

    let event = json!({"event": "nobody waits for this"});
    assert_eq!(house.says(&token, Method::POST, "/api/v1/tasks/self/events", Some(event)).await.0, 202);
    assert_eq!(house.reports(&token, json!({"status": "completed", "output": {"text": "done"}})).await.0, 202);
    house.client().reaches(&run, "COMPLETED").await;
    assert_eq!(house.client().steps(&run).await[0]["output_data"]["text"], "done");

    let (status, problem) = house.reports(&token, json!({"status": "completed", "output": 1})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("task_over")));
}

#[tokio::test]
async fn a_token_is_worth_nothing_for_anything_else() {
    let house = House::new(&[]).await;
    let (mine, token) = house.promised("one", 30_000).await;
    let (other, _) = house.promised("two", 30_000).await;
    let spec = json!({"name": "evil", "url": "http://127.0.0.1:9/"});
    for (method, path, body) in [
        (Method::GET, format!("/api/v1/runs/{other}"), None),
        (Method::GET, format!("/api/v1/runs/{mine}"), None),
        (Method::GET, format!("/api/v1/runs/{mine}/steps"), None),
        (Method::POST, format!("/api/v1/runs/{other}/events"), Some(json!({"event": "e"}))),
        (Method::POST, format!("/api/v1/runs/{mine}/events"), Some(json!({"event": "e"}))),
        (Method::POST, format!("/api/v1/runs/{mine}/skip"), Some(json!({"step": "first", "output": 1}))),
        (Method::POST, format!("/api/v1/runs/{mine}/cancel"), Some(json!({}))),
        (Method::POST, "/api/v1/agents".to_owned(), Some(spec)),
        (Method::GET, "/api/v1/agents".to_owned(), None),
    ] {
        let (status, problem) = house.says(&token, method.clone(), &path, body).await;
        assert_eq!(status, 403, "{method} {path}: {problem}");
    }
    // The word about the one run changes nothing in the other.
    assert_eq!(house.reports(&token, json!({"status": "failed", "error": "no"})).await.0, 202);
    house.client().reaches(&mine, "FAILED").await;
    assert_eq!(house.client().get(&format!("/runs/{other}")).await.expect(200)["status"], "RUNNING");

    let (status, _) = house.reports(&token[..token.len() - 9], json!({"status": "working", "message": "m"})).await;
    assert_eq!(status, 401, "a token that was cut off");
}

#[tokio::test]
async fn a_token_is_worth_nothing_once_its_run_was_cancelled_or_its_step_is_done_anew() {
    let house = House::new(&[]).await;
    let (run, token) = house.promised("one", 30_000).await;
    house.client().post(&format!("/runs/{run}/cancel"), &json!({})).await.expect(200);
    let done = json!({"status": "completed", "output": 1});
    assert_eq!(house.reports(&token, done.clone()).await.1["code"], "task_over");
    let rerun = json!({"from_step": "first"});
    house.client().post(&format!("/runs/{run}/rerun"), &rerun).await.expect(202);
    let again = eventually("it is called anew", async || house.stub.received().get(1).cloned()).await;
    assert_eq!(house.reports(&token, done.clone()).await.1["code"], "task_over");
    let fresh = again.token.expect("the call carries a token");
    assert_eq!(house.reports(&fresh, done).await.0, 202);
    house.client().reaches(&run, "COMPLETED").await;
}

#[tokio::test]
async fn the_demo_agent_reports_where_the_server_says_it_is_reached() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (orrery, agents) = (Orrery::start_reachable(folder.path()).await, DemoAgents::start().await);
    let client = orrery.client();
    client.register(AgentSpec::new("reporter", agents.url("reporter?ms=200"))).await;
    let workflow = client.create(&workflow("w", &[("first", "reporter")])).await;
    let run = client.execute(&workflow, "hello").await;
    client.reaches(&run, "COMPLETED").await;
    assert_eq!(client.steps(&run).await[0]["output_data"]["returned"]["text"], "hello");
}

#[tokio::test]
async fn calls_carry_no_tokens_where_these_are_switched_off() {
    let house = House::new(&["--agent-tokens", "off"]).await;
    house.client().register(AgentSpec::new("plain", house.stub.url())).await;
    house.stub.behave(Behaviour::Answer);
    let workflow = house.client().create(&workflow("w", &[("first", "plain")])).await;
    let run = house.client().execute(&workflow, "hello").await;
    house.client().reaches(&run, "COMPLETED").await;
    assert_eq!(house.stub.received()[0].token, None);
}
