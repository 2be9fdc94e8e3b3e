//! What is declared about values: by the agents that a document names, and by the document itself.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::findings::Findings;
use crate::{
    agents::{Agent, AgentName, AgentSchemas},
    ports::{Schema, Schemas},
};

/// What agents take and give, as far as they say it.
#[derive(Debug, Clone, Default)]
pub struct Declared(BTreeMap<AgentName, AgentSchemas>);

impl Declared {
    /// What one of them says.
    pub(super) fn agent(&self, name: &AgentName) -> Option<&AgentSchemas> {
        self.0.get(name)
    }
}

impl<'a> FromIterator<&'a Agent> for Declared {
    fn from_iter<T: IntoIterator<Item = &'a Agent>>(agents: T) -> Self {
        let talkative = agents.into_iter().filter(|agent| !agent.schemas.is_empty());
        Self(talkative.map(|agent| (agent.name.clone(), agent.schemas.clone())).collect())
    }
}

/// Compiles the schema that stands at a place of the document.
pub(super) fn compile_at(
    at: &[&str],
    schema: &Value,
    schemas: &dyn Schemas,
    findings: &mut Findings,
) -> Option<Arc<dyn Schema>> {
    let invalid = match schemas.compile(schema) {
        Ok(compiled) => return Some(compiled),
        Err(invalid) => invalid,
    };
    let inside: Vec<String> =
        invalid.pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let at: Vec<&str> = at.iter().copied().chain(inside.iter().map(String::as_str)).collect();
    findings.error(&at, "invalid_schema", format!("this is no JSON Schema: {}", invalid.message));
    None
}
