//! The addresses that a server would take: whether they can be taken, and who has them if not.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use super::Finding;
use crate::cli::Serve;

const CHECK: &str = "ports";

/// How long whoever has an address may take to say who they are.
const ANSWER: Duration = Duration::from_secs(2);

pub(super) async fn examine(serve: &Serve) -> Vec<Finding> {
    let addresses = [
        ("--listen", Some(serve.listen)),
        ("--trusted-listen", serve.door.trusted_listen),
        ("--registry-listen", serve.registry_listen),
    ];
    let mut findings = Vec::new();
    for (setting, address) in addresses {
        if let Some(address) = address {
            findings.push(taken(setting, address).await);
        }
    }
    findings
}

async fn taken(setting: &str, address: SocketAddr) -> Finding {
    let port = address.port();
    match TcpListener::bind(address).map(drop) {
        Ok(()) => Finding::good(CHECK, format!("{address} ({setting}) is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match orrery_at(address).await {
            Some(version) => Finding::good(CHECK, format!("Orrery {version} listens on {address} ({setting}) already")),
            None => Finding::error(
                CHECK,
                format!("another program listens on {address} ({setting})"),
                format!(
                    "see which one (ss -ltnp 'sport = :{port}') and stop it, or name another address with {setting}"
                ),
            ),
        },
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Finding::error(
            CHECK,
            format!("{address} ({setting}) is no address of this machine"),
            format!("name one of its own with {setting} (ip -brief address), or 0.0.0.0:{port} for all of them"),
        ),
        Err(error) => Finding::error(
            CHECK,
            format!("{address} ({setting}) cannot be taken: {error}"),
            format!("name another address with {setting}; ports below 1024 are for privileged users"),
        ),
    }
}

/// The version of a server of ours there.
pub(super) async fn orrery_at(address: SocketAddr) -> Option<String> {
    let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build().ok()?;
    let answer = client.get(format!("http://{address}/health")).send().await.ok()?;
    let health: serde_json::Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    // What no other program's answer has together.
    health.get("uptime_seconds")?;
    health.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[tokio::test]
    async fn an_address_that_somebody_else_has_is_named() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = other.local_addr().expect("it has an address");
        // It hangs up at once, so that nobody waits for it.
        let hangs_up = std::thread::spawn(move || drop(other.accept()));
        let found = taken("--listen", address).await;
        assert_eq!(found.severity, Severity::Error, "{found:?}");
        assert!(found.hint.as_deref().is_some_and(|hint| hint.contains("ss -ltnp")), "{found:?}");
        hangs_up.join().expect("no panic");
        assert_eq!(taken("--listen", address).await.severity, Severity::Good, "it is free again");
        let elsewhere = taken("--listen", "192.0.2.1:80".parse().expect("an address")).await;
        assert!(elsewhere.found.contains("no address of this machine"), "{elsewhere:?}");
    }
}
