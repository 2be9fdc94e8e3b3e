//! Deliveries: one message to one webhook, until it has arrived or is given up.

use uuid::Uuid;

use super::Answer;
use crate::{
    Timestamp,
    ids::{DeliveryId, FeedPlace, WebhookId},
    page::Cursor,
    runs::RunChange,
};

/// The namespace of ids of deliveries; a random constant.
const NAMESPACE: Uuid = Uuid::from_u128(0xa47e_0d93_5c18_4b62_9f3b_e1d6_0894_7c2a);

impl DeliveryId {
    /// The delivery of a change to a webhook: the same one, whoever makes it and however often.
    pub fn of(webhook: WebhookId, place: FeedPlace) -> Self {
        Self::new(Uuid::new_v5(&NAMESPACE, format!("{webhook}\n{place}").as_bytes()))
    }

    /// What receivers know its message by.
    pub fn message(self) -> String {
        format!("msg_{}", self.uuid().simple())
    }
}

/// How many attempts a delivery's log keeps, the newest.
pub const MAX_LOG: usize = 20;

/// How a delivery is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be attempted (again).
    Pending,
    /// It has arrived.
    Delivered,
    /// It was attempted as often as is worth while.
    Failed,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads [`DeliveryState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One message to one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id, from which the message's follows: the same for all attempts.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// What it tells.
    pub change: RunChange,
    /// How it is getting on.
    pub state: DeliveryState,
    /// How often it was attempted, since it was last asked for; one under way counts.
    pub attempts: u32,
    /// When it is attempted next, unless somebody comes back from the attempt under way before.
    pub due_at: Option<Timestamp>,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// When it arrived or was given up.
    pub settled_at: Option<Timestamp>,
    /// What came of its last attempts, the newest last.
    pub log: Vec<Attempt>,
}

impl Delivery {
    /// The delivery of a change to a webhook; there is one, whoever makes it.
    pub fn of(webhook: WebhookId, change: RunChange, now: Timestamp) -> Self {
        Self {
            id: DeliveryId::of(webhook, change.place),
            webhook,
            change,
            state: DeliveryState::Pending,
            attempts: 0,
            due_at: Some(now),
            created_at: now,
            settled_at: None,
            log: Vec::new(),
        }
    }

    /// Its place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.change.at, &self.id)
    }
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it has failed; none if it has not.
    pub error: Option<String>,
}

impl Attempt {
    /// The attempt that began at a time and took so long.
    pub fn of(answer: &Answer, at: Timestamp, duration_ms: u64) -> Self {
        Self { at, duration_ms, status: answer.status(), error: answer.error() }
    }
}

/// What an attempt makes of its delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which attempt it was, from 1.
    pub number: u32,
    /// What came of it.
    pub attempt: Attempt,
    /// When it is over.
    pub at: Timestamp,
    /// How the delivery is getting on since then.
    pub state: DeliveryState,
    /// When it is attempted next; none once it is settled.
    pub due_at: Option<Timestamp>,
}

/// Which deliveries of a webhook a list holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
}
