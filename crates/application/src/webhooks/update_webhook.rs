//! Changes a webhook.

use std::sync::Arc;

use domain::{
    access::Actor,
    agents::{Networks, RefusedHost},
    audit::{Action, AuditEntry},
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, Webhooks},
    webhooks::{Webhook, WebhookName},
};

use super::{WebhookPorts, WebhookSettings, change};
use crate::TRIES;

/// Why a webhook was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateWebhookError {
    /// There is none with this id.
    #[error("webhook with id '{0}' not found")]
    NotFound(WebhookId),
    /// Another one has the name.
    #[error("webhook with name '{0}' already exists")]
    NameTaken(WebhookName),
    /// Its URL leads where nobody is called.
    #[error(transparent)]
    Host(#[from] RefusedHost),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a webhook.
pub struct UpdateWebhook {
    networks: Networks,
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl UpdateWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            networks: ports.networks.clone(),
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Replaces all that can be said about it; its secret, and whether it is enabled, stay. What waits for it is sent to the new
    /// URL.
    pub async fn execute(
        &self,
        id: WebhookId,
        new: WebhookSettings,
        by: &Actor,
    ) -> Result<Webhook, UpdateWebhookError> {
        self.networks.check_host(new.url.host())?;
        let mut tries = 0;
        loop {
            let old = self.webhooks.get(id).await?.ok_or(UpdateWebhookError::NotFound(id))?;
            let WebhookSettings { name, url, description, statuses, workflows } = new.clone();
            let (revision, updated_at) = (old.revision + 1, self.clock.now());
            let webhook = Webhook { name, url, description, statuses, workflows, revision, updated_at, ..old.clone() };
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_webhook(entry, by, Action::Update, Some(&old), &webhook);
            tries += 1;
            match change::keep(&*self.transactions, &webhook, &entry).await {
                Ok(()) => return Ok(webhook),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                // Nobody has changed it so often; with the name it had it would have been kept.
                Err(StoreError::Conflict(_)) if webhook.name != old.name => {
                    return Err(UpdateWebhookError::NameTaken(webhook.name));
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
}
