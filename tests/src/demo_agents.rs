//! The demo agents in a process of their own, which count their calls: whoever kills the server does not kill the witness.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{client::Client, process::Process};

/// Running demo agents. Dropping them kills them.
pub struct DemoAgents {
    client: Client,
    base: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

/// Who was called so far.
#[derive(Debug)]
pub struct Calls {
    /// How often, by message id.
    pub by_message_id: BTreeMap<String, u64>,
    /// Message id and digest of the body, in the order of arrival.
    pub bodies: Vec<(String, String)>,
}

impl DemoAgents {
    /// Starts them on a free port.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut process = Process::spawn(&["demo-agents", "--listen", "127.0.0.1:0"], folder.path());
        let base = format!("http://{}", process.address().await);
        Self { client: Client::new(&base), base, _process: process, _folder: folder }
    }

    /// Where an agent is: `echo`, `slow?ms=100`, `flaky?fail=2`, …
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// What they were called for so far.
    pub async fn calls(&self) -> Calls {
        let report = self.client.get_root("/calls").await.expect(200);
        let counts = report["by_message_id"].as_object().expect("counts by message id");
        let log = report["log"].as_array().expect("a log");
        let text = |entry: &Value, member: &str| entry[member].as_str().expect("a text in the log").to_owned();
        Calls {
            by_message_id: counts.iter().map(|(id, count)| (id.clone(), count.as_u64().expect("a count"))).collect(),
            bodies: log.iter().map(|entry| (text(entry, "message_id"), text(entry, "body_sha256"))).collect(),
        }
    }
}

impl Calls {
    /// The calls of a step, as message ids with their counts; ids hold the step's name (contract, section 4.3).
    pub fn of_step(&self, step: &str) -> Vec<(&str, u64)> {
        let prefix = format!("msg-task-{step}-");
        let of_step = self.by_message_id.iter().filter(|(id, _)| id.starts_with(&prefix));
        of_step.map(|(id, count)| (id.as_str(), *count)).collect()
    }

    /// The digests of the bodies that arrived with a message id.
    pub fn digests_of(&self, message_id: &str) -> Vec<&str> {
        self.bodies.iter().filter(|(id, _)| id == message_id).map(|(_, digest)| digest.as_str()).collect()
    }
}
