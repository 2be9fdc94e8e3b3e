//! How Orrery shows itself to an agent. Credentials are write-only: nothing here prints them.

use std::fmt;

use crate::ids::AgentId;

/// A credential. Neither `Debug` nor `Display` shows it; [`Secret::reveal`] is the one way to it, easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The credential itself, for the call it authenticates and for the store.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The authentication of agent calls (contract 1.6 and 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentAuth {
    /// No credentials.
    None,
    /// `Authorization: Bearer <token>`; without a token (which the old system accepted) nothing is sent.
    Bearer(Option<Secret>),
    /// `<header>: <key>`; without a key nothing is sent.
    ApiKey(Option<ApiKey>),
}

/// The credentials of [`AgentAuth::ApiKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The header that carries the key.
    pub header: String,
    /// The key.
    pub key: Secret,
}

impl AgentAuth {
    /// The place of an agent's credential, for whoever seals it.
    pub fn context(agent: AgentId) -> String {
        format!("agent:{agent}")
    }

    /// The name of the kind, as the REST API and the tables spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer(_) => "bearer",
            Self::ApiKey(_) => "apikey",
        }
    }
}
