//! Messages to webhooks: what receivers see, and what their answers mean.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use adapters_http::{GuardedResolver, HostNames, HttpWebhookSender, SenderConfig};
use async_trait::async_trait;
use domain::{
    Timestamp,
    ports::{SignedMessage, WebhookSender},
    webhooks::{Answer, WebhookUrl},
};
use tokio::io::AsyncWriteExt;

use crate::support::{RawAgent, StoppedClock, header};

fn message() -> SignedMessage {
    SignedMessage {
        id: "msg_1".to_owned(),
        sent_at: Timestamp::from_timestamp(1_614_265_330, 0).expect("a time"),
        signatures: "v1,abc v1,def".to_owned(),
        body: r#"{"type":"run.completed"}"#.to_owned(),
    }
}

fn config(timeout_ms: u64) -> SenderConfig {
    SenderConfig { timeout: Duration::from_millis(timeout_ms), ..SenderConfig::default() }
}

async fn sent(url: &str) -> Answer {
    let sender = HttpWebhookSender::new(&config(5_000), Arc::new(StoppedClock)).expect("a sender");
    sender.send(&WebhookUrl::parse(url).expect("a URL"), &message()).await
}

async fn answered(status: &str, headers: &str, body: &str) -> Answer {
    let receiver = RawAgent::answering(status, headers, body).await;
    sent(&format!("http://{}/hook", receiver.address)).await
}

#[tokio::test]
async fn a_message_comes_as_the_specification_says() {
    let receiver = RawAgent::answering("204 No Content", "", "").await;
    let answer = sent(&format!("http://{}/hook?a=b", receiver.address)).await;
    assert_eq!((answer.status(), answer.error()), (Some(204), None));
    let asked = receiver.asked().remove(0);
    assert!(asked.head.starts_with("POST /hook?a=b HTTP/1.1"), "{}", asked.head);
    for (name, value) in [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,abc v1,def"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(&asked.head, name).as_deref(), Some(value));
    }
    assert_eq!(asked.body, message().body.as_bytes());
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = RawAgent::answering("204 No Content", "", "").await;
    let location = format!("location: http://{}/\r\n", elsewhere.address);
    let answer = answered("307 Temporary Redirect", &location, "").await;
    assert_eq!(answer.status(), Some(307));
    assert!(!answer.is_success() && answer.error().is_some_and(|error| error.contains("redirects are not followed")));
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn of_an_answer_little_is_read_and_less_is_quoted() {
    let answer = answered("500 Broken", "", &"na\n".repeat(100_000)).await;
    let told = answer.error().expect("it failed");
    assert!(told.starts_with("the receiver answered 500: na na") && told.chars().count() < 250, "{told}");
}

#[tokio::test]
async fn who_asks_for_more_time_is_heard() {
    let Answer::Status { retry_after, .. } = answered("429 Slow Down", "retry-after: 120\r\n", "").await else {
        panic!("there was an answer")
    };
    assert_eq!(retry_after, Some(Duration::from_mins(2)));
    let Answer::Status { retry_after, .. } = answered("400 No", "retry-after: 120\r\n", "").await else {
        panic!("there was an answer")
    };
    assert_eq!(retry_after, None, "it means something else there");
}

#[tokio::test]
async fn what_never_answers_costs_no_more_than_its_time() {
    let receiver = RawAgent::new(|connection| async move {
        let _open = connection;
        std::future::pending::<()>().await;
    })
    .await;
    let sender = HttpWebhookSender::new(&config(100), Arc::new(StoppedClock)).expect("a sender");
    let url = WebhookUrl::parse(&format!("http://{}/", receiver.address)).expect("a URL");
    assert_eq!(sender.send(&url, &message()).await.error().as_deref(), Some("no answer within 100 ms"));
}

#[tokio::test]
async fn a_body_that_trickles_does_not_hold_up_its_status() {
    let receiver = RawAgent::new(|mut connection| async move {
        // The sender hangs up when it has heard enough.
        let _ = connection.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nso").await;
        std::future::pending::<()>().await;
    })
    .await;
    let answer = sent(&format!("http://{}/", receiver.address)).await;
    assert_eq!(answer.error().as_deref(), Some("the receiver answered 503: so"));
}

#[tokio::test]
async fn nobody_there_is_told_in_words_without_the_url() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    assert_eq!(sent(&format!("http://{address}/?token=secret")).await.error().as_deref(), Some("connection refused"));
}

struct Always(&'static str);

#[async_trait]
impl HostNames for Always {
    async fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![self.0.parse().expect("an address")])
    }
}

#[tokio::test]
async fn addresses_that_may_not_be_called_are_not_whatever_the_name_says() {
    for (networks, found, url) in [
        ("any-private", "169.254.169.254", "http://receiver.example/"),
        ("public-only", "10.0.0.1", "http://receiver.example/"),
        ("public-only", "1.1.1.1", "http://127.0.0.1:1/"),
    ] {
        let guard = GuardedResolver::with_names(networks.parse().expect("networks"), Arc::new(Always(found)));
        let sender = HttpWebhookSender::guarded_by(guard, &config(5_000), Arc::new(StoppedClock)).expect("a sender");
        let answer = sender.send(&WebhookUrl::parse(url).expect("a URL"), &message()).await;
        assert!(answer.error().is_some_and(|error| error.contains("is not called")), "{answer:?}");
        assert_eq!(answer.status(), None);
    }
}
