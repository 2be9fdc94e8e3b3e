//! Gives a webhook a new secret.

use std::{sync::Arc, time::Duration};

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, WebhookSigner, Webhooks},
    webhooks::{PreviousSecret, SigningSecret, Webhook},
};

use super::{GetWebhookError, WebhookPorts, change};
use crate::TRIES;

/// Gives a webhook a new secret.
pub struct RotateWebhookSecret {
    webhooks: Arc<dyn Webhooks>,
    transactions: Arc<dyn Transactions>,
    signer: Arc<dyn WebhookSigner>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl RotateWebhookSecret {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            webhooks: ports.webhooks.clone(),
            transactions: ports.transactions.clone(),
            signer: ports.signer.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Gives the webhook a new secret: a fresh one unless one is given. For `grace`, messages are signed with the one before too;
    /// not with one from a rotation before that.
    pub async fn execute(
        &self,
        id: WebhookId,
        secret: Option<SigningSecret>,
        grace: Duration,
        by: &Actor,
    ) -> Result<Webhook, GetWebhookError> {
        let secret = secret.unwrap_or_else(|| self.signer.fresh());
        let mut tries = 0;
        loop {
            let old = self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
            let now = self.clock.now();
            let previous =
                (!grace.is_zero()).then(|| PreviousSecret { secret: old.secret.clone(), until: now + grace });
            let (secret, revision) = (secret.clone(), old.revision + 1);
            let webhook = Webhook { secret, previous, revision, updated_at: now, ..old.clone() };
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_webhook(entry, by, Action::Rotate, Some(&old), &webhook);
            tries += 1;
            match change::keep(&*self.transactions, &webhook, &entry).await {
                Ok(()) => return Ok(webhook),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}
