//! What an agent says about the values that it takes and gives.

use serde_json::Value;

/// An agent's JSON Schemas (2020-12), as they were sent. Whoever keeps them has had them compiled once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentSchemas {
    /// What is sent to it must fit.
    pub input: Option<Value>,
    /// What it answers must fit.
    pub output: Option<Value>,
}

impl AgentSchemas {
    /// Whether it says nothing about either.
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.output.is_none()
    }
}
