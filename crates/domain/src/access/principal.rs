//! Principals: who is calling, once that is known.

use std::collections::BTreeSet;

use super::Role;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name, unique over all kinds: `user:alice`, `key:ci`, `jwt:<subject>`, `agent:<name>`, `system`.
    pub name: String,
    /// The id of its key or token, never a secret.
    pub credential: Option<String>,
    /// What it is trusted with.
    pub role: Role,
    /// What it is restricted to.
    pub scope: Scope,
    /// It sees statuses and no data.
    pub hides_payloads: bool,
}

impl Principal {
    /// Whoever calls while authentication is disabled.
    pub fn system() -> Self {
        Self {
            name: "system".to_owned(),
            credential: None,
            role: Role::Admin,
            scope: Scope::default(),
            hides_payloads: false,
        }
    }
}

/// What a principal is restricted to; `None` is no restriction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The names of the workflows whose definitions and runs it may touch.
    pub workflows: Option<BTreeSet<String>>,
    /// The names of the agents that it may touch.
    pub agents: Option<BTreeSet<String>>,
}

impl Scope {
    /// Whether it restricts anything.
    pub fn is_open(&self) -> bool {
        self.workflows.is_none() && self.agents.is_none()
    }
}

/// What an operation touches, as far as its request tells. Tokens and scopes are checked against it: a restricted principal
/// must name what it is restricted to, so a list without a filter is refused to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// The name of a workflow, of the addressed run's workflow too.
    pub workflow: Option<String>,
    /// A run.
    pub run: Option<String>,
    /// The path of a step of the run.
    pub step: Option<String>,
    /// The name of an agent.
    pub agent: Option<String>,
}
