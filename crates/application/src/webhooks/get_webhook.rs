//! Reads a webhook.

use std::sync::Arc;

use domain::{
    ids::WebhookId,
    ports::{StoreError, Webhooks},
    webhooks::Webhook,
};

use super::WebhookPorts;

/// Why a webhook was not read.
#[derive(Debug, thiserror::Error)]
pub enum GetWebhookError {
    /// There is none with this id.
    #[error("webhook with id '{0}' not found")]
    NotFound(WebhookId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a webhook.
pub struct GetWebhook {
    webhooks: Arc<dyn Webhooks>,
}

impl GetWebhook {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self { webhooks: ports.webhooks.clone() }
    }

    /// The webhook.
    pub async fn execute(&self, id: WebhookId) -> Result<Webhook, GetWebhookError> {
        self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))
    }
}
