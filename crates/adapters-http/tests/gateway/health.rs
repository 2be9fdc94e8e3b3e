//! What an agent's card tells about its health (contract 1.6), and how the demo agents get on with the gateway.

use std::time::Duration;

use crate::support::{RawAgent, agent, call_with, completed, failed, gateway, header};
use demo_agents::{DemoAgents, Options};
use domain::{
    agents::{AgentAuth, Secret},
    ports::{AgentGateway, AgentHealth},
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

async fn health_of(raw: &RawAgent) -> AgentHealth {
    gateway().health(&raw.agent()).await
}

fn assert_unhealthy(health: &AgentHealth, message: &str) {
    assert!(health.message.starts_with(message), "{}", health.message);
    assert_eq!((&health.card, health.response_time), (&None, None));
}

#[tokio::test]
async fn a_healthy_agent_says_what_it_does() {
    for (card, message) in [
        (json!({"name": "Summariser", "description": "Summarises text"}), "Summarises text"),
        (json!({"name": "Summariser", "description": ""}), "Summariser"),
        (json!({}), "Agent is healthy"),
    ] {
        let health = health_of(&RawAgent::saying(&card).await).await;
        assert_eq!(health.message, message);
        assert_eq!(health.card.map(|card| card.0), Some(card));
        assert!(health.response_time.is_some());
    }
}

#[tokio::test]
async fn the_card_is_asked_for_below_the_agents_url_with_its_credentials() {
    let raw = RawAgent::saying(&json!({})).await;
    for (path, card) in [
        ("/", "/.well-known/agent-card.json"),
        ("/a/b/", "/a/b/.well-known/agent-card.json"),
        ("/a?k=v", "/a/.well-known/agent-card.json?k=v"),
    ] {
        let mut agent = agent(&format!("http://{}{path}", raw.address));
        agent.auth = AgentAuth::Bearer(Some(Secret::new("t0ken")));
        gateway().health(&agent).await;
        let asked = raw.asked().pop().expect("a request");
        assert!(asked.head.starts_with(&format!("GET {card} HTTP/1.1\r\n")), "{}", asked.head);
        assert_eq!(header(&asked.head, "authorization").as_deref(), Some("Bearer t0ken"));
    }
}

#[tokio::test]
async fn an_unhealthy_agent_is_told_by_what_is_wrong() {
    assert_unhealthy(&health_of(&RawAgent::answering("503 Busy", "", "").await).await, "Agent returned status 503");
    let nonsense = RawAgent::answering("200 OK", "", "<html>").await;
    assert_unhealthy(&health_of(&nonsense).await, "Invalid agent card response: expected value");
    let list = RawAgent::answering("200 OK", "", "[]").await;
    assert_unhealthy(&health_of(&list).await, "Invalid agent card response: not a JSON object");

    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let down = gateway().health(&agent(&format!("http://{free}/"))).await;
    assert_unhealthy(&down, &format!("Failed to connect to agent: connection refused ({free})"));
}

#[tokio::test]
async fn a_silent_agent_is_unhealthy_after_its_timeout() {
    let raw = RawAgent::new(async |connection: TcpStream| {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let mut agent = raw.agent();
    agent.timeout = Duration::from_millis(150);
    assert_unhealthy(&gateway().health(&agent).await, "Request timeout after 150ms");
}

#[tokio::test]
async fn the_demo_agents_are_understood() {
    let options = Options { story_delay: Duration::ZERO, ..Options::default() };
    let demo = DemoAgents::start("127.0.0.1:0".parse().expect("an address"), &options).expect("a server");
    let gateway = gateway();

    let health = gateway.health(&agent(&demo.url("researcher"))).await;
    assert_eq!(health.message, "Collects facts about a topic");

    let input = r#"{"topic": "tides"}"#;
    let research = completed(gateway.call(&agent(&demo.url("researcher")), &call_with(input)).await);
    assert_eq!(research["facts"].as_array().map(Vec::len), Some(4));
    assert!(research["text"].as_str().is_some_and(|text| text.contains("Bay of Fundy")));

    let echo = completed(gateway.call(&agent(&demo.url("echo")), &call_with(r#"{"text": "a", "n": [1]}"#)).await);
    assert_eq!((&echo["text"], &echo["n"]), (&json!("a"), &json!([1])));

    let flaky = agent(&demo.url("flaky?fail=1"));
    let failure = failed(gateway.call(&flaky, &call_with(input)).await);
    assert_eq!((failure.message.as_str(), failure.definite), ("HTTP 500 from the agent: flaky: failure 1 of 1", false));
    assert_eq!(completed(gateway.call(&flaky, &call_with(input)).await)["topic"], Value::from("tides"));
    demo.stop().await;
}
