//! Makes a webhook.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    access::Actor,
    agents::{Networks, RefusedHost},
    audit::{Action, AuditEntry},
    ids::{AuditId, WebhookId},
    ports::{Clock, IdGenerator, StoreError, Transactions, WebhookSigner},
    runs::RunStatus,
    webhooks::{SigningSecret, Webhook, WebhookName, WebhookUrl},
};

use super::WebhookPorts;

/// What is said about a webhook.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members of a webhook, as `Webhook` documents them")]
pub struct WebhookSettings {
    pub name: WebhookName,
    pub url: WebhookUrl,
    pub description: Option<String>,
    pub statuses: BTreeSet<RunStatus>,
    pub workflows: BTreeSet<String>,
}

/// Why no webhook was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateWebhookError {
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

/// Makes a webhook.
pub struct CreateWebhook {
    networks: Networks,
    transactions: Arc<dyn Transactions>,
    signer: Arc<dyn WebhookSigner>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self {
            networks: ports.networks.clone(),
            transactions: ports.transactions.clone(),
            signer: ports.signer.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Makes the webhook, with a fresh secret unless one is given. It is told of what happens from now on.
    pub async fn execute(
        &self,
        new: WebhookSettings,
        secret: Option<SigningSecret>,
        by: &Actor,
    ) -> Result<Webhook, CreateWebhookError> {
        self.networks.check_host(new.url.host())?;
        let now = self.clock.now();
        let webhook = Webhook {
            id: WebhookId::new(self.ids.unique()),
            name: new.name,
            url: new.url,
            description: new.description,
            statuses: new.statuses,
            workflows: new.workflows,
            secret: secret.unwrap_or_else(|| self.signer.fresh()),
            previous: None,
            disabled: None,
            since: now,
            failing_since: None,
            revision: 1,
            created_at: now,
            created_by: by.name.clone(),
            updated_at: now,
        };
        let entry = AuditId::new(self.ids.unique());
        let entry = AuditEntry::of_webhook(entry, by, Action::Create, None, &webhook);
        match self.keep(&webhook, &entry).await {
            Ok(()) => Ok(webhook),
            // The id is new, so only the name can be taken.
            Err(StoreError::Conflict(_)) => Err(CreateWebhookError::NameTaken(webhook.name)),
            Err(other) => Err(other.into()),
        }
    }

    async fn keep(&self, webhook: &Webhook, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_webhook(webhook).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
