//! Keys and tokens of several processes on one database: what one is told holds at the others.

use std::time::{Duration, Instant};

use e2e_tests::{AgentSpec, Behaviour, Cluster, Ended, Orrery, Stub, command_line, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Within which time a revocation holds everywhere (the access issue says so).
const SECOND: Duration = Duration::from_secs(1);

/// A client that presents nothing by itself.
fn stranger() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client can be made")
}

async fn status(server: &Orrery, credential: &str) -> StatusCode {
    let request = stranger().get(format!("{}/api/v1/runs", server.url())).bearer_auth(credential);
    request.send().await.expect("an answer").status()
}

/// Asks until it is refused, and answers how long that took.
async fn refused_after(server: &Orrery, credential: &str) -> Duration {
    let begin = Instant::now();
    eventually("the credential is refused", async || (status(server, credential).await == 401).then_some(())).await;
    begin.elapsed()
}

async fn manage(cluster: &Cluster, words: &[&str]) -> Ended {
    let (url, keys, folder) = (cluster.database_url(), cluster.keys(), std::env::temp_dir());
    let place = ["--database-url", url, "--secret-keys-file", &keys];
    let ended = command_line(&[words, &place].concat(), &folder).await;
    assert!(ended.status.success(), "{words:?}: {:?}", ended.stderr);
    ended
}

#[tokio::test]
async fn what_is_revoked_at_one_replica_is_refused_at_another_within_a_second() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.start("api", &[]).await, cluster.start("api", &[]).await);
    let made = one.client().post("/api-keys", &json!({"name": "ci", "role": "viewer"})).await.expect(201);
    let key = made["api_key"].as_str().expect("it is shown once");
    let exchange = stranger().post(format!("{}/api/v1/auth/token", two.url())).header("X-API-Key", key).body("{}");
    let answer = exchange.send().await.expect("an answer").bytes().await.expect("all of it");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let token = answer["access_token"].as_str().expect("a token");
    // Both replicas know both well, and would go by what they know.
    for server in [&one, &two] {
        assert_eq!((status(server, key).await, status(server, token).await), (StatusCode::OK, StatusCode::OK));
    }

    one.client().post("/auth/revoke", &json!({"token": token})).await.expect(200);
    assert!(refused_after(&two, token).await < SECOND);
    assert_eq!(status(&two, key).await, 200, "the token alone was revoked");
    let path = format!("/api-keys/{}", made["key"]["id"].as_str().expect("an id"));
    one.client().send(reqwest::Method::DELETE, &path, None).await.expect(200);
    assert!(refused_after(&two, key).await < SECOND);
}

#[tokio::test]
async fn servers_that_start_at_once_make_one_first_key() {
    let cluster = Cluster::new().await;
    let start = || cluster.launch_without_key("api");
    let servers: [Orrery; 4] = tokio::join!(start(), start(), start(), start()).into();
    for server in &servers {
        eventually("it is ready", async || server.is_ready().await.then_some(())).await;
    }
    let told = || {
        let lines = servers.iter().flat_map(Orrery::said);
        lines.map(|line| line.trim().to_owned()).filter(|line| line.starts_with("ork_")).collect::<Vec<_>>()
    };
    let key = eventually("the key is told", async || told().pop()).await;
    for server in &servers {
        assert_eq!(status(server, &key).await, 200, "one key for all");
    }
    assert_eq!((told().len(), cluster.number("SELECT count(*) FROM access_keys").await), (1, 1));
}

#[tokio::test]
async fn keys_are_managed_on_the_database_while_servers_run() {
    let cluster = Cluster::new().await;
    let server = cluster.start("api", &[]).await;
    let made = manage(&cluster, &["keys", "create", "--name", "ci", "--role", "viewer"]).await;
    let key = made.stdout.join("").trim().to_owned();
    assert_eq!(status(&server, &key).await, 200);
    let listed = manage(&cluster, &["keys", "list"]).await.stdout;
    let line = listed.iter().find(|line| line.contains("\tci\t")).expect("the key is listed");
    let id = line.split('\t').next().expect("the id comes first");
    let rotated = manage(&cluster, &["keys", "rotate", id]).await.stdout.join("").trim().to_owned();
    assert!(refused_after(&server, &key).await < SECOND);
    assert_eq!(status(&server, &rotated).await, 200);
    manage(&cluster, &["keys", "revoke", id]).await;
    assert!(refused_after(&server, &rotated).await < SECOND);
    assert!(manage(&cluster, &["users", "list"]).await.stdout.is_empty(), "nobody can log in yet");
}

#[tokio::test]
async fn secrets_are_sealed_anew_beside_running_servers() {
    let cluster = Cluster::new().await;
    let new_key = command_line(&["secrets", "new-key", "second"], &std::env::temp_dir()).await.stdout.join("\n");
    let old = std::fs::read_to_string(cluster.keys()).expect("the keys of the cluster");
    // Step 1 and 2 of the guide: all can read what the new key encrypts, then it encrypts.
    std::fs::write(cluster.keys(), format!("{}\n{old}\n", new_key.trim())).expect("the keys can be written");
    let server = cluster.start("all", &[]).await;
    let stub = Stub::start(Behaviour::Answer).await;
    let agent = json!({
        "name": "Guarded", "url": stub.url(), "auth_type": "bearer", "auth_config": {"token": "the-agents-secret"},
    });
    server.client().post("/agents", &agent).await.expect(201);
    server.client().register(AgentSpec::new("Open", stub.url())).await;
    let sealed_under = "SELECT count(*) FROM agents WHERE auth_config::text LIKE '%orrery-sealed:1:second:%'";
    assert_eq!(cluster.number(sealed_under).await, 1);

    // The other way round: the old one is the first again, and what the new one sealed is sealed anew while the server runs.
    std::fs::write(cluster.keys(), format!("{old}\n{}\n", new_key.trim())).expect("the keys can be written");
    let said = manage(&cluster, &["secrets", "rotate"]).await;
    assert!([said.stdout, said.stderr].concat().join("\n").contains("1 sealed anew under the key 'development'"));
    assert_eq!(cluster.number(sealed_under).await, 0);
    let workflow = json!({"name": "w", "start_step": "s", "steps": {
        "s": {"id": "s", "type": "agent", "agent_name": "Guarded", "input_mapping": {"n": 1}},
    }});
    let run = server.client().execute(&server.client().create(&workflow).await, "x").await;
    server.client().reaches(&run, "COMPLETED").await;
    let call = stub.received().pop().expect("a call");
    assert_eq!(call.authorization.as_deref(), Some("Bearer the-agents-secret"));
}
