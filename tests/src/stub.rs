//! An agent that does what the test tells it, right or wrong: plain HTTP/1.1 on a socket, because no framework lets one
//! answer nonsense. The demo agents are the good ones.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// How large a huge answer is.
const HUGE: usize = 50_000_000;

/// What the agent does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Completes it; the output's `text` is that of the call.
    Answer,
    /// The same after so long, whether or not anybody still listens.
    AnswerAfter(Duration),
    /// Keeps the connection and never answers.
    Hang,
    /// Answers with this status and no task.
    Status(u16),
    /// Answers 200 with something that is no JSON.
    Nonsense,
    /// Answers with 50 MB.
    Huge,
    /// Hangs up without an answer.
    HangUp,
    /// Answers 200 with this body.
    Says(&'static str),
}

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `params.message.messageId`.
    pub message_id: String,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The token of the call.
    pub token: Option<String>,
    /// What the caller says who it is.
    pub authorization: Option<String>,
    /// The call's place in a trace.
    pub traceparent: Option<String>,
}

struct Ledger {
    behaviour: Behaviour,
    received: Vec<Received>,
    under_way: usize,
    most_at_once: usize,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call and answers what is to be done with it.
    fn begin(&self, call: Received) -> Behaviour {
        let mut ledger = self.lock();
        ledger.received.push(call);
        ledger.under_way += 1;
        ledger.most_at_once = ledger.most_at_once.max(ledger.under_way);
        ledger.behaviour
    }
}

/// The agent. Dropping it closes its socket and all connections.
pub struct Stub {
    address: SocketAddr,
    shared: Shared,
    _listening: JoinSet<()>,
}

impl Stub {
    /// Starts an agent on a free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let ledger = Ledger { behaviour, received: Vec::new(), under_way: 0, most_at_once: 0 };
        let shared = Shared(Arc::new(Mutex::new(ledger)));
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, shared.clone()));
        Self { address, shared, _listening: listening }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Changes what it does with calls from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().behaviour = behaviour;
    }

    /// The calls that arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    /// The most calls that it had under way at once. A call is over when its answer is sent, and not before because the
    /// caller is gone.
    pub fn most_at_once(&self) -> usize {
        self.shared.lock().most_at_once
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        // An error means that the caller hung up, which it may.
        connections.spawn(async move { serve(stream, &shared).await.unwrap_or_default() });
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(Request { body, token, authorization, traceparent }) = request(&mut stream).await? {
        let call: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = &call["params"]["message"];
        let message_id = message["messageId"].as_str().unwrap_or_default().to_owned();
        let behaviour = shared.begin(Received { message_id, body, token, authorization, traceparent });
        let answer = completed(&call, message);
        if let Behaviour::AnswerAfter(wait) = behaviour {
            tokio::time::sleep(wait).await;
        }
        // Before the answer: the caller may make another call as soon as he has it.
        shared.lock().under_way -= usize::from(behaviour != Behaviour::Hang);
        match behaviour {
            Behaviour::Answer | Behaviour::AnswerAfter(_) => respond(&mut stream, 200, &answer).await?,
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Status(status) => respond(&mut stream, status, "the agent is not well").await?,
            Behaviour::Nonsense => respond(&mut stream, 200, "<html>Welcome!</html>").await?,
            Behaviour::Huge => respond_hugely(&mut stream).await?,
            Behaviour::HangUp => return Ok(()),
            Behaviour::Says(body) => respond(&mut stream, 200, body).await?,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Request {
    body: Vec<u8>,
    token: Option<String>,
    authorization: Option<String>,
    traceparent: Option<String>,
}

/// Reads a request; nothing if the caller hung up.
async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let (mut length, mut request) = (0, Request::default());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        match line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "content-length" => length = value.parse().unwrap_or(0),
            Some((name, value)) if name == "x-orrery-token" => request.token = Some(value.to_owned()),
            Some((name, value)) if name == "authorization" => request.authorization = Some(value.to_owned()),
            Some((name, value)) if name == "traceparent" => request.traceparent = Some(value.to_owned()),
            _ => {}
        }
    }
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    Ok(Some(request))
}

fn completed(call: &Value, message: &Value) -> String {
    let result = json!({
        "id": "task", "contextId": "context", "kind": "task", "status": {"state": "completed"},
        "artifacts": [{"artifactId": "answer", "parts": [{"kind": "text", "text": &message["parts"][0]["text"]}]}],
    });
    json!({"jsonrpc": "2.0", "id": &call["id"], "result": result}).to_string()
}

async fn respond(stream: &mut BufReader<TcpStream>, status: u16, body: &str) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await?;
    stream.flush().await
}

/// In chunks, without saying beforehand how large it gets.
async fn respond_hugely(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    const CHUNK: usize = 50_000;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let chunk = format!("{CHUNK:x}\r\n{}\r\n", " ".repeat(CHUNK));
    for _ in 0..HUGE / CHUNK {
        stream.write_all(chunk.as_bytes()).await?;
    }
    stream.write_all(b"2\r\n{}\r\n0\r\n\r\n").await?;
    stream.flush().await
}
