//! A receiver of webhooks that does what the test tells it: plain HTTP/1.1 on a socket.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What the receiver does with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// Answers 204.
    Take,
    /// The same after so long.
    TakeAfter(Duration),
    /// Answers with this status.
    Status(u16),
    /// Answers 302 with this place.
    Redirect(String),
    /// Keeps the connection and never answers.
    Hang,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    /// `webhook-id`.
    pub id: String,
    /// The path and query that were called.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
    /// Whether it was taken: whether 204 was to be answered.
    pub taken: bool,
}

struct Ledger {
    reception: Reception,
    came: Vec<Message>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiver. Dropping it closes its socket and all connections.
pub struct Receiver {
    address: SocketAddr,
    shared: Shared,
    _listening: JoinSet<()>,
}

impl Receiver {
    /// Starts a receiver on a free port.
    pub async fn start(reception: Reception) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), reception).await
    }

    /// Starts a receiver at an address.
    pub async fn at(address: SocketAddr, reception: Reception) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Shared(Arc::new(Mutex::new(Ledger { reception, came: Vec::new() })));
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, shared.clone()));
        Self { address, shared, _listening: listening }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Changes what it does with messages from now on.
    pub fn receive(&self, reception: Reception) {
        self.shared.lock().reception = reception;
    }

    /// All messages that came, the refused ones too.
    pub fn came(&self) -> Vec<Message> {
        self.shared.lock().came.clone()
    }

    /// What it was told, as a receiver does that knows messages by their ids: each once, with its body.
    pub fn told(&self) -> BTreeMap<String, Value> {
        let taken = self.came().into_iter().filter(|message| message.taken);
        taken.map(|message| (message.id, message.body)).collect()
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        // An error means that the sender hung up, which it may.
        connections.spawn(async move { serve(stream, &shared).await.unwrap_or_default() });
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(mut message) = request(&mut stream).await? {
        let reception = shared.lock().reception.clone();
        if let Reception::TakeAfter(wait) = reception {
            tokio::time::sleep(wait).await;
        }
        message.taken = matches!(reception, Reception::Take | Reception::TakeAfter(_));
        // Before the answer: whoever sent it may look as soon as it has the answer.
        shared.lock().came.push(message);
        let (status, more) = match reception {
            Reception::Take | Reception::TakeAfter(_) => (204, String::new()),
            Reception::Status(status) => (status, String::new()),
            Reception::Redirect(place) => (302, format!("location: {place}\r\n")),
            Reception::Hang => std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Reads a request; nothing if the sender hung up.
async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Message>> {
    let (mut first, mut headers) = (String::new(), BTreeMap::new());
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Message {
        id: headers.get("webhook-id").cloned().unwrap_or_default(),
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        headers,
        taken: false,
    }))
}
