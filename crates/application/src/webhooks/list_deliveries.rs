//! Lists what was, and is to be, sent to a webhook.

use std::sync::Arc;

use domain::{
    ids::WebhookId,
    page::{Page, PageRequest},
    ports::{WebhookQueue, Webhooks},
    webhooks::{Delivery, DeliveryFilter},
};

use super::{GetWebhookError, WebhookPorts};

/// Lists the deliveries of a webhook.
pub struct ListDeliveries {
    webhooks: Arc<dyn Webhooks>,
    queue: Arc<dyn WebhookQueue>,
}

impl ListDeliveries {
    pub(super) fn new(ports: &WebhookPorts) -> Self {
        Self { webhooks: ports.webhooks.clone(), queue: ports.queue.clone() }
    }

    /// A page of them, those of the newest changes first.
    pub async fn execute(
        &self,
        id: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, GetWebhookError> {
        self.webhooks.get(id).await?.ok_or(GetWebhookError::NotFound(id))?;
        Ok(self.queue.deliveries(id, filter, page).await?)
    }
}
