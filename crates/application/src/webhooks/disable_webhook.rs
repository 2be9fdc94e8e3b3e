//! Has nothing sent to a webhook any more.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, Webhooks},
    webhooks::{DisabledWhy, Webhook},
};

use super::{GetWebhookError, WebhookPorts, change};
use crate::TRIES;

/// Disables a webhook.
pub struct DisableWebhook {
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl DisableWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self::of(ports)
    }

    /// For the server itself, which disables where nothing arrives.
    pub fn of(ports: &WebhookPorts) -> Self {
        Self {
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Disables it; one that is disabled stays as it is. What is pending waits until it is enabled; of what happens meanwhile it is
    /// not told.
    pub async fn execute(&self, id: WebhookId, why: DisabledWhy, by: &Actor) -> Result<Webhook, GetWebhookError> {
        let mut tries = 0;
        loop {
            let old = self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
            if old.disabled.is_some() {
                return Ok(old);
            }
            let (revision, now) = (old.revision + 1, self.clock.now());
            let webhook = Webhook { disabled: Some((why, now)), revision, updated_at: now, ..old.clone() };
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_webhook(entry, by, Action::Disable, Some(&old), &webhook);
            tries += 1;
            match change::keep(&*self.transactions, &webhook, &entry).await {
                Ok(()) => return Ok(webhook),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}
