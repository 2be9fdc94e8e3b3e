//! The settings of an agent as they are sent: credentials, retries, circuit breaker.

use actix_web::http::header::{HeaderName, HeaderValue};
use application::agents::{AuthKind, Credentials};
use domain::agents::{
    AgentAuth, ApiKey, CircuitBreakerConfig, InvalidAgent, InvalidCallLimit, InvalidRetryPolicy, OnOpen, RetryPolicy,
    Secret,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Reports what is wrong with a member.
pub(super) type Say<'a> = &'a mut dyn FnMut(&[&'static str], &str);

/// The domain refused what the check of the request let through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSettings {
    #[error(transparent)]
    Agent(#[from] InvalidAgent),
    #[error(transparent)]
    Retry(#[from] InvalidRetryPolicy),
    #[error(transparent)]
    Limit(#[from] InvalidCallLimit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
pub(super) enum AuthType {
    None,
    Bearer,
    Apikey,
}

impl AuthType {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::Apikey => "apikey",
        }
    }
}

impl From<AuthType> for AuthKind {
    fn from(kind: AuthType) -> Self {
        match kind {
            AuthType::None => Self::None,
            AuthType::Bearer => Self::Bearer,
            AuthType::Apikey => Self::ApiKey,
        }
    }
}

/// Credentials. An empty text is the same as none.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AuthSettings")]
pub(super) struct AuthConfig {
    /// The kind of the credentials; the same as `auth_type`.
    pub(super) r#type: Option<AuthType>,
    /// The token of `bearer`. Never returned.
    #[schemars(extend("writeOnly" = true))]
    token: Option<String>,
    /// The key of `apikey`. Never returned.
    #[schemars(extend("writeOnly" = true))]
    key: Option<String>,
    /// The header that carries the key of `apikey`.
    #[schemars(length(max = 255))]
    header_name: Option<String>,
    /// Accepted because it is returned, and ignored.
    #[expect(dead_code, reason = "accepted and ignored, see above")]
    configured: Option<bool>,
}

impl std::fmt::Debug for AuthConfig {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig").field("type", &self.r#type).finish_non_exhaustive()
    }
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

impl AuthConfig {
    /// What can be said without knowing what is stored.
    pub(super) fn check(&self, auth_type: Option<AuthType>, say: Say<'_>) {
        if let (Some(outer), Some(inner)) = (auth_type, self.r#type)
            && outer != inner
        {
            say(&["auth_config", "type"], "must be the same as auth_type");
        }
        let unsendable = "contains characters that no HTTP header can carry";
        if given(self.token.as_ref()).is_some_and(|token| HeaderValue::from_str(token).is_err()) {
            say(&["auth_config", "token"], unsendable);
        }
        if given(self.key.as_ref()).is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            say(&["auth_config", "key"], unsendable);
        }
        if given(self.header_name.as_ref()).is_some_and(|name| name.parse::<HeaderName>().is_err()) {
            say(&["auth_config", "header_name"], "must be the name of an HTTP header, like X-API-Key");
        }
    }

    /// Whether everything is there that a new agent needs, and nothing else (contract 1.6).
    pub(super) fn check_complete(&self, kind: AuthType, say: Say<'_>) {
        if kind == AuthType::None {
            say(&["auth_config"], "must be null or absent for auth_type 'none'");
            return;
        }
        let wanted: &[&str] = if kind == AuthType::Bearer { &["token"] } else { &["key", "header_name"] };
        let members = [("token", &self.token), ("key", &self.key), ("header_name", &self.header_name)];
        for (name, value) in members {
            match (wanted.contains(&name), given(value.as_ref())) {
                (true, None) => say(&["auth_config", name], &format!("is required for auth_type '{}'", kind.as_str())),
                (false, Some(_)) => {
                    say(&["auth_config", name], &format!("does not apply to auth_type '{}'", kind.as_str()));
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }

    /// The authentication of a new agent.
    pub(super) fn auth(self, auth_type: Option<AuthType>) -> AgentAuth {
        let kind = auth_type.or(self.r#type).unwrap_or(AuthType::None);
        let Credentials { token, key, header } = self.credentials();
        match kind {
            AuthType::None => AgentAuth::None,
            AuthType::Bearer => AgentAuth::Bearer(token),
            AuthType::Apikey => AgentAuth::ApiKey(key.zip(header).map(|(key, header)| ApiKey { header, key })),
        }
    }

    /// The credentials that were sent.
    pub(super) fn credentials(self) -> Credentials {
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        Credentials {
            token: text(self.token).map(Secret::new),
            key: text(self.key).map(Secret::new),
            header: text(self.header_name),
        }
    }
}

/// How failed calls are tried again.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetrySettings {
    /// How many attempts a call gets; 0 means one, too.
    #[schemars(range(min = 0, max = 10))]
    max_retries: u32,
    /// The wait after the first failure, in milliseconds.
    #[schemars(range(min = 100, max = 86_400_000))]
    initial_delay_ms: u64,
    /// The longest wait, in milliseconds; not below the first one.
    #[schemars(range(min = 1000, max = 86_400_000))]
    max_delay_ms: u64,
    /// The factor between two waits.
    #[schemars(range(min = 1.0))]
    backoff_multiplier: f64,
}

impl Serialize for RetrySettings {
    /// Only for the defaults that the schema shows.
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let policy = self.policy().map_err(serde::ser::Error::custom)?;
        super::agents::RetryConfigView::from(policy).serialize(to)
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        let policy = RetryPolicy::default();
        Self {
            max_retries: policy.max_retries(),
            initial_delay_ms: policy.initial_delay_ms(),
            max_delay_ms: policy.max_delay_ms(),
            backoff_multiplier: policy.multiplier(),
        }
    }
}

impl RetrySettings {
    pub(super) fn check(&self, say: Say<'_>) {
        if self.max_delay_ms < self.initial_delay_ms {
            say(&["retry_config", "max_delay_ms"], "must not be below initial_delay_ms");
        }
    }

    pub(super) fn policy(self) -> Result<RetryPolicy, InvalidRetryPolicy> {
        RetryPolicy::new(self.max_retries, self.initial_delay_ms, self.max_delay_ms, self.backoff_multiplier)
    }
}

/// What follows a failed call, in more words than `retry_config`, in whose place it counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct StrategySettings(#[schemars(with = "StrategyMembers")] Value);

/// For the schema alone: the domain reads a strategy.
#[derive(JsonSchema)]
#[schemars(rename = "RetryStrategy", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct StrategyMembers {
    /// How waits grow.
    #[schemars(extend("enum" = ["exponential_backoff", "linear_backoff", "fixed_delay", "immediate"]))]
    r#type: Option<String>,
    /// How many attempts a call gets; 0 means one, too.
    #[schemars(range(min = 0, max = 100))]
    max_retries: Option<u32>,
    /// The wait after the first failure, in milliseconds.
    #[schemars(range(min = 0, max = 86_400_000))]
    initial_delay_ms: Option<u64>,
    /// The longest wait, in milliseconds; not below the first one.
    #[schemars(range(min = 0, max = 86_400_000))]
    max_delay_ms: Option<u64>,
    /// The factor between two waits of `exponential_backoff`.
    #[schemars(range(min = 1.0, max = 1_000_000.0))]
    backoff_multiplier: Option<f64>,
    /// Whether waits are a tenth longer or shorter, by chance that is the same for the same attempt.
    jitter: Option<bool>,
    /// The kinds of failures that are tried again, HTTP statuses aside; all if absent.
    #[schemars(extend("items" = {"type": "string", "enum": ["TimeoutError", "ConnectionError", "HTTPError", "ProtocolError",
        "JSONRPCError", "TaskError", "ValidationError", "AgentError", "CircuitBreakerError"]}))]
    retry_on_errors: Option<Vec<String>>,
    /// The HTTP statuses that are tried again; all if absent.
    #[schemars(extend("items" = {"type": "integer", "minimum": 100, "maximum": 599}))]
    retry_on_status_codes: Option<Vec<u16>>,
    /// What follows a call of which nobody knows whether the agent did the work: the same call again, the end of the step, or a
    /// pause of the run until a person decides.
    #[schemars(extend("enum" = ["retry", "fail", "park"]))]
    on_unknown_outcome: Option<String>,
}

impl StrategySettings {
    pub(super) fn check(&self, report: &mut dyn FnMut(Option<&str>, &str)) {
        for mistake in RetryPolicy::parse_strategy(&self.0).err().unwrap_or_default() {
            report(mistake.member.as_deref(), &mistake.message);
        }
    }

    /// The policy; `None` only where the check finds something.
    pub(super) fn policy(&self) -> Option<RetryPolicy> {
        RetryPolicy::parse_strategy(&self.0).ok()
    }
}

/// When calls to the agent are suspended.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CircuitBreakerSettings {
    /// Whether the breaker acts at all.
    enabled: bool,
    /// Failures in a row that open it.
    #[schemars(range(min = 1, max = 1_000_000))]
    failure_threshold: u32,
    /// Share of failures that opens it.
    #[schemars(range(min = 0.0, max = 1.0))]
    failure_rate_threshold: f64,
    /// Seconds it stays open.
    #[schemars(range(min = 1, max = 1_000_000))]
    timeout_seconds: u32,
    /// Trial calls while half open.
    #[schemars(range(min = 1, max = 1_000_000))]
    half_open_max_calls: u32,
    /// Seconds of history that count.
    #[schemars(range(min = 1, max = 1_000_000))]
    window_size_seconds: u32,
    /// What becomes of calls while it is open: they `fail`, and their steps go on as after any failed attempt, or they
    /// `wait` until they are let through.
    on_open: OnOpenName,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
enum OnOpenName {
    #[default]
    Fail,
    Wait,
}

impl From<OnOpenName> for OnOpen {
    fn from(name: OnOpenName) -> Self {
        match name {
            OnOpenName::Fail => Self::Fail,
            OnOpenName::Wait => Self::Wait,
        }
    }
}

impl Default for CircuitBreakerSettings {
    /// Contract 7.1.
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: 5,
            failure_rate_threshold: 0.5,
            timeout_seconds: 60,
            half_open_max_calls: 3,
            window_size_seconds: 120,
            on_open: OnOpenName::Fail,
        }
    }
}

impl From<CircuitBreakerSettings> for CircuitBreakerConfig {
    fn from(settings: CircuitBreakerSettings) -> Self {
        Self {
            enabled: settings.enabled,
            failure_threshold: settings.failure_threshold,
            failure_rate_threshold: settings.failure_rate_threshold,
            timeout_seconds: settings.timeout_seconds,
            half_open_max_calls: settings.half_open_max_calls,
            window_size_seconds: settings.window_size_seconds,
            on_open: settings.on_open.into(),
        }
    }
}
