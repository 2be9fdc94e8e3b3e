//! What is asked about webhooks.

use std::{collections::BTreeSet, time::Duration};

use application::webhooks::WebhookSettings;
use domain::{
    agents::Networks,
    ids::{DeliveryId, WebhookId},
    webhooks::{
        DeliveryFilter, DeliveryState, InvalidSecret, InvalidWebhook, MAX_WORKFLOWS, SigningSecret, WebhookName,
        WebhookUrl,
    },
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    access::check_names,
    cursor::Places,
    lists::{self, ListQuery, Which},
    runs::RunStatusName,
};

/// Names one webhook.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct WebhookPath {
    /// The webhook's id.
    webhook_id: Uuid,
}

impl WebhookPath {
    pub(crate) fn id(&self) -> WebhookId {
        WebhookId::new(self.webhook_id)
    }
}

/// Names one delivery of a webhook.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct DeliveryPath {
    /// The webhook's id.
    webhook_id: Uuid,
    /// The delivery's id.
    delivery_id: Uuid,
}

impl DeliveryPath {
    pub(crate) fn webhook(&self) -> WebhookId {
        WebhookId::new(self.webhook_id)
    }

    pub(crate) fn delivery(&self) -> DeliveryId {
        DeliveryId::new(self.delivery_id)
    }
}

/// Which page of webhooks is wanted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookQuery {
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

impl Validate for WebhookQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for WebhookQuery {
    const LIST: &'static str = "webhooks";

    fn places(&self) -> Places {
        Places::ByName
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// How a delivery is getting on.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum DeliveryStateName {
    Pending,
    Delivered,
    Failed,
}

impl From<DeliveryStateName> for DeliveryState {
    fn from(name: DeliveryStateName) -> Self {
        match name {
            DeliveryStateName::Pending => Self::Pending,
            DeliveryStateName::Delivered => Self::Delivered,
            DeliveryStateName::Failed => Self::Failed,
        }
    }
}

impl From<DeliveryState> for DeliveryStateName {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Failed => Self::Failed,
        }
    }
}

/// Which deliveries are listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// Only those in this state.
    state: Option<DeliveryStateName>,
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

impl DeliveryQuery {
    pub(crate) fn filter(&self) -> DeliveryFilter {
        DeliveryFilter { state: self.state.map(Into::into) }
    }
}

impl Validate for DeliveryQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for DeliveryQuery {
    const LIST: &'static str = "webhook deliveries";

    fn places(&self) -> Places {
        Places::ByTime
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// A new webhook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// What it is called; unique.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Where messages are sent: an absolute `http` or `https` URL without credentials.
    #[schemars(length(min = 1, max = 512))]
    url: String,
    /// What it is for.
    #[schemars(length(max = 2000))]
    description: Option<String>,
    /// The statuses of runs that are told; without them, all.
    #[serde(default)]
    #[schemars(length(max = 5))]
    statuses: Vec<RunStatusName>,
    /// The workflows whose runs are told of, each by its name or id; without them, all.
    #[serde(default)]
    #[schemars(length(max = 100))]
    workflows: BTreeSet<String>,
    /// The secret that messages are signed with: `whsec_` and the base64 of 24 to 64 bytes. Without one, the server makes it.
    #[schemars(length(max = 100), extend("writeOnly" = true))]
    secret: Option<String>,
}

const _: () = assert!(MAX_WORKFLOWS == 100, "the schema says so");

/// All that can be said about a webhook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateWebhook {
    /// What it is called; unique.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Where messages are sent: an absolute `http` or `https` URL without credentials.
    #[schemars(length(min = 1, max = 512))]
    url: String,
    /// What it is for.
    #[schemars(length(max = 2000))]
    description: Option<String>,
    /// The statuses of runs that are told; without them, all.
    #[serde(default)]
    #[schemars(length(max = 5))]
    statuses: Vec<RunStatusName>,
    /// The workflows whose runs are told of, each by its name or id; without them, all.
    #[serde(default)]
    #[schemars(length(max = 100))]
    workflows: BTreeSet<String>,
}

/// What can be told of a webhook by looking at it.
fn check(name: &str, url: &str, workflows: &BTreeSet<String>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if let Err(invalid) = WebhookName::parse(name) {
        report.append(parent().join("name"), garde::Error::new(invalid.to_string()));
    }
    match WebhookUrl::parse(url) {
        // What is never called is refused together with all other mistakes; the networks of this server are asked later.
        Ok(url) => {
            if let Err(refused) = Networks::default().check_host(url.host()) {
                report.append(parent().join("url"), garde::Error::new(refused.to_string()));
            }
        }
        Err(invalid) => report.append(parent().join("url"), garde::Error::new(invalid.to_string())),
    }
    check_names("workflows", Some(workflows), parent, report);
}

fn check_secret(secret: Option<&str>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if let Some(Err(invalid)) = secret.map(SigningSecret::parse) {
        report.append(parent().join("secret"), garde::Error::new(invalid.to_string()));
    }
}

impl Validate for CreateWebhook {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check(&self.name, &self.url, &self.workflows, parent, report);
        check_secret(self.secret.as_deref(), parent, report);
    }
}

impl Validate for UpdateWebhook {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check(&self.name, &self.url, &self.workflows, parent, report);
    }
}

impl CreateWebhook {
    /// The secret, if one is given. Fails only where [`Validate`] would have.
    pub(crate) fn secret(&self) -> Result<Option<SigningSecret>, InvalidSecret> {
        self.secret.as_deref().map(SigningSecret::parse).transpose()
    }

    /// The webhook that is to be made. Fails only where [`Validate`] would have.
    pub(crate) fn settings(self) -> Result<WebhookSettings, InvalidWebhook> {
        let Self { name, url, description, statuses, workflows, .. } = self;
        UpdateWebhook { name, url, description, statuses, workflows }.settings()
    }
}

impl UpdateWebhook {
    /// What it is to be. Fails only where [`Validate`] would have.
    pub(crate) fn settings(self) -> Result<WebhookSettings, InvalidWebhook> {
        Ok(WebhookSettings {
            name: WebhookName::parse(&self.name)?,
            url: WebhookUrl::parse(&self.url)?,
            description: self.description,
            statuses: self.statuses.into_iter().map(Into::into).collect(),
            workflows: self.workflows,
        })
    }
}

/// How a webhook is given a new secret.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// The new secret: `whsec_` and the base64 of 24 to 64 bytes. Without one, the server makes it.
    #[schemars(length(max = 100), extend("writeOnly" = true))]
    secret: Option<String>,
    /// For how many seconds messages are signed with the secret before, too; a day if nothing is said, up to a week.
    #[schemars(range(max = 604_800))]
    grace_seconds: Option<u64>,
}

impl Validate for RotateSecret {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_secret(self.secret.as_deref(), parent, report);
    }
}

impl RotateSecret {
    /// The secret, if one is given. Fails only where [`Validate`] would have.
    pub(crate) fn secret(&self) -> Result<Option<SigningSecret>, InvalidSecret> {
        self.secret.as_deref().map(SigningSecret::parse).transpose()
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace_seconds.map_or(Duration::from_hours(24), Duration::from_secs)
    }
}

impl crate::api::Checked for WebhookPath {}
impl crate::api::Checked for DeliveryPath {}
impl crate::api::Checked for WebhookQuery {}
impl crate::api::Checked for DeliveryQuery {}
impl crate::api::Checked for CreateWebhook {}
impl crate::api::Checked for UpdateWebhook {}
impl crate::api::Checked for RotateSecret {}
