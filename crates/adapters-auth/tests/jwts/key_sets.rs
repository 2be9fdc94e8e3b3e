//! Published keys: fetched when needed, kept while the provider is away, rotated.

use domain::{access::Refused, ports::Jwts};

use crate::support::{Key, Publisher, claims, claims_with, later, now};

fn lasting() -> serde_json::Value {
    claims_with(&serde_json::json!({"exp": now().timestamp() + 1_000_000}))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_are_old() {
    let key = Key::ed("d");
    let publisher = Publisher::start(&[&key]);
    let server = publisher.trusting();
    let token = key.token(&lasting());
    for seconds in 0..5 {
        assert!(server.verify(&token, later(seconds)).await.is_ok());
    }
    assert_eq!(publisher.times_asked(), 1);
    assert!(server.verify(&token, later(601)).await.is_ok());
    assert_eq!(publisher.times_asked(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_and_rubbish_does_not_make_the_server_ask_all_the_time() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let publisher = Publisher::start(&[&old]);
    let server = publisher.trusting();
    assert!(server.verify(&old.token(&claims()), now()).await.is_ok());
    publisher.publish(&[&new]);
    assert_eq!(server.verify(&new.token(&claims()), later(5)).await, Err(Refused::Unknown), "it has just asked");
    assert!(server.verify(&new.token(&claims()), later(31)).await.is_ok());
    assert_eq!(publisher.times_asked(), 2);
    assert_eq!(server.verify(&old.token(&claims()), later(32)).await, Err(Refused::Unknown), "it was withdrawn");
    let rubbish = Key::ed("rubbish").token(&claims());
    for seconds in 33..60 {
        assert_eq!(server.verify(&rubbish, later(seconds)).await, Err(Refused::Unknown));
    }
    assert_eq!(publisher.times_asked(), 2);
}

#[tokio::test]
async fn keys_are_good_for_a_day_while_the_provider_is_away() {
    let key = Key::ed("d");
    let publisher = Publisher::start(&[&key]);
    let server = publisher.trusting();
    let token = key.token(&lasting());
    assert!(server.verify(&token, now()).await.is_ok());
    publisher.answer_with("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert!(server.verify(&token, later(3_600)).await.is_ok());
    assert!(server.verify(&token, later(86_399)).await.is_ok());
    assert_eq!(server.verify(&token, later(86_400)).await, Err(Refused::Unknown));
    publisher.publish(&[&key]);
    assert!(server.verify(&token, later(86_500)).await.is_ok(), "it is back");
}

#[tokio::test]
async fn answers_that_lead_elsewhere_or_never_end_are_no_keys() {
    let key = Key::ed("d");
    let good = Publisher::start(&[&key]);
    let long = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", " ".repeat(2 * 1024 * 1024));
    let answers = [
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", good.url),
        long,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_owned(),
        "rubbish".to_owned(),
    ];
    for answer in answers {
        let publisher = Publisher::start(&[]);
        publisher.answer_with(&answer);
        let server = publisher.trusting();
        assert_eq!(server.verify(&key.token(&claims()), now()).await, Err(Refused::Unknown));
    }
    assert_eq!(good.times_asked(), 0, "nobody follows a redirect");
}
