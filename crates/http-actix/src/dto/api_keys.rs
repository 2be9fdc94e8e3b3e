//! API keys.

use std::{collections::BTreeSet, time::Duration};

use application::access::{IssuedApiKey, NewApiKey};
use domain::{
    access::{AccountName, ApiKey, InvalidName, Scope},
    ids::ApiKeyId,
};
use garde::{Path, Report, Validate};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Stamp,
    access::{RoleName, ScopeView, check_names},
    cursor::Places,
    lists::{self, ListQuery, Which},
};
use crate::api::Moment;

/// Names one API key.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct ApiKeyPath {
    /// The key's id.
    key_id: Uuid,
}

impl ApiKeyPath {
    pub(crate) fn id(&self) -> ApiKeyId {
        ApiKeyId::new(self.key_id)
    }
}

/// Which page of the keys is wanted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyQuery {
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

impl Validate for ApiKeyQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for ApiKeyQuery {
    const LIST: &'static str = "API keys";

    fn places(&self) -> Places {
        Places::ByTime
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// A new API key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateApiKey {
    /// What it is called; unique among the keys that are not revoked.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// What it is trusted with: no more than the caller is.
    role: RoleName,
    /// Only these workflows, by name; without it, any.
    #[schemars(length(max = 1000))]
    workflows: Option<BTreeSet<String>>,
    /// Only these agents, by name; without it, any.
    #[schemars(length(max = 1000))]
    agents: Option<BTreeSet<String>>,
    /// Only from these networks, such as `10.0.0.0/8`; without it, from anywhere.
    #[serde(default)]
    #[schemars(length(max = 100))]
    networks: Vec<String>,
    /// Whether it is shown statuses and no data.
    #[serde(default)]
    hides_payloads: bool,
    /// When it ends; without it, never. A time without a zone is UTC.
    expires_at: Option<Moment>,
}

impl Validate for CreateApiKey {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Err(invalid) = AccountName::parse(&self.name) {
            report.append(parent().join("name"), garde::Error::new(invalid.to_string()));
        }
        check_names("workflows", self.workflows.as_ref(), parent, report);
        check_names("agents", self.agents.as_ref(), parent, report);
        for (index, network) in self.networks.iter().enumerate().filter(|(_, network)| net(network).is_none()) {
            let message = format!("'{}' is no network such as 10.0.0.0/8 or 2001:db8::/32", network.escape_debug());
            report.append(parent().join("networks").join(index), garde::Error::new(message));
        }
    }
}

/// A network, or a single address.
fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}

impl CreateApiKey {
    /// The key that is to be made. Fails only where [`Validate`] would have.
    pub(crate) fn command(self) -> Result<NewApiKey, InvalidName> {
        Ok(NewApiKey {
            name: AccountName::parse(&self.name)?,
            role: self.role.into(),
            scope: Scope { workflows: self.workflows, agents: self.agents },
            networks: self.networks.iter().filter_map(|network| net(network)).collect(),
            hides_payloads: self.hides_payloads,
            expires_at: self.expires_at.map(|at| at.0),
        })
    }
}

/// How a key is given a new secret.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct RotateApiKey {
    /// For how many seconds the secret before stays good; up to a week.
    #[serde(default)]
    #[schemars(range(max = 604_800))]
    grace_seconds: u64,
}

impl RotateApiKey {
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// An API key, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub(crate) struct ApiKeyView {
    id: Uuid,
    /// Unique among the keys that are not revoked.
    name: String,
    /// What it is trusted with.
    role: RoleName,
    /// What it is restricted to.
    scope: ScopeView,
    /// The only networks that it may be used from; empty for any.
    networks: Vec<String>,
    /// Whether it is shown statuses and no data.
    hides_payloads: bool,
    /// When it ends; null for never.
    expires_at: Option<Stamp>,
    /// When it was revoked; null if it was not.
    revoked_at: Option<Stamp>,
    /// Until when the secret before the last rotation is good; null where there is none.
    previous_secret_until: Option<Stamp>,
    /// When it was last used, to some seconds; null for never.
    last_used_at: Option<Stamp>,
    created_at: Stamp,
    created_by: String,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.uuid(),
            name: key.name.as_str().to_owned(),
            role: key.role.into(),
            scope: key.scope.into(),
            networks: key.networks.iter().map(ToString::to_string).collect(),
            hides_payloads: key.hides_payloads,
            expires_at: key.expires_at.map(Stamp),
            revoked_at: key.revoked_at.map(Stamp),
            previous_secret_until: key.previous.map(|previous| Stamp(previous.until)),
            last_used_at: key.last_used_at.map(Stamp),
            created_at: Stamp(key.created_at),
            created_by: key.created_by,
        }
    }
}

/// An API key with the text that its holder presents.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IssuedApiKey")]
pub(crate) struct IssuedApiKeyView {
    /// The whole key: present it in `X-API-Key`. It is told this once.
    api_key: String,
    /// What there is to know of it later.
    key: ApiKeyView,
}

impl From<IssuedApiKey> for IssuedApiKeyView {
    fn from(issued: IssuedApiKey) -> Self {
        Self { api_key: issued.text.reveal().to_owned(), key: issued.key.into() }
    }
}

impl crate::api::Checked for ApiKeyPath {}
impl crate::api::Checked for ApiKeyQuery {}
impl crate::api::Checked for CreateApiKey {}
impl crate::api::Checked for RotateApiKey {}
