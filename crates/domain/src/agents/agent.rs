//! The agent entity and the values it is made of.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{AgentAuth, AgentSchemas, CallLimit, RetryPolicy};
use crate::{
    Timestamp,
    ids::AgentId,
    page::{Cursor, has_part},
};

/// Why a value does not describe an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAgent {
    /// The name is empty, too long or holds control characters.
    #[error("name must have 1 to 255 characters and no control characters")]
    Name,
    /// The URL is not one that can be called.
    #[error(
        "url must be an absolute http or https URL with a host, of at most 512 characters, without credentials or a fragment"
    )]
    Url,
}

/// An agent's name: unique over all agents, deleted ones included; what workflow documents refer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentName(std::sync::Arc<str>);

impl AgentName {
    /// A name of 1 to 255 characters without control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidAgent> {
        let fits = (1..=255).contains(&text.chars().count()) && !text.trim().is_empty();
        if fits && !text.chars().any(char::is_control) { Ok(Self(text.into())) } else { Err(InvalidAgent::Name) }
    }

    /// A name that this program gives, to what stands in an agent's place.
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for AgentName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Where an agent is called: an absolute `http` or `https` URL, kept exactly as it was normalised at the door.
///
/// This is a syntax check that every adapter can rely on; whether the host may be called at all is for the HTTP adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentUrl(String);

impl AgentUrl {
    /// Checks a URL and normalises it the way the old API did: scheme and host in lower case, a bare host gets the path `/`.
    pub fn parse(text: &str) -> Result<Self, InvalidAgent> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(InvalidAgent::Url)?;
        let scheme = scheme.to_ascii_lowercase();
        let (authority, tail) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let host_is_sound = !host.is_empty()
            && host.chars().all(|c| c.is_alphanumeric() || "-._[]:".contains(c))
            && (!host.contains(':') || host.starts_with('['));
        let port_is_sound = port.is_none_or(|p| !p.is_empty() && p.parse::<u16>().is_ok_and(|p| p > 0));
        let tail_is_sound = !tail.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#');
        let scheme_is_sound = matches!(scheme.as_str(), "http" | "https");
        if !(scheme_is_sound && host_is_sound && port_is_sound && tail_is_sound) {
            return Err(InvalidAgent::Url);
        }
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        let slash = if tail.starts_with('/') { "" } else { "/" };
        let url = format!("{scheme}://{}{port}{slash}{tail}", host.to_lowercase());
        if url.chars().count() <= 512 { Ok(Self(url)) } else { Err(InvalidAgent::Url) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host: a name, or an address, of IPv6 in brackets.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        }
    }
}

/// Whether an agent may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    /// In use.
    Active,
    /// Kept, but not called: workflows cannot be saved with it and steps that need it fail.
    Inactive,
    /// Soft-deleted; its name stays taken.
    Deleted,
}

impl AgentStatus {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }

    /// Reads [`AgentStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Deleted].into_iter().find(|s| s.as_str() == text)
    }
}

/// What becomes of a call that the breaker does not let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnOpen {
    /// It fails, and its step goes on as after any failed attempt. What the old system did.
    #[default]
    Fail,
    /// It waits until it is let through.
    Wait,
}

impl OnOpen {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Wait => "wait",
        }
    }

    /// Reads [`OnOpen::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fail, Self::Wait].into_iter().find(|on_open| on_open.as_str() == text)
    }
}

/// When calls to an agent are suspended (contract 7.6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircuitBreakerConfig {
    /// Whether the breaker acts at all.
    pub enabled: bool,
    /// Failures in a row that open it.
    pub failure_threshold: u32,
    /// Share of failures in the window that opens it, 0 to 1.
    pub failure_rate_threshold: f64,
    /// Seconds it stays open.
    pub timeout_seconds: u32,
    /// Trial calls while half open.
    pub half_open_max_calls: u32,
    /// Seconds of history that count.
    pub window_size_seconds: u32,
    /// What becomes of calls while it is open.
    pub on_open: OnOpen,
}

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its unique name.
    pub name: AgentName,
    /// Where it is called.
    pub url: AgentUrl,
    /// What it does, for people.
    pub description: Option<String>,
    /// How calls authenticate.
    pub auth: AgentAuth,
    /// The time a call may take, from connecting to the last byte.
    pub timeout: Duration,
    /// How failed calls are tried again: its `retry_config`.
    pub retry: RetryPolicy,
    /// The same in more words; it counts in place of `retry` where it is said.
    pub retry_strategy: Option<RetryPolicy>,
    /// The breaker's settings, if any were given.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
    /// The most calls that it has at once; none where there is no limit.
    pub max_concurrent_calls: Option<CallLimit>,
    /// What it takes and what it gives.
    pub schemas: AgentSchemas,
    /// Whether it may be used.
    pub status: AgentStatus,
    /// Rises with each change; the optimistic version for concurrent updates.
    pub revision: u64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Who registered it, where known.
    pub created_by: Option<String>,
    /// Who changed it last, where known.
    pub updated_by: Option<String>,
}

impl Agent {
    /// What follows a failed call.
    pub fn retry_policy(&self) -> &RetryPolicy {
        self.retry_strategy.as_ref().unwrap_or(&self.retry)
    }

    /// The breaker's settings, if it is to act.
    pub fn breaker(&self) -> Option<&CircuitBreakerConfig> {
        self.circuit_breaker.as_ref().filter(|config| config.enabled)
    }

    /// Whether anything but its status can keep a call from it.
    pub fn is_guarded(&self) -> bool {
        self.max_concurrent_calls.is_some() || self.breaker().is_some()
    }
}

/// What a list of agents is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentSort {
    /// By name, in the order of code points.
    #[default]
    Name,
    /// When they were registered.
    CreatedAt,
    /// When they changed last.
    UpdatedAt,
}

impl Agent {
    /// Its place in a list.
    pub fn cursor(&self, sort: AgentSort) -> Cursor {
        match sort {
            AgentSort::Name => Cursor::new(self.name.as_str(), &self.id),
            AgentSort::CreatedAt => Cursor::new(self.created_at, &self.id),
            AgentSort::UpdatedAt => Cursor::new(self.updated_at, &self.id),
        }
    }
}

/// Which agents a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFilter {
    /// Only this name, exactly.
    pub name: Option<String>,
    /// Only names with this text in them, as [`has_part`] says.
    pub name_contains: Option<String>,
    /// Only this status; without it, deleted agents are left out unless a name is given.
    pub status: Option<AgentStatus>,
}

impl AgentFilter {
    /// Whether an agent belongs to the list. The one definition, which SQL adapters translate.
    pub fn matches(&self, agent: &Agent) -> bool {
        let named = self.name.as_ref().is_none_or(|name| agent.name.as_str() == name)
            && self.name_contains.as_ref().is_none_or(|part| has_part(agent.name.as_str(), part));
        let status = match self.status {
            Some(wanted) => agent.status == wanted,
            None => self.name.is_some() || agent.status != AgentStatus::Deleted,
        };
        named && status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_host_comes_back_with_a_slash() {
        assert_eq!(AgentUrl::parse("HTTP://Host:8080").map(|u| u.0), Ok("http://host:8080/".to_owned()));
        assert_eq!(AgentUrl::parse("http://h/a/B?c=D").map(|u| u.0), Ok("http://h/a/B?c=D".to_owned()));
        assert_eq!(AgentUrl::parse("http://[::1]:80/x").map(|u| u.0), Ok("http://[::1]:80/x".to_owned()));
        assert_eq!(AgentUrl::parse("http://h?x").map(|u| u.0), Ok("http://h/?x".to_owned()));
    }

    #[test]
    fn the_host_of_a_url_is_told_apart_from_its_port_and_path() {
        for (url, host) in [
            ("http://h", "h"),
            ("http://h:80/a:b", "h"),
            ("http://[::1]:80/", "[::1]"),
            ("http://[::1]/", "[::1]"),
            ("http://h?x:1", "h"),
        ] {
            assert_eq!(AgentUrl::parse(url).map(|url| url.host().to_owned()), Ok(host.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        for bad in [
            "",
            "host",
            "ftp://h",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:",
            "http://u:p@h/",
            "http://h /",
            "http://h/a b",
            "http://h/#f",
            "http://h/\nx",
            "http://a:b:c/",
        ] {
            assert_eq!(AgentUrl::parse(bad), Err(InvalidAgent::Url), "{bad}");
        }
        assert_eq!(AgentUrl::parse(&format!("http://h/{}", "x".repeat(512))), Err(InvalidAgent::Url));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert!(!format!("{:?}", AgentAuth::Bearer(Some(Secret::new("hunter2")))).contains("hunter2"));
    }

    use super::super::Secret;

    proptest::proptest! {
        #[test]
        fn any_text_is_either_refused_or_parses_to_itself(text in ".{0,60}") {
            if let Ok(url) = AgentUrl::parse(&text) {
                proptest::prop_assert_eq!(AgentUrl::parse(url.as_str()), Ok(url));
            }
        }
    }
}
