//! Webhooks: managed by people, and disabled by the server where nothing arrives.

mod create_webhook;
mod delete_webhook;
mod disable_webhook;
mod enable_webhook;
mod get_webhook;
mod list_deliveries;
mod list_webhooks;
mod redeliver;
mod rotate_webhook_secret;
mod signing;
mod test_webhook;
mod update_webhook;

use std::sync::Arc;

use domain::{
    agents::Networks,
    ports::{Clock, IdGenerator, Transactions, WebhookQueue, WebhookSender, WebhookSigner, Webhooks},
};

pub use create_webhook::{CreateWebhook, CreateWebhookError, WebhookSettings};
pub use delete_webhook::DeleteWebhook;
pub use disable_webhook::DisableWebhook;
pub use enable_webhook::EnableWebhook;
pub use get_webhook::{GetWebhook, GetWebhookError};
pub use list_deliveries::ListDeliveries;
pub use list_webhooks::ListWebhooks;
pub use redeliver::{Redeliver, RedeliverError};
pub use rotate_webhook_secret::RotateWebhookSecret;
pub use signing::signed;
pub use test_webhook::{TestWebhook, WebhookTested};
pub use update_webhook::{UpdateWebhook, UpdateWebhookError};

/// The ports that webhooks need.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct WebhookPorts {
    pub webhooks: Arc<dyn Webhooks>,
    pub queue: Arc<dyn WebhookQueue>,
    pub transactions: Arc<dyn Transactions>,
    pub signer: Arc<dyn WebhookSigner>,
    pub sender: Arc<dyn WebhookSender>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    /// The networks whose receivers may be called.
    pub networks: Networks,
}

/// All use cases of webhooks, ready to be called.
#[expect(missing_docs, reason = "each field is the use case of its type")]
pub struct WebhookUseCases {
    pub create: CreateWebhook,
    pub get: GetWebhook,
    pub list: ListWebhooks,
    pub update: UpdateWebhook,
    pub delete: DeleteWebhook,
    pub rotate_secret: RotateWebhookSecret,
    pub enable: EnableWebhook,
    pub disable: DisableWebhook,
    pub test: TestWebhook,
    pub deliveries: ListDeliveries,
    pub redeliver: Redeliver,
}

impl WebhookUseCases {
    /// Wires the use cases to their ports.
    pub fn new(ports: &WebhookPorts) -> Self {
        Self {
            create: CreateWebhook::new(ports),
            get: GetWebhook::new(ports),
            list: ListWebhooks::new(ports),
            update: UpdateWebhook::new(ports),
            delete: DeleteWebhook::new(ports),
            rotate_secret: RotateWebhookSecret::new(ports),
            enable: EnableWebhook::new(ports),
            disable: DisableWebhook::new(ports),
            test: TestWebhook::new(ports),
            deliveries: ListDeliveries::new(ports),
            redeliver: Redeliver::new(ports),
        }
    }
}

/// A change that others may come between.
mod change {
    use domain::{
        audit::AuditEntry,
        ports::{StoreError, Transactions},
        webhooks::Webhook,
    };

    /// Keeps another revision of a webhook.
    pub(super) async fn keep(to: &dyn Transactions, webhook: &Webhook, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = to.begin().await?;
        work.replace_webhook(webhook).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
