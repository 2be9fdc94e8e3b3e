//! What servers do that are hard to have: changes that come between, answers that are lost, too many requests.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use client::{Apply, Console, Exit, Import, ReadLog, Server, StartRun};
use serde_json::{Value, json};

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    line: String,
    head: String,
    body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Answers each request with what a function makes of it: a status, more of the head, and a body. A status of 0 hangs up.
struct Fake {
    address: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

type Said = (u16, &'static str, Value);

impl Fake {
    fn start(mut answer: impl FnMut(&Arrived) -> Said + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&arrived);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read(&stream) else { continue };
                log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                let (status, head, body) = answer(&request);
                if status == 0 {
                    continue;
                }
                let body = match body {
                    Value::String(text) if head.contains("event-stream") => text,
                    other => other.to_string(),
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}");
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Self { address, arrived }
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn server(&self) -> Server {
        let count = std::cell::Cell::new(0);
        let new_key = Box::new(move || {
            count.set(count.get() + 1);
            format!("key-{}", count.get())
        });
        Server::new(&self.address, None, new_key).expect("a server")
    }
}

fn read(stream: &TcpStream) -> Option<Arrived> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), String::new());
    reader.read_line(&mut line).ok()?;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        if field.trim().is_empty() {
            break;
        }
        head.push_str(&field);
    }
    let request = Arrived { line: line.trim().to_owned(), head, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Arrived { body: String::from_utf8_lossy(&body).into_owned(), ..request })
}

/// Runs something, and answers what it wrote.
async fn told(run: impl AsyncFnOnce(&mut Console<'_>) -> Exit) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(&mut Console { out: &mut out, err: &mut err, json: false, ask: &mut |_| false }).await;
    out.extend(err);
    (exit, String::from_utf8(out).expect("UTF-8"))
}

#[tokio::test]
async fn what_somebody_has_changed_between_the_look_and_the_change_is_not_overwritten() {
    let agent = json!({"id": "1", "name": "A", "url": "http://a/", "timeout_ms": 7000, "status": "active", "auth_type": "none"});
    let fake = Fake::start(move |request| match request.line.as_str() {
        line if line.starts_with("GET /api/v1/agents/1 ") => (200, "etag: \"tag-7\"\r\n", agent.clone()),
        line if line.contains("/agents?status=deleted") => (200, "", json!({"items": []})),
        line if line.starts_with("GET /api/v1/agents") => (200, "", json!({"items": [agent.clone()]})),
        line if line.starts_with("PUT") => {
            (412, "", json!({"code": "precondition_failed", "detail": "it is not that revision", "status": 412}))
        }
        _ => (404, "", json!({"code": "not_found", "detail": "no"})),
    });
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.json"), r#"{"name": "A", "url": "http://a"}"#).expect("written");
    let apply = Apply { files: vec![folder.path().to_owned()], ..Apply::default() };
    let (exit, said) = told(async |console| apply.run(&fake.server(), console).await.expect("it ran")).await;
    assert_eq!(exit, Exit::FAILED);
    assert!(said.contains("~ /timeout_ms: 7000 → 30000") && said.contains("changed it there meanwhile"), "{said}");
    let put: Vec<Arrived> = fake.arrived().into_iter().filter(|request| request.line.starts_with("PUT")).collect();
    assert_eq!(put.len(), 1);
    assert_eq!(put[0].header("if-match"), Some("\"tag-7\""));
    assert_eq!(put[0].body, r#"{"timeout_ms":30000}"#);
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_asked_for_again_under_the_same_key() {
    let mut troubles = VecDeque::from([
        (0, "", Value::Null),
        (503, "", json!({"detail": "away"})),
        (429, "retry-after: 0\r\n", json!({"detail": "too many"})),
    ]);
    let fake = Fake::start(move |request| match request.line.as_str() {
        line if line.starts_with("GET /api/v1/workflows?") => (200, "", json!({"items": [{"id": "w", "name": "w"}]})),
        _ => troubles.pop_front().unwrap_or((202, "", json!({"run_id": "run-1"}))),
    });
    let start = StartRun { workflow: "w".to_owned(), ..StartRun::default() };
    let (exit, said) = told(async |console| start.run(&fake.server(), console).await.expect("it ran")).await;
    assert_eq!(exit, Exit::DONE);
    assert!(said.starts_with("run-1\n"), "{said}");
    let posts: Vec<Arrived> = fake.arrived().into_iter().filter(|request| request.line.starts_with("POST")).collect();
    let keys: Vec<Option<&str>> = posts.iter().map(|post| post.header("idempotency-key")).collect();
    assert_eq!(keys, [Some("key-1"); 4]);
}

#[tokio::test]
async fn something_that_is_no_orrery_is_told_apart() {
    let fake = Fake::start(|_| (404, "", json!("what?")));
    let start = StartRun { workflow: "w".to_owned(), ..StartRun::default() };
    let (exit, said) = told(async |console| match start.run(&fake.server(), console).await {
        Ok(exit) => exit,
        Err(trouble) => console.fails(&trouble),
    })
    .await;
    assert_eq!(exit, Exit::FAILED);
    assert!(said.contains("is this the address of an Orrery?"), "{said}");
}

#[tokio::test]
async fn a_log_goes_on_after_a_connection_has_broken_and_ends_with_the_run() {
    const STREAM: &str = "content-type: text/event-stream\r\n";
    let fake = Fake::start(|request| match (request.line.as_str(), request.header("last-event-id")) {
        (line, Some("0")) if line.contains("/logs") => {
            (200, STREAM, json!("id: 1\ndata: {\"message\": \"one\"}\n\nid: 2\ndata: {\"mess"))
        }
        (line, Some("1")) if line.contains("/logs") => (200, STREAM, json!("id: 2\ndata: {\"message\": \"two\"}\n\n")),
        (line, _) if line.contains("/logs") => (204, "", Value::Null),
        _ => (200, "", json!({"id": "run-1", "status": "FAILED", "workflow_name": "w", "error_message": "no"})),
    });
    let log = ReadLog { run: "run-1".to_owned(), follow: true, ..ReadLog::default() };
    let (exit, said) = told(async |console| log.run(&fake.server(), console).await.expect("it ran")).await;
    assert_eq!(exit, Exit::RUN_FAILED);
    assert_eq!((said.matches("one").count(), said.matches("two").count()), (1, 1), "{said}");
}

#[tokio::test]
async fn when_the_server_goes_away_the_rest_is_not_tried_and_everything_is_told() {
    let mut posts = 0;
    let fake = Fake::start(move |request| {
        posts += usize::from(request.line.starts_with("POST"));
        match request.line.as_str() {
            line if line.starts_with("GET") => (200, "", json!({"items": []})),
            _ if posts == 1 => (201, "", json!({"id": "1", "name": "A"})),
            _ => (0, "", Value::Null),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agents.yaml");
    fs::write(&file, "- {name: A, url: 'http://a'}\n- {name: B, url: 'http://b'}\n- {name: C, url: 'http://c'}\n")
        .expect("written");
    let import = Import { agents: vec![file], ..Import::default() };
    let (exit, said) = told(async |console| import.run(&fake.server(), console).await.expect("it ran")).await;
    assert_eq!(exit, Exit::FAILED);
    assert!(said.contains("+ agent A  imported") && said.contains("agents.yaml:3:3: /2: it was not tried"), "{said}");
    assert!(said.ends_with("1 imported, 0 unchanged, 2 failed\n"), "{said}");
    let names: Vec<Value> = fake
        .arrived()
        .iter()
        .filter(|request| request.line.starts_with("POST"))
        .filter_map(|request| serde_json::from_str::<Value>(&request.body).ok())
        .map(|body| body["name"].clone())
        .collect();
    assert!(!names.contains(&json!("C")), "{names:?}");
}
