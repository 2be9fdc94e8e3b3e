//! Lets messages be sent to a webhook again.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, Webhooks},
    webhooks::Webhook,
};

use super::{GetWebhookError, WebhookPorts, change};
use crate::TRIES;

/// Enables a webhook.
pub struct EnableWebhook {
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl EnableWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Enables it, and it is as if it had never failed; one that is enabled stays as it is. What was pending when it was disabled
    /// is sent; what has happened meanwhile is not.
    pub async fn execute(&self, id: WebhookId, by: &Actor) -> Result<Webhook, GetWebhookError> {
        let mut tries = 0;
        loop {
            let old = self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
            if old.disabled.is_none() {
                return Ok(old);
            }
            let (revision, now) = (old.revision + 1, self.clock.now());
            let webhook =
                Webhook { disabled: None, since: now, failing_since: None, revision, updated_at: now, ..old.clone() };
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_webhook(entry, by, Action::Enable, Some(&old), &webhook);
            tries += 1;
            match change::keep(&*self.transactions, &webhook, &entry).await {
                Ok(()) => return Ok(webhook),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}
