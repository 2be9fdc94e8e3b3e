//! Lists webhooks.

use std::sync::Arc;

use domain::{
    page::{Page, PageRequest},
    ports::{StoreError, Webhooks},
    webhooks::Webhook,
};

use super::WebhookPorts;

/// Lists webhooks.
pub struct ListWebhooks {
    webhooks: Arc<dyn Webhooks>,
}

impl ListWebhooks {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self { webhooks: ports.webhooks.clone() }
    }

    /// A page of them, by name.
    pub async fn execute(&self, page: PageRequest) -> Result<Page<Webhook>, StoreError> {
        self.webhooks.list(page).await
    }
}
