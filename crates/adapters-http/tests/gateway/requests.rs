//! What agents get to read.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Asked, RawAgent, agent, call, call_with, failed, gateway, header, read_request};
use domain::{
    agents::{AgentAuth, ApiKey, Secret},
    ports::AgentGateway,
};
use serde_json::{Value, json};

async fn asked_with(auth: AgentAuth) -> Asked {
    let raw = RawAgent::saying(&json!({})).await;
    let mut agent = raw.agent();
    agent.auth = auth;
    gateway().call(&agent, &call()).await;
    raw.asked().remove(0)
}

#[tokio::test]
async fn a_call_is_a_json_rpc_message_posted_to_the_agents_own_url() {
    let raw = RawAgent::saying(&json!({})).await;
    let gateway = gateway();
    let mut agent = raw.agent();
    agent.url = domain::agents::AgentUrl::parse(&format!("http://{}/a/b?c=D", raw.address)).expect("a URL");
    let call = call();

    gateway.call(&agent, &call).await;

    let asked = &raw.asked()[0];
    assert!(asked.head.starts_with("POST /a/b?c=D HTTP/1.1\r\n"), "{}", asked.head);
    assert_eq!(header(&asked.head, "content-type").as_deref(), Some("application/json"));
    assert_eq!(header(&asked.head, "accept").as_deref(), Some("application/json"));
    assert_eq!(header(&asked.head, "x-correlation-id"), Some(call.ids.correlation));
    assert_eq!(
        serde_json::from_slice::<Value>(&asked.body).expect("JSON"),
        json!({
            "jsonrpc": "2.0",
            "id": call.ids.task,
            "method": "message/send",
            "params": {"message": {
                "kind": "message",
                "role": "user",
                "messageId": call.ids.message,
                "parts": [{"kind": "text", "text": "{\"source\": \"s3://bucket/k\"}"}],
            }},
        })
    );
}

#[tokio::test]
async fn the_same_call_is_the_same_bytes() {
    let raw = RawAgent::saying(&json!({})).await;
    let gateway = gateway();
    for input in [r#"{"text":"a","b":[1.5e300,"é"]}"#, r#" { "b": [1.5e300, "\u00e9"], "text": "a" }"#] {
        gateway.call(&raw.agent(), &call_with(input)).await;
    }
    let asked = raw.asked();
    assert_eq!(asked[0].body, asked[1].body);
    assert_eq!(asked[0].head, asked[1].head);
}

#[tokio::test]
async fn a_bearer_token_is_sent_as_authorization() {
    let asked = asked_with(AgentAuth::Bearer(Some(Secret::new("t0ken")))).await;
    assert_eq!(header(&asked.head, "authorization").as_deref(), Some("Bearer t0ken"));
}

#[tokio::test]
async fn an_api_key_is_sent_in_its_header() {
    for (named, sent) in [("X-My-Key", "x-my-key"), ("", "x-api-key")] {
        let key = ApiKey { header: named.to_owned(), key: Secret::new("k3y") };
        let asked = asked_with(AgentAuth::ApiKey(Some(key))).await;
        assert_eq!(header(&asked.head, sent).as_deref(), Some("k3y"));
        assert_eq!(header(&asked.head, "authorization"), None);
    }
}

#[tokio::test]
async fn without_credentials_none_are_sent() {
    for auth in [AgentAuth::None, AgentAuth::Bearer(None), AgentAuth::ApiKey(None)] {
        let asked = asked_with(auth).await;
        assert_eq!(header(&asked.head, "authorization"), None);
        assert_eq!(header(&asked.head, "x-api-key"), None);
    }
}

#[tokio::test]
async fn a_changed_credential_is_used_at_once_even_under_the_same_revision() {
    let raw = RawAgent::saying(&json!({})).await;
    let (gateway, mut agent) = (gateway(), raw.agent());
    for token in ["old", "new"] {
        agent.auth = AgentAuth::Bearer(Some(Secret::new(token)));
        gateway.call(&agent, &call()).await;
    }
    let sent: Vec<_> = raw.asked().iter().filter_map(|asked| header(&asked.head, "authorization")).collect();
    assert_eq!(sent, ["Bearer old", "Bearer new"]);
}

#[tokio::test]
async fn an_agent_that_cannot_be_called_fails_for_good_without_showing_its_credential() {
    let bad_key = |header: &str| ApiKey { header: header.to_owned(), key: Secret::new("k3y") };
    for (auth, message) in [
        (
            AgentAuth::Bearer(Some(Secret::new("k3y\r\nx: y"))),
            "the agent's credential holds characters that no header can carry",
        ),
        (AgentAuth::ApiKey(Some(bad_key("a b"))), "the agent's API key cannot be sent in the header \"a b\""),
        (
            AgentAuth::ApiKey(Some(bad_key("Content-Length"))),
            "the agent's API key cannot be sent in the header \"Content-Length\"",
        ),
    ] {
        let mut agent = agent("http://127.0.0.1:9/");
        agent.auth = auth;
        let failure = failed(gateway().call(&agent, &call()).await);
        assert_eq!((failure.message.as_str(), failure.definite, failure.permanent), (message, true, true));
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let raw = RawAgent::new(async |mut connection: TcpStream| {
        while connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.is_ok() {
            if read_request(&mut connection).await.is_none() {
                return;
            }
        }
    })
    .await;
    let gateway = gateway();
    for _ in 0..3 {
        let failure = failed(gateway.call(&raw.agent(), &call()).await);
        assert_eq!(failure.message, "Response missing 'jsonrpc' field");
    }
    assert_eq!(raw.asked().len(), 1, "only the first request of each connection is noted");
}
