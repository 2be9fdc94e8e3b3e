//! Which agents there are, and their cards (A2A 0.3, section 5.5).

use serde_json::{Value, json};

/// A demo agent, as it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoAgent {
    /// Its name.
    pub name: &'static str,
    /// Its path on the server, without the slash.
    pub path: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    tag: &'static str,
    example: &'static str,
}

/// All demo agents; the first three tell the story of `orrery demo`.
pub const CATALOGUE: [DemoAgent; 8] = [
    DemoAgent {
        name: "researcher",
        path: "researcher",
        description: "Collects facts about a topic",
        tag: "research",
        example: r#"{"topic": "tides"}"#,
    },
    DemoAgent {
        name: "writer",
        path: "writer",
        description: "Writes a paragraph from facts",
        tag: "writing",
        example: r#"{"topic": "tides", "facts": ["Most coasts see two high tides a day."]}"#,
    },
    DemoAgent {
        name: "reviewer",
        path: "reviewer",
        description: "Scores a paragraph and says whether it may be published",
        tag: "review",
        example: r#"{"paragraph": "Most coasts see two high tides a day."}"#,
    },
    DemoAgent { name: "echo", path: "echo", description: "Returns its input", tag: "testing", example: r#"{"n": 1}"# },
    DemoAgent {
        name: "flaky",
        path: "flaky",
        description: "Fails the first calls of each message (?fail=N), then returns its input",
        tag: "testing",
        example: r#"{"n": 1}"#,
    },
    DemoAgent {
        name: "slow",
        path: "slow",
        description: "Waits (?ms=N), then returns its input",
        tag: "testing",
        example: r#"{"n": 1}"#,
    },
    DemoAgent {
        name: "reporter",
        path: "reporter",
        description: "Accepts its input, and reports it as its output later (?ms=N), with the token of the call",
        tag: "testing",
        example: r#"{"n": 1}"#,
    },
    DemoAgent {
        name: "moody",
        path: "moody",
        description: "Returns its input, late or not at all, as the message's id decides",
        tag: "testing",
        example: r#"{"n": 1}"#,
    },
];

impl DemoAgent {
    /// The agent under a path.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|agent| agent.path == path)
    }

    /// Its card; `base` is where the server was reached, without a slash at the end.
    pub(crate) fn card(&self, base: &str) -> Value {
        json!({
            "protocolVersion": "0.3.0",
            "name": self.name,
            "description": self.description,
            "url": format!("{base}/{}", self.path),
            "preferredTransport": "JSONRPC",
            "version": env!("CARGO_PKG_VERSION"),
            "provider": {"organization": "Orrery demo", "url": base},
            "capabilities": {"streaming": false, "pushNotifications": false, "stateTransitionHistory": false},
            "defaultInputModes": ["application/json", "text/plain"],
            "defaultOutputModes": ["application/json", "text/plain"],
            "skills": [{
                "id": self.path,
                "name": self.name,
                "description": self.description,
                "tags": [self.tag],
                "examples": [self.example],
            }],
        })
    }
}
