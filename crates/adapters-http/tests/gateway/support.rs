//! Agents that misbehave on real sockets, and builders for what calls them.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use adapters_http::{GatewayConfig, HttpAgentGateway};
use domain::{
    Timestamp,
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::{AgentId, RunId, Seq, StepId},
    payload::Payload,
    ports::{AgentGateway, Clock},
    runs::{AgentCall, AgentRequest, CallFailure, CallKey, CallOutcome},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// An agent that does what a test tells it, and remembers what it was asked.
pub(crate) struct RawAgent {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Asked>>>,
    _server: JoinSet<()>,
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawAgent {
    /// Reads one request per connection and leaves the rest to `behave`; the connection closes when it is dropped.
    pub(crate) async fn new<F>(behave: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let behave = Arc::new(behave);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let (seen, behave) = (Arc::clone(&seen), Arc::clone(&behave));
                connections.spawn(async move {
                    if let Some(asked) = read_request(&mut connection).await {
                        seen.lock().expect("no panic").push(asked);
                        behave(connection).await;
                    }
                });
            }
        });
        Self { address, requests, _server: server }
    }

    /// Always sends these bytes, then closes.
    pub(crate) async fn sending(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        Self::new(move |mut connection| {
            let bytes = Arc::clone(&bytes);
            async move {
                // The client may hang up early; that is its good right.
                let _ = connection.write_all(&bytes).await;
                let _ = connection.shutdown().await;
            }
        })
        .await
    }

    /// Always answers with this status line, these headers and this body.
    pub(crate) async fn answering(status: &str, headers: &str, body: &str) -> Self {
        Self::sending(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())).await
    }

    /// Always answers 200 with this JSON.
    pub(crate) async fn saying(body: &Value) -> Self {
        Self::answering("200 OK", "content-type: application/json\r\n", &body.to_string()).await
    }

    pub(crate) fn agent(&self) -> Agent {
        agent(&format!("http://{}/a2a", self.address))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Calls it once through a gateway of its own.
    pub(crate) async fn call(&self) -> CallOutcome {
        gateway().call(&self.agent(), &call()).await
    }

    /// Calls it once; the call must fail.
    pub(crate) async fn failure(&self) -> CallFailure {
        failed(self.call().await)
    }
}

/// The next request on a connection; none if the client hangs up.
pub(crate) async fn read_request(connection: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut body = bytes.split_off(head_end + 4);
    let length = header(&head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    while body.len() < length {
        if connection.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { head, body })
}

/// A header of a request's head.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
}

/// Sun, 06 Nov 1994 08:49:37 GMT, for ever.
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_timestamp(784_111_777, 0).expect("a time")
    }
}

pub(crate) fn gateway() -> HttpAgentGateway {
    gateway_with(GatewayConfig::default())
}

pub(crate) fn gateway_with(config: GatewayConfig) -> HttpAgentGateway {
    HttpAgentGateway::new(config, Arc::new(StoppedClock)).expect("a gateway")
}

pub(crate) fn agent(url: &str) -> Agent {
    Agent {
        id: "01920000-0000-7000-8000-000000000001".parse::<AgentId>().expect("an id"),
        name: AgentName::parse("tester").expect("a name"),
        url: AgentUrl::parse(url).expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: Duration::from_secs(5),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        updated_by: None,
    }
}

pub(crate) fn call() -> AgentRequest {
    call_with(r#"{"source": "s3://bucket/k"}"#)
}

pub(crate) fn call_with(input: &str) -> AgentRequest {
    let step = StepId::parse("fetch").expect("a step");
    let call = AgentCall {
        execution: Seq::new(2),
        key: CallKey { run: RunId::parse("run-1").expect("a run"), path: step.top_level(), generation: 0, round: 0 },
        step,
        agent: AgentName::parse("tester").expect("a name"),
        input: Payload::parse(input.as_bytes()).expect("storable"),
        repeated: false,
        on_unknown: None,
    };
    call.request()
}

pub(crate) fn failed(outcome: CallOutcome) -> CallFailure {
    match outcome {
        CallOutcome::Failed(failure) => failure,
        CallOutcome::Completed(output) => panic!("the call succeeded: {}", output.text()),
    }
}

pub(crate) fn completed(outcome: CallOutcome) -> Value {
    match outcome {
        CallOutcome::Completed(output) => output.value().clone(),
        CallOutcome::Failed(failure) => panic!("the call failed: {}", failure.message),
    }
}
