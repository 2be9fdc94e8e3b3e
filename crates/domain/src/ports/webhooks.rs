//! Webhooks: reading them, the queue of their messages, and the way to their receivers.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeliveryId, FeedPlace, WebhookId},
    page::{Page, PageRequest},
    webhooks::{Answer, Delivery, DeliveryFilter, Settled, SigningSecret, Webhook, WebhookUrl},
};

/// The webhooks. They are changed in units of work.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// A webhook.
    async fn get(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// A page of them, by name in the order of code points.
    async fn list(&self, page: PageRequest) -> Result<Page<Webhook>, StoreError>;

    /// Those that are not disabled, in any order.
    async fn enabled(&self) -> Result<Vec<Webhook>, StoreError>;
}

/// A delivery that was claimed, with its webhook as it was then.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedDelivery {
    /// The delivery; the attempt that is about to be made is counted.
    pub delivery: Delivery,
    /// Its webhook.
    pub webhook: Webhook,
}

/// How many deliveries somebody wants to make, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryClaim<'a> {
    /// At most so many.
    pub limit: usize,
    /// At most so many of each webhook, what is under way here included.
    pub per_webhook: usize,
    /// How many of which webhook are under way here.
    pub under_way: &'a [(WebhookId, usize)],
    /// When it is.
    pub now: Timestamp,
    /// When the attempts that are about to be made are due again, should nobody come back from them.
    pub until: Timestamp,
}

/// The queue of the messages to webhooks.
#[async_trait]
pub trait WebhookQueue: Send + Sync {
    /// Up to which place of the feed deliveries are in the queue.
    async fn filled(&self) -> Result<FeedPlace, StoreError>;

    /// Puts deliveries into the queue and notes that it is filled up to a place, in one transaction. MUST change nothing, and
    /// answer `false`, unless it was filled up to `seen`: of several that fill it at once, one does. A delivery that is there
    /// stays as it is; one of a webhook that is not there is left out.
    async fn fill(&self, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Result<bool, StoreError>;

    /// Takes pending deliveries that are due, of webhooks that are not disabled; of each webhook those that have waited longest.
    /// Each counts an attempt more and is due again at `until`. No delivery is taken by two at once.
    async fn claim(&self, claim: DeliveryClaim<'_>) -> Result<Vec<ClaimedDelivery>, StoreError>;

    /// Writes down what came of an attempt; a log of more than [`MAX_LOG`](crate::webhooks::MAX_LOG) loses its oldest. MUST change
    /// nothing, and answer `false`, unless the delivery is pending and this was its last attempt. In the same transaction its
    /// webhook is failing since the attempt's end, unless it was failing already; after a success it is not failing.
    async fn settle(&self, settled: &Settled) -> Result<bool, StoreError>;

    /// A delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// A page of a webhook's deliveries, that of the newest change first and then by id, the greatest first.
    async fn deliveries(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;

    /// Has a delivery made anew, whatever came of it: it is pending, due at a time, and all its attempts are before it again. Its
    /// log stays. Answers it as it is then; none if it is not there. What the audit log tells of it is written in the same
    /// transaction.
    async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Delivery>, StoreError>;

    /// How many deliveries are pending, at most [`EXACT_TOTAL`](crate::page::EXACT_TOTAL) of them counted.
    async fn pending(&self) -> Result<u64, StoreError>;

    /// Removes deliveries that were put into the queue before a time, the oldest first and at most so many; answers how many.
    async fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// Secrets of webhooks and signatures with them (Standard Webhooks, "Signature scheme").
pub trait WebhookSigner: Send + Sync {
    /// A fresh secret of 32 random bytes.
    fn fresh(&self) -> SigningSecret;

    /// The signature of a message that is sent at a time, in whole seconds: `v1,` and the base64 of an HMAC-SHA256.
    fn sign(&self, secret: &SigningSecret, id: &str, sent_at: Timestamp, body: &str) -> String;
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMessage {
    /// By which its receiver knows it again.
    pub id: String,
    /// When it is sent.
    pub sent_at: Timestamp,
    /// Its signatures, with a space between.
    pub signatures: String,
    /// The body.
    pub body: String,
}

/// The way to receivers.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Sends a message and answers what came back. MUST end in time, MUST NOT follow redirects nor connect to addresses that may
    /// not be called, and MUST read no more of an answer than people look at.
    async fn send(&self, to: &WebhookUrl, message: &SignedMessage) -> Answer;
}
