//! What is sent, and what comes back.

use std::time::Duration;

use serde_json::json;

use crate::{
    Timestamp,
    ids::{DeliveryId, WebhookId},
    runs::{RunChange, RunStatus},
};

/// What is sent: the same bytes for all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookMessage {
    /// By which its receiver knows it again (`webhook-id`).
    pub id: String,
    /// The body.
    pub body: String,
}

impl WebhookMessage {
    /// A delivery's message. It says that something has happened, and holds no data of the run.
    pub fn of_change(id: DeliveryId, change: &RunChange) -> Self {
        let body = json!({
            "type": event_of(change.status),
            "timestamp": stamp(change.at),
            "data": {
                "run_id": change.run,
                "workflow_id": change.workflow,
                "workflow_name": change.workflow_name,
                "status": change.status.as_str(),
            },
        });
        Self { id: id.message(), body: body.to_string() }
    }

    /// The message of a test, which tells nothing.
    pub fn of_test(id: DeliveryId, webhook: WebhookId, at: Timestamp) -> Self {
        let body = json!({
            "type": "webhook.test",
            "timestamp": stamp(at),
            "data": {"webhook_id": webhook, "message": "This is a test; nothing has happened"},
        });
        Self { id: id.message(), body: body.to_string() }
    }
}

fn stamp(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// The type of the message that tells of a status.
fn event_of(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending => "run.pending",
        RunStatus::Running => "run.running",
        RunStatus::Completed => "run.completed",
        RunStatus::Failed => "run.failed",
        RunStatus::Cancelled => "run.cancelled",
    }
}

/// What came back for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer of HTTP.
    Status {
        /// Its status.
        status: u16,
        /// How long its sender asks not to be called, if it does.
        retry_after: Option<Duration>,
        /// The beginning of its body, for people.
        body: String,
    },
    /// None.
    Nothing(NotSent),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSent(pub String);

impl Answer {
    /// Whether the message has arrived: any status from 200 to 299 says so.
    pub fn is_success(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants no message ever again.
    pub fn is_gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// The status.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Nothing(_) => None,
        }
    }

    /// Why the message has not arrived.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Status { .. } if self.is_success() => None,
            Self::Status { status: status @ 300..400, .. } => {
                Some(format!("the receiver answered {status}; redirects are not followed"))
            }
            Self::Status { status, body, .. } if body.is_empty() => Some(format!("the receiver answered {status}")),
            Self::Status { status, body, .. } => Some(format!("the receiver answered {status}: {body}")),
            Self::Nothing(reason) => Some(reason.to_string()),
        }
    }
}
