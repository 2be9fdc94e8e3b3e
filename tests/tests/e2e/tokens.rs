//! Tokens of the real binary: exchanged, narrowed by their holders without a server, and enforced.

use e2e_tests::{ADMIN_KEY, AgentSpec, DemoAgents, Orrery, command_line};
use reqwest::{Client, Method};
use serde_json::{Value, json};

fn stranger() -> Client {
    Client::builder().no_proxy().build().expect("a client can be made")
}

struct Holder<'a> {
    orrery: &'a Orrery,
    token: String,
}

impl Holder<'_> {
    /// The status of an answer, and the code of its problem.
    async fn asks(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let request = stranger().request(method, format!("{}/api/v1{path}", self.orrery.url()));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json").body(body.to_owned());
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let said: Value = serde_json::from_slice(&answer.bytes().await.expect("all of it")).unwrap_or_default();
        (status, said["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn reads(&self, path: &str) -> (u16, String) {
        self.asks(Method::GET, path, "").await
    }

    /// What its holder makes of it, with a restriction more.
    async fn narrowed(&self, how: &[&str]) -> Self {
        let made = command_line(&[&["token", "attenuate", &self.token], how].concat(), &std::env::temp_dir()).await;
        assert!(made.status.success(), "{:?}", made.stderr);
        Self { orrery: self.orrery, token: made.stdout.join("").trim().to_owned() }
    }
}

#[tokio::test]
async fn a_token_does_what_its_key_does_and_what_its_holders_leave_of_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (orrery, agents) = (Orrery::start(folder.path()).await, DemoAgents::start().await);
    orrery.client().register(AgentSpec::new("echo", agents.url("echo"))).await;
    let step = json!({"s": {"id": "s", "type": "agent", "agent_name": "echo", "input_mapping": {"n": 1}}});
    let mut workflows = Vec::new();
    for name in ["mine", "theirs"] {
        workflows.push(orrery.client().create(&json!({"name": name, "start_step": "s", "steps": &step})).await);
    }
    let exchange = stranger().post(format!("{}/api/v1/auth/token", orrery.url())).header("X-API-Key", ADMIN_KEY);
    let answer = exchange.body("{}").send().await.expect("an answer").bytes().await.expect("all of it");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    let whole = Holder { orrery: &orrery, token };
    let execute = |workflow: &str| format!("/workflows/{workflow}/execute");
    assert_eq!(whole.asks(Method::POST, &execute(&workflows[1]), r#"{"input_data":{}}"#).await.0, 202);

    let reader = whole.narrowed(&["--read-only"]).await;
    assert_eq!(reader.reads("/workflows").await.0, 200);
    let refused = reader.asks(Method::POST, &execute(&workflows[0]), r#"{"input_data":{}}"#).await;
    assert_eq!(refused, (403, "token_restricted".to_owned()));

    let mine = whole.narrowed(&["--workflow", "mine"]).await;
    assert_eq!(mine.asks(Method::POST, &execute(&workflows[0]), r#"{"input_data":{}}"#).await.0, 202);
    assert_eq!(mine.asks(Method::POST, &execute(&workflows[1]), r#"{"input_data":{}}"#).await.0, 403);
    // A block takes away; no later one gives back.
    let both = mine.narrowed(&["--workflow", "theirs"]).await;
    for workflow in &workflows {
        assert_eq!(both.asks(Method::POST, &execute(workflow), r#"{"input_data":{}}"#).await.0, 403);
    }

    let run = orrery.client().execute(&workflows[0], "x").await;
    let other = orrery.client().execute(&workflows[0], "x").await;
    let one_run = whole.narrowed(&["--run", &run]).await;
    assert_eq!(one_run.reads(&format!("/runs/{run}")).await.0, 200);
    assert_eq!(one_run.reads(&format!("/runs/{other}")).await.0, 403);

    let spoilt = Holder { orrery: &orrery, token: whole.token.replacen(|c: char| c.is_ascii_digit(), "_", 3) };
    assert_eq!(spoilt.reads("/workflows").await.0, 401);
    let revoked = json!({"token": whole.token}).to_string();
    assert_eq!(reader.asks(Method::POST, "/auth/revoke", &revoked).await.0, 200, "whoever has a token may revoke it");
    for holder in [&whole, &reader, &both, &one_run] {
        e2e_tests::eventually("it is refused", async || (holder.reads("/auth/me").await.0 == 401).then_some(())).await;
    }
    let token = whole.token.clone();
    let log = orrery.terminate().await.stderr.join("\n");
    assert!(!log.contains(&token[..40]), "tokens are in no log");
}
