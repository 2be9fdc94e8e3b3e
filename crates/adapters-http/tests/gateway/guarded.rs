//! Agents whose URLs lead where no agent is called: nothing is sent, and the step says why.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use adapters_http::{GatewayConfig, GuardedResolver, HostNames, HttpAgentGateway};
use async_trait::async_trait;
use demo_agents::{DemoAgents, Options};
use domain::{
    agents::{Agent, Networks},
    ports::AgentGateway,
    runs::CallFailure,
};
use serde_json::json;

use crate::support::{RawAgent, StoppedClock, agent, call, call_with, completed, failed, gateway_with};

/// Answers each look-up with the next of its addresses, and the last one again.
struct Rebinding {
    addresses: Vec<&'static str>,
    asked: AtomicUsize,
}

#[async_trait]
impl HostNames for Rebinding {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, "agent.test");
        let at = self.asked.fetch_add(1, SeqCst).min(self.addresses.len() - 1);
        Ok(vec![self.addresses[at].parse().expect("an address")])
    }
}

fn resolving(networks: &str, addresses: &[&'static str]) -> (HttpAgentGateway, Arc<Rebinding>) {
    let names = Arc::new(Rebinding { addresses: addresses.to_vec(), asked: AtomicUsize::new(0) });
    let guard = GuardedResolver::with_names(networks.parse().expect("networks"), names.clone());
    let gateway = HttpAgentGateway::guarded_by(guard, GatewayConfig::default(), Arc::new(StoppedClock));
    (gateway.expect("a gateway"), names)
}

fn within(networks: &str) -> HttpAgentGateway {
    gateway_with(GatewayConfig { networks: networks.parse().expect("networks"), ..GatewayConfig::default() })
}

fn answer() -> serde_json::Value {
    json!({"jsonrpc": "2.0", "id": "x", "result": {"ok": true}})
}

/// The agent under a name instead of its address.
fn named(raw: &RawAgent) -> Agent {
    agent(&format!("http://agent.test:{}/a2a", raw.address.port()))
}

async fn refused(gateway: &HttpAgentGateway, agent: &Agent) -> CallFailure {
    let failure = failed(gateway.call(agent, &call()).await);
    assert!(failure.permanent && failure.definite, "{failure:?}");
    failure
}

#[tokio::test]
async fn a_forbidden_address_is_refused_in_whatever_form() {
    for host in ["169.254.169.254", "2852039166", "0xa9.254.43518", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0"]
    {
        let agent = agent(&format!("http://{host}/latest/meta-data"));
        let failure = refused(&within("any-private"), &agent).await;
        assert!(failure.message.contains("is not called: it is"), "{}", failure.message);
        let health = within("any-private").health(&agent).await;
        assert!(
            health.message.starts_with("Failed to connect to agent: ") && health.card.is_none(),
            "{}",
            health.message
        );
        assert!(health.message.contains("is not called"), "{}", health.message);
    }
}

#[tokio::test]
async fn an_agent_on_this_machine_is_called_only_where_private_networks_are_allowed() {
    let raw = RawAgent::saying(&answer()).await;
    for form in ["127.0.0.1", "2130706433", "0x7f.1", "localhost"] {
        let agent = agent(&format!("http://{form}:{}/", raw.address.port()));
        let failure = refused(&within("public-only"), &agent).await;
        assert!(failure.message.contains("private network"), "{}", failure.message);
    }
    assert!(raw.asked().is_empty(), "nothing was sent");
    let failure = failed(within("127.0.0.0/8").call(&raw.agent(), &call()).await);
    assert!(!failure.message.contains("is not called"), "it answers with another id: {}", failure.message);
    assert_eq!(raw.asked().len(), 1);
}

#[tokio::test]
async fn a_name_that_stands_for_a_forbidden_address_is_refused() {
    let raw = RawAgent::saying(&answer()).await;
    for (networks, address, reason) in [
        ("any-private", "169.254.169.254", "the metadata service of a cloud"),
        ("any-private", "::ffff:127.0.0.1", "an IPv4 address written as IPv6"),
        ("public-only", "127.0.0.1", "in a private network, and those are not allowed here (--agent-networks)"),
    ] {
        let (gateway, _) = resolving(networks, &[address]);
        let failure = refused(&gateway, &named(&raw)).await;
        assert_eq!(failure.message, format!("agent.test ({address}) is not called: it is {reason}"));
    }
    assert!(raw.asked().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn what_was_checked_is_what_is_called_however_the_name_changes() {
    let raw = RawAgent::answering("503 Busy", "connection: close\r\n", "").await;
    let (gateway, names) = resolving("any-private", &["127.0.0.1", "169.254.169.254"]);
    // One look-up for one connection: between the check and the connection nothing is asked again.
    let first = failed(gateway.call(&named(&raw), &call()).await);
    assert_eq!((first.message.as_str(), names.asked.load(SeqCst)), ("HTTP 503 from the agent", 1));
    let second = refused(&gateway, &named(&raw)).await;
    assert!(second.message.contains("metadata"), "{}", second.message);
    assert_eq!((raw.asked().len(), names.asked.load(SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_redirect_into_the_forbidden_is_not_followed() {
    for location in ["http://169.254.169.254/latest/meta-data", "http://2852039166/", "file:///etc/passwd"] {
        let header = format!("location: {location}\r\n");
        let raw = RawAgent::answering("307 Temporary Redirect", &header, "").await;
        let failure = failed(gateway_with(GatewayConfig::default()).call(&raw.agent(), &call()).await);
        assert_eq!(failure.message, "HTTP 307 from the agent: redirects are not followed");
        let health = gateway_with(GatewayConfig::default()).health(&raw.agent()).await;
        assert_eq!(health.message, "Agent returned status 307");
    }
}

#[tokio::test]
async fn the_default_lets_agents_be_where_they_usually_are() {
    assert_eq!(GatewayConfig::default().networks, Networks::default());
    let options = Options { story_delay: Duration::ZERO, ..Options::default() };
    let demo = DemoAgents::start("127.0.0.1:0".parse().expect("an address"), &options).expect("a server");
    let (gateway, _) = resolving("any-private", &["127.0.0.1"]);
    let agent = agent(&demo.url("researcher").replace("127.0.0.1", "agent.test"));
    completed(gateway.call(&agent, &call_with(r#"{"topic": "tides"}"#)).await);
    demo.stop().await;
}
