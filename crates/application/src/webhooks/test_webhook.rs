//! Sends a message that tells nothing, at once.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, DeliveryId, WebhookId},
    ports::{Clock, IdGenerator, Transactions, WebhookSender, WebhookSigner, Webhooks},
    webhooks::{Answer, Attempt, WebhookMessage},
};

use super::{GetWebhookError, WebhookPorts, signed};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTested {
    /// The message's id.
    pub message: String,
    /// What came back.
    pub answer: Answer,
    /// When, and how long it took.
    pub attempt: Attempt,
}

/// Tests a webhook.
pub struct TestWebhook {
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    signer: Arc<dyn WebhookSigner>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl TestWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            signer: ports.signer.clone(),
            sender: ports.sender.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Sends a `webhook.test` to the webhook, enabled or not, and waits for what comes back. It is not repeated, and is in no queue.
    pub async fn execute(&self, id: WebhookId, by: &Actor) -> Result<WebhookTested, GetWebhookError> {
        let webhook = self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
        let began = self.clock.now();
        let message = WebhookMessage::of_test(DeliveryId::new(self.ids.unique()), id, began);
        let name = message.id.clone();
        let entry = AuditEntry::of_webhook_test(AuditId::new(self.ids.unique()), by, &webhook, &name, began);
        let mut work = self.transactions.begin().await?;
        work.record(&entry).await?;
        work.commit().await?;
        let answer = self.sender.send(&webhook.url, &signed(message, &webhook, &*self.signer, began)).await;
        let took = (self.clock.now() - began).num_milliseconds();
        let attempt = Attempt::of(&answer, began, u64::try_from(took).unwrap_or_default());
        Ok(WebhookTested { message: name, answer, attempt })
    }
}
