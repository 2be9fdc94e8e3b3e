//! A collector of traces: OTLP over HTTP (protobuf), plain HTTP/1.1 on a socket. Uses the protocol's own messages, and nothing of
//! Orrery.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as AnyValue,
};
use prost::Message as _;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A span that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedSpan {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// The parent's id; empty for a root.
    pub parent: String,
    /// What was done.
    pub name: String,
    /// `orrery.role` of the process.
    pub role: String,
    /// Nanoseconds since 1970.
    pub began: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    /// Its attributes that are texts.
    pub attributes: Vec<(String, String)>,
}

/// The collector. Dropping it closes its socket and all connections.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<CollectedSpan>>>,
    _listening: JoinSet<()>,
}

impl Collector {
    /// Starts a collector on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let spans = Arc::new(Mutex::new(Vec::new()));
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, Arc::clone(&spans)));
        Self { address, spans, _listening: listening }
    }

    /// What a server is told as its `--otlp-endpoint`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of a trace that came so far.
    pub fn of(&self, trace: &str) -> Vec<CollectedSpan> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace == trace).cloned().collect()
    }
}

async fn accept(listener: TcpListener, spans: Arc<Mutex<Vec<CollectedSpan>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let spans = Arc::clone(&spans);
        // An error means that the sender hung up, which it may.
        connections.spawn(async move { serve(stream, &spans).await.unwrap_or_default() });
    }
}

async fn serve(stream: TcpStream, spans: &Mutex<Vec<CollectedSpan>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some((path, body)) = request(&mut stream).await? {
        assert_eq!(path, "/v1/traces", "where OTLP over HTTP takes spans");
        let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("a message of OTLP");
        spans.lock().unwrap_or_else(PoisonError::into_inner).extend(read(request));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            .await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Reads a request's path and body; nothing if the sender hung up.
async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut length, mut path) = (0, String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((path, body)))
}

fn read(request: ExportTraceServiceRequest) -> Vec<CollectedSpan> {
    let mut found = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let role = texts(resource.attributes).into_iter().find(|(key, _)| key == "orrery.role");
        let role = role.map(|(_, role)| role).unwrap_or_default();
        let spans = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
        found.extend(spans.map(|span| CollectedSpan {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            name: span.name,
            role: role.clone(),
            began: span.start_time_unix_nano,
            ended: span.end_time_unix_nano,
            attributes: texts(span.attributes),
        }));
    }
    found
}

fn texts(attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> Vec<(String, String)> {
    let text = |value: Option<AnyValue>| match value {
        Some(AnyValue::StringValue(text)) => Some(text),
        _ => None,
    };
    let pairs = attributes.into_iter();
    pairs.filter_map(|pair| Some((pair.key, text(pair.value.and_then(|value| value.value))?))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
