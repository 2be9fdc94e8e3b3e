//! Has a message sent anew.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, DeliveryId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, WebhookQueue, Webhooks},
    webhooks::Delivery,
};

use super::WebhookPorts;

/// Why nothing is sent anew.
#[derive(Debug, thiserror::Error)]
pub enum RedeliverError {
    /// There is no such webhook.
    #[error("webhook with id '{0}' not found")]
    NoWebhook(WebhookId),
    /// It has no such delivery, or not any more.
    #[error("the webhook has no delivery with id '{0}'")]
    NoDelivery(DeliveryId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has a message sent anew.
pub struct Redeliver {
    webhooks: Arc<dyn Webhooks>,
    queue: Arc<dyn WebhookQueue>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl Redeliver {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        let (webhooks, queue) = (ports.webhooks.clone(), ports.queue.clone());
        Self { webhooks, queue, clock: ports.clock.clone(), ids: ports.ids.clone() }
    }

    /// Puts the delivery into the queue again, whatever came of it: the same message, by its id too, with all its attempts before
    /// it. Answers it as it is then.
    pub async fn execute(&self, of: WebhookId, id: DeliveryId, by: &Actor) -> Result<Delivery, RedeliverError> {
        let webhook = self.webhooks.get(of).await?.ok_or(RedeliverError::NoWebhook(of))?;
        let found = self.queue.delivery(id).await?.filter(|delivery| delivery.webhook == of);
        let delivery = found.ok_or(RedeliverError::NoDelivery(id))?;
        let now = self.clock.now();
        let entry = AuditEntry::of_redelivery(AuditId::new(self.ids.unique()), by, &webhook, &delivery, now);
        self.queue.redeliver(id, now, &entry).await?.ok_or(RedeliverError::NoDelivery(id))
    }
}
