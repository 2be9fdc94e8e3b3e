//! `orrery doctor`: looks at everything that a server with these settings would need, changes nothing, and says what mends
//! what is wrong. One thing that is wrong keeps nothing else from being looked at.

mod bus;
mod database;
mod finding;
mod folder;
mod keys;
mod ports;

use super::{contradictions, kafka};
use crate::cli::Serve;

pub(crate) use finding::Findings;

use finding::Finding;

/// Looks at everything.
pub(crate) async fn examine(serve: &Serve) -> Findings {
    let mut findings = settings(serve);
    findings.extend(keys::examine(serve));
    let (ports, database, bus) = tokio::join!(ports::examine(serve), stored(serve), bus(serve));
    findings.extend(ports.into_iter().chain(database).chain(bus));
    Findings::new(findings)
}

fn settings(serve: &Serve) -> Vec<Finding> {
    let wrong = contradictions::of_settings(serve);
    if wrong.is_empty() {
        return vec![Finding::good("settings", "they fit together")];
    }
    let hint =
        "correct it in the file, the variable or the flag; 'orrery config show' tells where each setting comes from";
    wrong.into_iter().map(|what| Finding::error("settings", what, hint)).collect()
}

async fn stored(serve: &Serve) -> Vec<Finding> {
    match &serve.database_url {
        Some(url) => database::examine(url, serve).await,
        None => folder::examine(serve).await,
    }
}

async fn bus(serve: &Serve) -> Vec<Finding> {
    // What is wrong with its settings is told with the others.
    match kafka::config(&serve.kafka) {
        Ok(Some(config)) => bus::examine(config, serve.kafka.partitions).await,
        Ok(None) | Err(_) => Vec::new(),
    }
}
