//! Who does something, as the audit log and the rows tell it.

use std::net::IpAddr;

use crate::trace::TraceParent;

/// Who does something, with which credential, by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The principal: `user:alice`, `key:ci`, `system`. Also what rows say in `created_by` and the like.
    pub name: String,
    /// The id of the key or token, never its secret.
    pub credential: Option<String>,
    /// The id of the request.
    pub request: Option<String>,
    /// From where it came.
    pub address: Option<IpAddr>,
    /// The request's place in a trace, if it has one.
    pub trace: Option<TraceParent>,
}

impl Actor {
    /// Somebody of this name, with nothing else known: what comes over the bus, and tests.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), credential: None, request: None, address: None, trace: None }
    }

    /// The server itself, and whoever calls it while nobody is asked who they are (contract 1.2).
    pub fn system() -> Self {
        Self::named("system")
    }

    /// Whoever sends requests, cancellations and events over the bus: it does not say who that is, and what a message says of it
    /// is not proven.
    pub fn bus() -> Self {
        Self::named("kafka")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}
