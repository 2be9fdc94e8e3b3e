//! Who is let in, at which door: the real binary, its real keys.

use e2e_tests::{ADMIN_KEY, Orrery, as_admin, command_line, eventually};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

/// A client that presents nothing by itself.
fn stranger() -> Client {
    Client::builder().no_proxy().build().expect("a client can be made")
}

async fn status(request: reqwest::RequestBuilder) -> StatusCode {
    request.send().await.expect("an answer").status()
}

#[tokio::test]
async fn what_answers_get_answers_head_with_its_length_and_begins_no_stream() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let orrery = Orrery::start(folder.path()).await;
    let http = as_admin().build().expect("a client");
    for (path, accept) in [("/docs", "*/*"), ("/api/v1/runs", "*/*"), ("/api/v1/runs/events", "text/event-stream")] {
        let ask = |method| http.request(method, format!("{}{path}", orrery.url())).header("accept", accept).send();
        let (get, head) = (ask(Method::GET).await.expect("an answer"), ask(Method::HEAD).await.expect("an answer"));
        let header = |answer: &Response, name: &str| answer.headers().get(name).cloned();
        for name in ["content-type", "content-length"] {
            assert_eq!(header(&get, name), header(&head, name), "{path}: {name}");
        }
        assert_eq!((get.status(), head.status()), (StatusCode::OK, StatusCode::OK), "{path}");
        let length = header(&head, "content-length");
        assert_eq!(length.is_some(), accept == "*/*", "{path}: a stream has no length");
        assert!(head.bytes().await.expect("an end").is_empty(), "{path}");
    }
    // Its length differs from one answer to the next: it tells how long the server has been up.
    let health = http.head(format!("{}/health", orrery.url())).send().await.expect("an answer");
    assert!(health.status() == 200 && health.headers().contains_key("content-length"), "{:?}", health.headers());
    assert!(health.bytes().await.expect("an end").is_empty());
    let gone = http.head(format!("{}/api/v1/runs/run-0", orrery.url())).send().await.expect("an answer");
    assert_eq!(gone.status(), 404);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key_but_to_health_and_documentation() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let orrery = Orrery::start(folder.path()).await;
    let (http, url) = (stranger(), orrery.url());
    for public in
        ["/", "/health", "/health/ready", "/docs", "/redoc", "/docs/errors", "/openapi.json", "/openapi-3.0.json"]
    {
        assert_eq!(status(http.get(format!("{url}{public}"))).await, 200, "{public}");
    }
    let answer = http.get(format!("{url}/openapi.json")).send().await.expect("it is there");
    let document: Value = serde_json::from_slice(&answer.bytes().await.expect("all of it")).expect("JSON");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if operation.get("security").is_none() {
                continue;
            }
            let filled = path.replace(['{', '}'], "");
            let method: Method = method.to_uppercase().parse().expect("a method");
            let request = || http.request(method.clone(), format!("{url}{filled}"));
            for worthless in [
                request(),
                request().header("X-API-Key", "ork_garbage"),
                request().header("X-API-Key", format!("{}X", &ADMIN_KEY[..ADMIN_KEY.len() - 1])),
                request().header("X-API-Key", ADMIN_KEY.replace("1_", "2_")),
                request().bearer_auth("e30.e30."),
                request().bearer_auth("x".repeat(9000)),
                request().basic_auth("admin", Some(ADMIN_KEY)),
                request().header("X-API-Key", ADMIN_KEY).bearer_auth("another"),
            ] {
                let answer = worthless.send().await.expect("an answer");
                assert_eq!(answer.status(), 401, "{method} {path}");
                assert_eq!(answer.headers().get_all("www-authenticate").iter().count(), 2);
            }
            assert_ne!(status(request().header("X-API-Key", ADMIN_KEY)).await, 401, "{method} {path}");
            assert_ne!(status(request().bearer_auth(ADMIN_KEY)).await, 401, "{method} {path}");
        }
    }
    for reason in ["missing", "malformed", "unknown", "forged"] {
        let label = format!("reason=\"{reason}\"");
        assert!(orrery.metric("orrery_auth_refusals_total", &label).await > 0.0, "{reason}");
    }
    let log = orrery.terminate().await.stderr.join("\n");
    assert!(!log.contains(&ADMIN_KEY[37..]) && !log.contains("ork_garbage"), "credentials are in no log");
}

#[tokio::test]
async fn a_trusted_door_gives_a_role_to_who_presents_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().to_str().expect("UTF-8");
    let arguments = ["--data", data, "--trusted-listen", "127.0.0.1:0", "--trusted-role", "viewer"];
    let orrery = Orrery::launch(&arguments, folder.path()).await;
    let (http, agents) = (stranger(), format!("{}/api/v1/agents", orrery.trusted()));
    let agent = || json!({"name": "A", "url": "http://127.0.0.1:9"}).to_string();
    assert_eq!(status(http.get(&agents)).await, 200);
    assert_eq!(status(http.post(&agents).body(agent())).await, 403);
    assert_eq!(status(http.get(&agents).header("X-API-Key", "ork_garbage")).await, 401);
    assert_eq!(status(http.post(&agents).header("X-API-Key", ADMIN_KEY).body(agent())).await, 201);
    // The other door does not know of it.
    assert_eq!(status(http.get(format!("{}/api/v1/agents", orrery.url()))).await, 401);
}

#[tokio::test]
async fn pages_of_strangers_change_nothing_where_nobody_is_asked() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().to_str().expect("UTF-8");
    let arguments = ["--data", data, "--auth", "disabled", "--trusted-origins", "http://ui.example"];
    let orrery = Orrery::launch(&arguments, folder.path()).await;
    let (http, agents) = (stranger(), format!("{}/api/v1/agents", orrery.url()));
    let register = |name: &str, origin: &str| {
        let agent = json!({"name": name, "url": "http://127.0.0.1:9"}).to_string();
        status(http.post(&agents).header("Origin", origin).body(agent))
    };
    assert_eq!(register("A", "http://evil.example").await, 403);
    assert_eq!(register("B", "http://ui.example").await, 201);
    assert_eq!(register("C", orrery.url()).await, 201);
    assert!(orrery.log().iter().any(|line| line.contains("nobody is asked for credentials")));
    assert!(orrery.metric("orrery_auth_disabled", "").await > 0.0);
}

#[tokio::test]
async fn nobody_opens_a_server_to_others_by_mistake() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let ended = command_line(&["serve", "--listen", "0.0.0.0:0", "--auth", "disabled"], folder.path()).await;
    assert!(!ended.status.success());
    assert!(ended.stderr.join("\n").contains("--auth-disabled-anywhere"));
}

#[tokio::test]
async fn the_first_start_tells_the_first_key_once_and_in_no_log() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().to_str().expect("UTF-8");
    let first = Orrery::launch_without_key(&["--data", data], folder.path()).await;
    let key = eventually("the key is told", async || {
        let said = first.said().join("\n");
        let word = said.split_whitespace().find(|word| word.starts_with("ork_"))?;
        Some(word.to_owned())
    })
    .await;
    let runs = |orrery: &Orrery| stranger().get(format!("{}/api/v1/runs", orrery.url())).header("X-API-Key", &key);
    assert_eq!(status(runs(&first)).await, 200);
    let ended = first.terminate().await;
    assert!(!ended.stderr.join("\n").contains(&key), "logs are kept and sent on");

    let second = Orrery::launch_without_key(&["--data", data], folder.path()).await;
    assert_eq!(status(runs(&second)).await, 200);
    let ended = second.terminate().await;
    assert!(!ended.stdout.join("\n").contains("ork_"), "it is told once");
}

#[tokio::test]
async fn keys_of_a_folder_are_managed_while_no_server_runs_there() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().to_str().expect("UTF-8");
    let orrery = Orrery::start(folder.path()).await;
    let refused = command_line(&["keys", "list", "--data", data], folder.path()).await;
    assert!(!refused.status.success());
    assert!(refused.stderr.join("\n").contains("a server is running on the folder"), "{:?}", refused.stderr);
    assert!(orrery.terminate().await.status.success());

    let made =
        command_line(&["keys", "create", "--name", "ci", "--role", "viewer", "--data", data], folder.path()).await;
    let key = made.stdout.join("").trim().to_owned();
    let orrery = Orrery::start(folder.path()).await;
    let request = stranger().get(format!("{}/api/v1/runs", orrery.url())).header("X-API-Key", &key);
    assert_eq!(status(request).await, 200);
}
