//! What is said about agents. Limits that a schema can say stand in the schema; the others in `Validate`.

use std::time::Duration;

use application::{
    access::Named,
    agents::{AgentChanges, AuthChange, NewAgent},
};
use domain::agents::{AgentFilter, AgentName, AgentSchemas, AgentSort, AgentStatus, AgentUrl, CallLimit, Networks};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    agent_settings::{
        AuthConfig, AuthType, CircuitBreakerSettings, InvalidSettings, RetrySettings, Say, StrategySettings,
    },
    cursor::Places,
    lists::{self, Direction, ListQuery, Which},
    present,
};

/// Names one agent.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct AgentPath {
    /// The agent's id.
    pub(crate) agent_id: Uuid,
}

/// Which agents are listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentQuery {
    /// Only the agent with exactly this name, whatever its status; the answer has 0 or 1 items.
    name: Option<String>,
    /// Only names with this text in them; A to Z are the same in either case.
    #[schemars(length(min = 1, max = 255))]
    name_contains: Option<String>,
    /// Only this status. Without it, and without a name, deleted agents are left out.
    status: Option<AgentStatusName>,
    /// What the list is sorted by.
    #[serde(default)]
    pub(crate) sort_by: AgentSortName,
    /// The direction of the sorting.
    #[serde(default = "lists::ascending")]
    pub(crate) sort_order: Direction,
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
}

impl Validate for AgentQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for AgentQuery {
    const LIST: &'static str = "agents";

    fn places(&self) -> Places {
        match self.sort_by {
            AgentSortName::Name => Places::ByName,
            AgentSortName::CreatedAt | AgentSortName::UpdatedAt => Places::ByTime,
        }
    }

    /// A name finds one agent, so there is one page (contract 1.6).
    fn which(&self) -> Which<'_> {
        let page_size = if self.name.is_some() { 1 } else { self.page_size };
        let page = if self.name.is_some() { self.page.and(Some(1)) } else { self.page };
        Which { cursor: self.cursor.as_deref(), page, page_size }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum AgentSortName {
    #[default]
    Name,
    CreatedAt,
    UpdatedAt,
}

impl From<AgentSortName> for AgentSort {
    fn from(name: AgentSortName) -> Self {
        match name {
            AgentSortName::Name => Self::Name,
            AgentSortName::CreatedAt => Self::CreatedAt,
            AgentSortName::UpdatedAt => Self::UpdatedAt,
        }
    }
}

impl AgentQuery {
    pub(crate) fn filter(&self) -> AgentFilter {
        AgentFilter {
            name: self.name.clone(),
            name_contains: self.name_contains.clone(),
            status: self.status.map(Into::into),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
enum AgentStatusName {
    Active,
    Inactive,
    Deleted,
}

impl From<AgentStatusName> for AgentStatus {
    fn from(name: AgentStatusName) -> Self {
        match name {
            AgentStatusName::Active => Self::Active,
            AgentStatusName::Inactive => Self::Inactive,
            AgentStatusName::Deleted => Self::Deleted,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
enum EditableStatus {
    Active,
    Inactive,
}

impl From<EditableStatus> for AgentStatus {
    fn from(status: EditableStatus) -> Self {
        match status {
            EditableStatus::Active => Self::Active,
            EditableStatus::Inactive => Self::Inactive,
        }
    }
}

/// An agent to be registered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAgent {
    /// Unique over all agents, deleted ones included. Workflow documents refer to it.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Where the agent is called: an absolute http or https URL.
    #[schemars(length(min = 1, max = 512))]
    url: String,
    /// What the agent does, for people.
    description: Option<String>,
    /// How calls authenticate; without it, what `auth_config` says, or `none`.
    #[schemars(with = "AuthType")]
    #[serde(default)]
    auth_type: Option<AuthType>,
    /// The credentials: `token` for `bearer`, `key` and `header_name` for `apikey`, nothing for `none`.
    auth_config: Option<AuthConfig>,
    /// The time a call may take, in milliseconds.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1000, max = 300_000))]
    timeout_ms: u64,
    /// How failed calls are tried again.
    retry_config: Option<RetrySettings>,
    /// The same in more words; it counts in place of `retry_config`.
    retry_strategy: Option<StrategySettings>,
    /// When calls are suspended; without it they never are.
    circuit_breaker_config: Option<CircuitBreakerSettings>,
    /// The most calls of all executors together that the agent gets at once; without it there is no limit.
    #[schemars(range(min = 1, max = 10_000))]
    max_concurrent_calls: Option<u32>,
    /// What is sent to the agent must fit this JSON Schema (2020-12); else it is not called.
    input_schema: Option<Map<String, Value>>,
    /// What the agent answers must fit this JSON Schema (2020-12); else the call has failed.
    output_schema: Option<Map<String, Value>>,
}

fn default_timeout() -> u64 {
    30_000
}

/// What is to change about an agent; members that are left out stay as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent keeps, null clears, a value replaces")]
pub(crate) struct UpdateAgent {
    /// Accepted because old clients send back what they read, and ignored: an agent keeps its name.
    #[expect(dead_code, reason = "accepted and ignored, see above")]
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
    /// Where the agent is called.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 512))]
    url: Option<String>,
    /// What the agent does; null clears it.
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    /// How calls authenticate.
    #[serde(default)]
    #[schemars(with = "AuthType")]
    auth_type: Option<AuthType>,
    /// The credentials. Those that are left out or empty are kept as long as the kind stays, so that what was read, which
    /// holds no secrets, can be sent back; null removes them.
    #[serde(default, deserialize_with = "present")]
    auth_config: Option<Option<AuthConfig>>,
    /// The time a call may take, in milliseconds.
    #[serde(default)]
    #[schemars(with = "u64", range(min = 1000, max = 300_000))]
    timeout_ms: Option<u64>,
    /// How failed calls are tried again; replaced as a whole, members that are left out get their defaults.
    #[serde(default)]
    #[schemars(with = "RetrySettings")]
    retry_config: Option<RetrySettings>,
    /// The same in more words; it counts in place of `retry_config`. Replaced as a whole, null clears it.
    #[serde(default, deserialize_with = "present")]
    retry_strategy: Option<Option<StrategySettings>>,
    /// When calls are suspended; replaced as a whole, null clears it.
    #[serde(default, deserialize_with = "present")]
    circuit_breaker_config: Option<Option<CircuitBreakerSettings>>,
    /// The most calls that the agent gets at once; null removes the limit.
    #[serde(default, deserialize_with = "present")]
    #[schemars(range(min = 1, max = 10_000))]
    max_concurrent_calls: Option<Option<u32>>,
    /// What is sent to the agent must fit this JSON Schema (2020-12); null clears it.
    #[serde(default, deserialize_with = "present")]
    input_schema: Option<Option<Map<String, Value>>>,
    /// What the agent answers must fit this JSON Schema (2020-12); null clears it.
    #[serde(default, deserialize_with = "present")]
    output_schema: Option<Option<Map<String, Value>>>,
    /// Whether the agent may be used.
    #[serde(default)]
    #[schemars(with = "EditableStatus")]
    status: Option<EditableStatus>,
}

const UNNAMEABLE: &str = "must not be blank and must not contain control characters";

impl Validate for CreateAgent {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let mut say = |at: &[&'static str], what: &str| {
            report.append(at.iter().fold(parent(), |path, member| path.join(*member)), garde::Error::new(what));
        };
        if AgentName::parse(&self.name).is_err() {
            say(&["name"], UNNAMEABLE);
        }
        check_url(&self.url, &mut say);
        if let Some(retry) = &self.retry_config {
            retry.check(&mut say);
        }
        check_strategy(self.retry_strategy.as_ref(), parent, report);
        let mut say = |at: &[&'static str], what: &str| {
            report.append(at.iter().fold(parent(), |path, member| path.join(*member)), garde::Error::new(what));
        };
        let kind = self.auth_type.or(self.auth_config.as_ref().and_then(|config| config.r#type));
        if let Some(config) = &self.auth_config {
            config.check(self.auth_type, &mut say);
            config.check_complete(kind.unwrap_or(AuthType::None), &mut say);
        }
    }
}

impl Validate for UpdateAgent {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let mut say = |at: &[&'static str], what: &str| {
            report.append(at.iter().fold(parent(), |path, member| path.join(*member)), garde::Error::new(what));
        };
        if let Some(url) = &self.url {
            check_url(url, &mut say);
        }
        if let Some(retry) = &self.retry_config {
            retry.check(&mut say);
        }
        if let Some(Some(config)) = &self.auth_config {
            config.check(self.auth_type, &mut say);
        }
        check_strategy(self.retry_strategy.as_ref().and_then(Option::as_ref), parent, report);
    }
}

fn check_strategy(strategy: Option<&StrategySettings>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    let Some(strategy) = strategy else { return };
    strategy.check(&mut |member, what| {
        let path = parent().join("retry_strategy");
        report.append(member.map_or(path.clone(), |member| path.join(member)), garde::Error::new(what));
    });
}

fn check_url(url: &str, say: Say<'_>) {
    match AgentUrl::parse(url) {
        // What no configuration lets through; the rest is for the use case, which knows it.
        Ok(url) => {
            if let Err(refused) = Networks::default().check_host(url.host()) {
                say(&["url"], &refused.to_string());
            }
        }
        Err(_) => say(
            &["url"],
            "must be an absolute http or https URL with a host, of at most 512 characters, without credentials or a fragment",
        ),
    }
}

impl CreateAgent {
    /// The agent that is to be registered. Fails only where [`Validate`] would have.
    pub(crate) fn command(self) -> Result<NewAgent, InvalidSettings> {
        let config = self.auth_config.unwrap_or_default();
        Ok(NewAgent {
            name: AgentName::parse(&self.name)?,
            url: AgentUrl::parse(&self.url)?,
            description: self.description,
            auth: config.auth(self.auth_type),
            timeout: Duration::from_millis(self.timeout_ms),
            retry: self.retry_config.unwrap_or_default().policy()?,
            retry_strategy: self.retry_strategy.as_ref().and_then(StrategySettings::policy),
            circuit_breaker: self.circuit_breaker_config.map(Into::into),
            max_concurrent_calls: self.max_concurrent_calls.map(CallLimit::parse).transpose()?,
            schemas: AgentSchemas {
                input: self.input_schema.map(Value::Object),
                output: self.output_schema.map(Value::Object),
            },
        })
    }
}

impl UpdateAgent {
    /// The changes to be made. Fails only where [`Validate`] would have.
    pub(crate) fn command(self) -> Result<AgentChanges, InvalidSettings> {
        let kind = self.auth_type.or(self.auth_config.as_ref().and_then(|config| config.as_ref()?.r#type));
        Ok(AgentChanges {
            url: self.url.as_deref().map(AgentUrl::parse).transpose()?,
            description: self.description,
            auth: AuthChange {
                kind: kind.map(Into::into),
                credentials: self.auth_config.map(|config| config.map(AuthConfig::credentials)),
            },
            timeout: self.timeout_ms.map(Duration::from_millis),
            retry: self.retry_config.map(RetrySettings::policy).transpose()?,
            retry_strategy: self.retry_strategy.map(|strategy| strategy.as_ref().and_then(StrategySettings::policy)),
            circuit_breaker: self.circuit_breaker_config.map(|config| config.map(Into::into)),
            max_concurrent_calls: match self.max_concurrent_calls {
                Some(limit) => Some(limit.map(CallLimit::parse).transpose()?),
                None => None,
            },
            input_schema: self.input_schema.map(|schema| schema.map(Value::Object)),
            output_schema: self.output_schema.map(|schema| schema.map(Value::Object)),
            status: self.status.map(Into::into),
        })
    }
}

/// What is said about members that stand alone, where the whole cannot be read.
fn member_rules(value: &Value, is_new: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut say = |at: &[&'static str], what: &str| found.push((format!("/{}", at.join("/")), what.to_owned()));
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if is_new && text("name").is_some_and(|name| AgentName::parse(name).is_err()) {
        say(&["name"], UNNAMEABLE);
    }
    if let Some(url) = text("url") {
        check_url(url, &mut say);
    }
    if let Some(retry) = value.get("retry_config").and_then(|retry| RetrySettings::deserialize(retry).ok()) {
        retry.check(&mut say);
    }
    let strategy = value.get("retry_strategy").filter(|strategy| strategy.is_object());
    if let Some(strategy) = strategy.and_then(|strategy| StrategySettings::deserialize(strategy).ok()) {
        strategy.check(&mut |member, what| {
            let member = member.map(|member| format!("/{member}")).unwrap_or_default();
            found.push((format!("/retry_strategy{member}"), what.to_owned()));
        });
    }
    found
}

impl crate::api::Checked for CreateAgent {
    fn names(&self) -> Vec<Named> {
        vec![Named::AgentName(self.name.clone())]
    }

    fn member_rules(value: &Value) -> Vec<(String, String)> {
        member_rules(value, true)
    }
}

impl crate::api::Checked for UpdateAgent {
    fn member_rules(value: &Value) -> Vec<(String, String)> {
        member_rules(value, false)
    }
}
impl crate::api::Checked for AgentPath {}
impl crate::api::Checked for AgentQuery {}
