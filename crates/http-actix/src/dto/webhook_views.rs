//! What is answered about webhooks.

use application::webhooks::WebhookTested;
use domain::webhooks::{Attempt, Delivery, DisabledWhy, Webhook};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{Stamp, runs::RunStatusName, webhooks::DeliveryStateName};

/// Why nothing is sent to a webhook.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum DisabledName {
    Asked,
    Failing,
    Gone,
}

impl From<DisabledWhy> for DisabledName {
    fn from(why: DisabledWhy) -> Self {
        match why {
            DisabledWhy::Asked => Self::Asked,
            DisabledWhy::Failing => Self::Failing,
            DisabledWhy::Gone => Self::Gone,
        }
    }
}

/// A webhook, without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(crate) struct WebhookView {
    id: Uuid,
    name: String,
    /// Where messages are sent.
    url: String,
    description: Option<String>,
    /// The statuses of runs that are told; empty for all.
    statuses: Vec<RunStatusName>,
    /// The workflows whose runs are told of, each by its name or id; empty for all.
    workflows: Vec<String>,
    /// Whether messages are sent to it.
    enabled: bool,
    /// Why not: somebody `asked` for it, nothing has arrived for long (`failing`), or the receiver answered 410 (`gone`).
    disabled_reason: Option<DisabledName>,
    /// Since when not.
    disabled_at: Option<Stamp>,
    /// Since when every attempt has failed; null where the last one has not.
    failing_since: Option<Stamp>,
    /// Until when messages are signed with the secret before the last rotation, too; null where there is none.
    previous_secret_until: Option<Stamp>,
    /// Rises with each change.
    revision: u64,
    created_at: Stamp,
    created_by: String,
    updated_at: Stamp,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.uuid(),
            name: webhook.name.as_str().to_owned(),
            url: webhook.url.as_str().to_owned(),
            description: webhook.description,
            statuses: webhook.statuses.into_iter().map(Into::into).collect(),
            workflows: webhook.workflows.into_iter().collect(),
            enabled: webhook.disabled.is_none(),
            disabled_reason: webhook.disabled.map(|(why, _)| why.into()),
            disabled_at: webhook.disabled.map(|(_, at)| Stamp(at)),
            failing_since: webhook.failing_since.map(Stamp),
            previous_secret_until: webhook.previous.map(|previous| Stamp(previous.until)),
            revision: webhook.revision,
            created_at: Stamp(webhook.created_at),
            created_by: webhook.created_by,
            updated_at: Stamp(webhook.updated_at),
        }
    }
}

/// A webhook with the secret that its messages are signed with.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IssuedWebhook")]
pub(crate) struct IssuedWebhookView {
    /// What the receiver verifies messages with. It is told this once.
    secret: String,
    /// What there is to know of it later.
    webhook: WebhookView,
}

impl From<Webhook> for IssuedWebhookView {
    fn from(webhook: Webhook) -> Self {
        Self { secret: webhook.secret.text().reveal().to_owned(), webhook: webhook.into() }
    }
}

/// An attempt to deliver a message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryAttempt")]
pub(crate) struct AttemptView {
    /// When it began.
    at: Stamp,
    /// How long it took.
    duration_ms: u64,
    /// The status of the receiver's answer; null where there was none.
    status: Option<u16>,
    /// Why it has failed; null where it has not.
    error: Option<String>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { at, duration_ms, status, error } = attempt;
        Self { at: Stamp(at), duration_ms, status, error }
    }
}

/// One message to one webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub(crate) struct DeliveryView {
    id: Uuid,
    /// The message's id, as the receiver gets it in `webhook-id`: the same for all attempts.
    message_id: String,
    /// The run that it tells of.
    run_id: String,
    /// The run's workflow, as it was addressed.
    workflow_id: String,
    workflow_name: String,
    /// The status that the run has come to.
    status: RunStatusName,
    /// When it came to it.
    status_at: Stamp,
    /// How the delivery is getting on.
    state: DeliveryStateName,
    /// How often it was attempted, since it was last asked for.
    attempts: u32,
    /// When it is attempted next; null once it has arrived or was given up.
    next_attempt_at: Option<Stamp>,
    created_at: Stamp,
    /// When it arrived or was given up.
    settled_at: Option<Stamp>,
    /// What came of the last attempts, at most twenty, the newest last.
    log: Vec<AttemptView>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.uuid(),
            message_id: delivery.id.message(),
            run_id: delivery.change.run.to_string(),
            workflow_id: delivery.change.workflow.to_string(),
            workflow_name: delivery.change.workflow_name,
            status: delivery.change.status.into(),
            status_at: Stamp(delivery.change.at),
            state: delivery.state.into(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.due_at.map(Stamp),
            created_at: Stamp(delivery.created_at),
            settled_at: delivery.settled_at.map(Stamp),
            log: delivery.log.into_iter().map(Into::into).collect(),
        }
    }
}

/// What came of a test.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookTested")]
pub(crate) struct TestedView {
    /// The message's id, as the receiver got it in `webhook-id`.
    message_id: String,
    /// Whether the message has arrived: whether the receiver answered with a status from 200 to 299.
    delivered: bool,
    /// When it was sent.
    at: Stamp,
    /// How long the receiver took.
    duration_ms: u64,
    /// The status of the receiver's answer; null where there was none.
    status: Option<u16>,
    /// Why it has failed; null where it has not.
    error: Option<String>,
}

impl From<WebhookTested> for TestedView {
    fn from(tested: WebhookTested) -> Self {
        let AttemptView { at, duration_ms, status, error } = tested.attempt.into();
        Self { message_id: tested.message, delivered: tested.answer.is_success(), at, duration_ms, status, error }
    }
}
