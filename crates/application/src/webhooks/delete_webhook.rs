//! Deletes a webhook.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, Webhooks},
    webhooks::Webhook,
};

use super::{GetWebhookError, WebhookPorts};
use crate::TRIES;

/// Deletes a webhook, and what waits for it.
pub struct DeleteWebhook {
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl DeleteWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Deletes it. A message that is under way may still arrive.
    pub async fn execute(&self, id: WebhookId, by: &Actor) -> Result<(), GetWebhookError> {
        let mut tries = 0;
        loop {
            let webhook = self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_deleted_webhook(entry, by, &webhook, self.clock.now());
            tries += 1;
            match self.remove(&webhook, &entry).await {
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                done => return Ok(done?),
            }
        }
    }

    async fn remove(&self, webhook: &Webhook, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.remove_webhook(webhook).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
