//! Clients that are slow, or speak no HTTP, on real sockets. Nothing sleeps here: the server's own times are short.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::dev::ServerHandle;
use http_actix::{
    limits::Limits,
    serving::{Connections, serve},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Orrery, World};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the server waits for; shorter than it waits for everything else.
const SHORT: Duration = Duration::from_millis(150);

struct Server {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    fn start(limits: Limits, connections: &Connections) -> Self {
        let orrery = Orrery::within(World { limits, ..World::default() });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Connections { workers: 1, ..connections.clone() };
        let server = serve(listener, orrery.state(), &connections).expect("a server");
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, handle }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Sends these bytes, and answers with all that comes until the server hangs up.
    async fn sends(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        connection.write_all(bytes).await.expect("the server reads");
        until_closed(&mut connection).await
    }
}

async fn until_closed(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end: what was sent and not read is thrown away with the connection.
    let _ = timeout(PATIENCE, connection.read_to_end(&mut answer)).await.expect("the server hangs up");
    String::from_utf8(answer).expect("text")
}

fn problem(answer: &str, status: u16, code: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    assert_eq!((&problem["status"], &problem["code"]), (&Value::from(status), &Value::from(code)));
    assert!(problem["detail"].is_string() && problem["request_id"].is_string());
    problem
}

fn short_heads() -> Connections {
    Connections { head_time: SHORT, keep_alive: PATIENCE, ..Connections::default() }
}

#[actix_web::test]
async fn a_head_that_stops_or_trickles_is_answered_with_a_problem_document() {
    let server = Server::start(Limits::default(), &short_heads());
    let stopped = server.sends(b"GET /health HTTP/1.1\r\nhost: x\r\n").await;
    problem(&stopped, 408, "request_timeout");

    let mut connection = server.connect().await;
    let (mut reading, mut writing) = connection.split();
    let trickle = async {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        let _ = writing.write_all(b"GET /health HTTP/1.1\r\n").await;
        while writing.write_all(b"x-a: b\r\n").await.is_ok() {
            beat.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = String::new();
    tokio::select! {
        read = timeout(PATIENCE, reading.read_to_string(&mut answer)) => drop(read.expect("the server hangs up")),
        () = trickle => {}
    }
    problem(&answer, 408, "request_timeout");
    server.handle.stop(true).await;
}

#[actix_web::test]
async fn a_body_that_stops_is_answered_with_a_problem_document() {
    let server = Server::start(Limits { body_time: SHORT, ..Limits::default() }, &Connections::default());
    let head = "POST /api/v1/agents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    let answer = server.sends(format!("{head}{{").as_bytes()).await;
    let problem = problem(&answer, 408, "request_timeout");
    assert_eq!(problem["detail"], "The body did not arrive within 150 ms");
    server.handle.stop(true).await;
}

#[actix_web::test]
async fn what_is_no_http_is_answered_with_a_problem_document() {
    let server = Server::start(Limits::default(), &Connections::default());
    problem(&server.sends(b"EHLO mail.example\r\n\r\n").await, 400, "bad_request");
    problem(&server.sends(b"GET / HTTP/1.1\r\nx y: z\r\n\r\n").await, 400, "bad_request");
    let endless = [b"GET / HTTP/1.1\r\nx-a: ".as_slice(), &vec![b'a'; 140_000]].concat();
    problem(&server.sends(&endless).await, 431, "headers_too_large");
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-a: b\r\n".repeat(97));
    let answer = server.sends(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("application/problem+json"), "{answer}");
    server.handle.stop(true).await;
}

#[actix_web::test]
async fn a_connection_is_kept_while_it_is_used_and_no_longer() {
    let server = Server::start(Limits::default(), &Connections { keep_alive: SHORT, ..Connections::default() });
    let mut connection = server.connect().await;
    let ask = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    connection.write_all(ask.repeat(2).as_bytes()).await.expect("the server reads");
    let answers = until_closed(&mut connection).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    server.handle.stop(true).await;
}

#[actix_web::test]
async fn more_connections_than_a_worker_takes_wait_their_turn() {
    // The clock of the server stands still while it waits, for half a second at most: a head is given longer than that.
    let head_time = Duration::from_secs(1);
    let connections = Connections { per_worker: 1, keep_alive: SHORT, head_time, ..Connections::default() };
    let server = Server::start(Limits::default(), &connections);
    let idle = server.connect().await;
    // The second is served when the first, which says nothing, has been given up.
    let answer = server.sends(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    drop(idle);
    server.handle.stop(true).await;
}
