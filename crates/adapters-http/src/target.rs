//! What is prepared once per agent: parsed URLs and the headers of each call.
//!
//! The cache holds the latest form of each agent and compares what went in, not only the revision, so that a changed
//! credential can never be answered from it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{
    agents::{Agent, AgentAuth, AgentUrl, RefusedHost},
    ids::AgentId,
};
use reqwest::{
    Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

use crate::{body::excerpt, guard::GuardedResolver};

/// How many agents are kept; beyond, the cache starts anew.
const MOST_TARGETS: usize = 10_000;

/// Why an agent cannot be called at all. Never shows a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Uncallable {
    #[error("the agent's URL cannot be called: {0}")]
    Url(String),
    #[error(transparent)]
    Host(#[from] RefusedHost),
    #[error("the agent's API key cannot be sent in the header {0:?}")]
    HeaderName(String),
    #[error("the agent's credential holds characters that no header can carry")]
    Credential,
}

/// A prepared agent.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where calls are posted.
    pub(crate) url: Url,
    /// Where the card is.
    pub(crate) card: Url,
    /// The headers that do not differ between calls.
    pub(crate) headers: HeaderMap,
    source: (AgentUrl, AgentAuth),
}

impl Target {
    fn prepare(agent: &Agent, guard: &GuardedResolver) -> Result<Self, Uncallable> {
        let url = Url::parse(agent.url.as_str()).map_err(|e| Uncallable::Url(e.to_string()))?;
        guard.check(&url)?;
        let mut card = url.clone();
        card.set_path(&format!("{}/.well-known/agent-card.json", url.path().trim_end_matches('/')));
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = credential_header(&agent.auth)? {
            headers.insert(name, value);
        }
        Ok(Self { url, card, headers, source: (agent.url.clone(), agent.auth.clone()) })
    }

    /// Host and port, for messages.
    pub(crate) fn authority(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    /// Quotes at most `most` characters that the agent wrote, without its credential: some agents echo the headers they
    /// got.
    pub(crate) fn quote(&self, text: &str, most: usize) -> String {
        let secret = match &self.source.1 {
            AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => "",
            AgentAuth::Bearer(Some(token)) => token.reveal(),
            AgentAuth::ApiKey(Some(api_key)) => api_key.key.reveal(),
        };
        if secret.is_empty() { excerpt(text, most) } else { excerpt(&text.replace(secret, "***"), most) }
    }
}

fn credential_header(auth: &AgentAuth) -> Result<Option<(HeaderName, HeaderValue)>, Uncallable> {
    let (name, text) = match auth {
        AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => return Ok(None),
        AgentAuth::Bearer(Some(token)) => (header::AUTHORIZATION, format!("Bearer {}", token.reveal())),
        AgentAuth::ApiKey(Some(api_key)) => (header_name(&api_key.header)?, api_key.key.reveal().to_owned()),
    };
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Uncallable::Credential)?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

/// The header of an API key, by default `X-API-Key`. Headers that frame the message itself are refused: a key in them
/// would break the request or smuggle another one.
fn header_name(name: &str) -> Result<HeaderName, Uncallable> {
    if name.is_empty() {
        return Ok(HeaderName::from_static("x-api-key"));
    }
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Uncallable::HeaderName(name.to_owned()))?;
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::HOST];
    if framing.contains(&parsed) { Err(Uncallable::HeaderName(name.to_owned())) } else { Ok(parsed) }
}

/// The prepared agents.
#[derive(Debug, Default)]
pub(crate) struct Targets(RwLock<HashMap<AgentId, Arc<Target>>>);

impl Targets {
    /// The prepared form of an agent as it is now. The guard MUST be the same each time: what it let through is kept.
    pub(crate) fn of(&self, agent: &Agent, guard: &GuardedResolver) -> Result<Arc<Target>, Uncallable> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&agent.id).cloned();
        if let Some(target) = known.filter(|t| t.source.0 == agent.url && t.source.1 == agent.auth) {
            return Ok(target);
        }
        let target = Arc::new(Target::prepare(agent, guard)?);
        let mut targets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= MOST_TARGETS {
            targets.clear();
        }
        targets.insert(agent.id, Arc::clone(&target));
        Ok(target)
    }
}
