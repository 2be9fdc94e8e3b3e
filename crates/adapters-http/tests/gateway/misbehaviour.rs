//! Agents that are down, slow, broken or hostile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use crate::support::{RawAgent, agent, call, failed, gateway, gateway_with};
use adapters_http::GatewayConfig;
use domain::{
    agents::{AgentAuth, Secret},
    ports::AgentGateway,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Notify,
};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_agent_that_is_down_did_certainly_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let failure = failed(gateway().call(&agent(&format!("http://{free}/a?key=s3cret")), &call()).await);
    assert_eq!(failure.message, format!("connection refused ({free})"));
    assert!(failure.definite && !failure.permanent);
}

#[tokio::test]
async fn a_host_without_an_address_did_certainly_nothing() {
    let failure = failed(gateway().call(&agent("http://no-such-host.invalid/"), &call()).await);
    assert_eq!(failure.message, "the host name cannot be resolved (no-such-host.invalid:80)");
    assert!(failure.definite);
}

#[tokio::test]
async fn silence_ends_with_the_agents_timeout() {
    let raw = RawAgent::new(async |connection: TcpStream| hold(connection).await).await;
    assert_times_out(&raw).await;
}

#[tokio::test]
async fn trickling_bytes_do_not_stretch_the_timeout() {
    let raw = RawAgent::new(async |mut connection: TcpStream| {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while connection.write_all(b" ").await.is_ok() {
            beat.tick().await;
        }
    })
    .await;
    assert_times_out(&raw).await;
}

async fn hold(connection: TcpStream) {
    std::future::pending::<()>().await;
    drop(connection);
}

async fn assert_times_out(raw: &RawAgent) {
    let mut agent = raw.agent();
    agent.timeout = Duration::from_millis(150);
    let begun = Instant::now();
    let failure = failed(gateway().call(&agent, &call()).await);
    assert_eq!((failure.message.as_str(), failure.definite), ("no answer within 150 ms", false));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_status_says_whether_the_work_may_have_been_done() {
    for (status, definite, passing) in [
        ("400 Bad Request", true, false),
        ("404 Not Found", true, false),
        ("422 Unprocessable Content", true, false),
        ("408 Request Timeout", false, false),
        ("425 Too Early", false, false),
        ("429 Too Many Requests", false, true),
        ("500 Internal Server Error", false, true),
        ("503 Service Unavailable", false, true),
    ] {
        let failure = RawAgent::answering(status, "", "no\r\n luck").await.failure().await;
        assert_eq!(failure.message, format!("HTTP {} from the agent: no luck", &status[..3]));
        let found = (failure.definite, failure.permanent, failure.passing);
        assert_eq!(found, (definite, false, passing), "{status}");
    }
}

#[tokio::test]
async fn an_error_without_a_body_is_told_by_its_number_and_a_long_one_is_cut() {
    let failure = RawAgent::answering("500 Oh", "", "").await.failure().await;
    assert_eq!(failure.message, "HTTP 500 from the agent");
    let failure = RawAgent::answering("500 Oh", "", &"é".repeat(100_000)).await.failure().await;
    assert_eq!(failure.message, format!("HTTP 500 from the agent: {}…", "é".repeat(200)));
}

#[tokio::test]
async fn an_error_whose_body_never_ends_is_told_by_its_number() {
    let raw = RawAgent::new(async |mut connection: TcpStream| {
        let _ = connection.write_all(b"HTTP/1.1 404 No\r\ncontent-length: 100\r\n\r\nhalf").await;
        hold(connection).await;
    })
    .await;
    let failure = raw.failure().await;
    assert_eq!((failure.message.as_str(), failure.definite), ("HTTP 404 from the agent: half", true));
}

#[tokio::test]
async fn retry_after_is_passed_on_for_429_and_503() {
    for (status, header, wait) in [
        ("429 Slow", "retry-after: 7\r\n", Some(7)),
        ("503 Busy", "retry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n", Some(30)),
        ("429 Slow", "retry-after: later\r\n", None),
        ("500 Oh", "retry-after: 7\r\n", None),
    ] {
        let failure = RawAgent::answering(status, header, "").await.failure().await;
        assert_eq!(failure.retry_after, wait.map(Duration::from_secs), "{status} {header}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = RawAgent::answering("200 OK", "", "{}").await;
    let location = format!("location: http://{}/\r\n", elsewhere.address);
    for status in ["301 Moved", "307 Temporary", "308 Permanent"] {
        let failure = RawAgent::answering(status, &location, "").await.failure().await;
        let message = format!("HTTP {} from the agent: redirects are not followed", &status[..3]);
        assert_eq!((failure.message, failure.definite), (message, true));
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn hanging_up_without_an_answer_is_an_unknown_outcome() {
    let failure = RawAgent::sending("").await.failure().await;
    assert!(failure.message.starts_with("the agent hung up without an answer (127.0.0.1:"), "{}", failure.message);
    assert!(!failure.definite);
}

#[tokio::test]
async fn hanging_up_in_the_middle_of_the_answer_is_an_unknown_outcome() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\"",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"js",
    ] {
        let failure = RawAgent::sending(cut).await.failure().await;
        assert!(failure.message.starts_with("the agent hung up in the middle of its answer"), "{}", failure.message);
        assert!(!failure.definite);
    }
}

#[tokio::test]
async fn a_reset_connection_is_an_unknown_outcome() {
    let raw = RawAgent::new(async |connection: TcpStream| connection.set_zero_linger().expect("a socket")).await;
    let failure = raw.failure().await;
    assert!(failure.message.starts_with("the connection was reset (127.0.0.1:"), "{}", failure.message);
    assert!(!failure.definite);
}

#[tokio::test]
async fn what_is_not_http_is_an_unknown_outcome() {
    let failure = RawAgent::sending("220 mail.example ESMTP\r\n\r\n").await.failure().await;
    assert!(failure.message.starts_with("the call failed: invalid HTTP version parsed"), "{}", failure.message);
    assert!(!failure.definite);
}

#[tokio::test]
async fn an_endless_answer_is_dropped_after_the_allowed_bytes() {
    const HUGE: usize = 50 * 1024 * 1024;
    for head in [format!("content-length: {HUGE}"), "connection: close".to_owned()] {
        let (written, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, end) = (Arc::clone(&written), Arc::clone(&ended));
        let raw = RawAgent::new(move |mut connection| {
            let (count, end, head) = (Arc::clone(&count), Arc::clone(&end), head.clone());
            async move {
                let _ = connection.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).await;
                let chunk = vec![b' '; 64 * 1024];
                while count.load(SeqCst) < HUGE && connection.write_all(&chunk).await.is_ok() {
                    count.fetch_add(chunk.len(), SeqCst);
                }
                end.notify_one();
            }
        })
        .await;
        let gateway = gateway_with(GatewayConfig { max_response_bytes: 100_000, ..GatewayConfig::default() });

        let failure = failed(gateway.call(&raw.agent(), &call()).await);

        assert_eq!((failure.message.as_str(), failure.definite), ("the answer is larger than 100000 bytes", false));
        tokio::time::timeout(PATIENCE, ended.notified()).await.expect("the connection is closed");
        // What went over beyond the 100 kB sat in the buffers of the two sockets.
        assert!(written.load(SeqCst) < HUGE / 3, "{} bytes went out", written.load(SeqCst));
    }
}

#[tokio::test]
async fn an_agent_that_echoes_its_credential_does_not_get_it_into_a_message() {
    let raw = RawAgent::answering("401 No", "", "bad header 'Bearer s3cret-t0ken'").await;
    let mut agent = raw.agent();
    agent.auth = AgentAuth::Bearer(Some(Secret::new("s3cret-t0ken")));
    let failure = failed(gateway().call(&agent, &call()).await);
    assert_eq!(failure.message, "HTTP 401 from the agent: bad header 'Bearer ***'");
}
