//! The webhook entity and the values it is made of.

use std::{collections::BTreeSet, fmt};

use super::{PreviousSecret, SigningSecret};
use crate::{
    Timestamp,
    agents::AgentUrl,
    ids::WebhookId,
    page::Cursor,
    runs::{RunChange, RunStatus},
};

/// The most workflows that a webhook may name.
pub const MAX_WORKFLOWS: usize = 100;

/// Why a value does not describe a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// The name is empty, too long, or not clean.
    #[error("must have 1 to 100 characters, none of them a control character or white space at an end")]
    Name,
    /// The URL is not one that can be called.
    #[error(
        "must be an absolute http or https URL with a host, of at most 512 characters, without credentials or a fragment"
    )]
    Url,
}

/// What people call a webhook; unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookName(String);

impl WebhookName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhook> {
        let sound =
            (1..=100).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control);
        if sound { Ok(Self(text.to_owned())) } else { Err(InvalidWebhook::Name) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where messages are sent, by the rules for the URLs of agents: whether the host may be called is for whoever connects to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(AgentUrl);

impl WebhookUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhook> {
        AgentUrl::parse(text).map(Self).map_err(|_| InvalidWebhook::Url)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name, or an address.
    pub fn host(&self) -> &str {
        self.0.host()
    }
}

/// Why nothing is sent to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledWhy {
    /// Somebody said so.
    Asked,
    /// No message has arrived for long.
    Failing,
    /// The receiver answered 410 Gone.
    Gone,
}

impl DisabledWhy {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    /// Reads [`DisabledWhy::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Asked, Self::Failing, Self::Gone].into_iter().find(|why| why.as_str() == text)
    }
}

/// Somebody elsewhere who is told what becomes of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its name.
    pub name: WebhookName,
    /// Where messages are sent.
    pub url: WebhookUrl,
    /// What it is for.
    pub description: Option<String>,
    /// The statuses that are told; empty for all.
    pub statuses: BTreeSet<RunStatus>,
    /// The workflows whose runs are told of, each by name or id; empty for all.
    pub workflows: BTreeSet<String>,
    /// What messages are signed with.
    pub secret: SigningSecret,
    /// What they are signed with too, for a while after the secret was replaced.
    pub previous: Option<PreviousSecret>,
    /// Why nothing is sent and nothing new is told, and since when.
    pub disabled: Option<(DisabledWhy, Timestamp)>,
    /// From when on it is told: since it was made, or enabled last.
    pub since: Timestamp,
    /// Since when every attempt has failed. Not part of a revision: attempts write it.
    pub failing_since: Option<Timestamp>,
    /// Rises with each change.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// Its place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.name.as_str(), &self.id)
    }

    /// What its secrets are sealed for.
    pub fn context(id: WebhookId) -> String {
        format!("webhook:{id}")
    }

    /// Whether it is told of a change.
    pub fn wants(&self, change: &RunChange) -> bool {
        self.disabled.is_none()
            && self.since <= change.at
            && (self.statuses.is_empty() || self.statuses.contains(&change.status))
            && (self.workflows.is_empty()
                || self.workflows.contains(&change.workflow_name)
                || self.workflows.contains(change.workflow.as_str()))
    }

    /// What a message is signed with at a time, the current secret first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        std::iter::once(&self.secret).chain(previous.map(|previous| &previous.secret))
    }
}
