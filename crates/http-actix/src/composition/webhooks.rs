//! Webhooks of this process: what people manage, and what is sent.

use std::sync::Arc;

use adapters_auth::StandardSigner;
use adapters_http::{HttpWebhookSender, SenderConfig};
use anyhow::Context;
use application::webhooks::WebhookPorts;
use domain::{
    agents::Networks,
    ports::{IdGenerator, WebhookSender},
};
use executor::WebhookSettings;

use super::stores::Store;

/// The ports, with a sender of their own: connections belong to the runtime that opened them.
pub(super) fn ports(
    store: &Store,
    ids: Arc<dyn IdGenerator>,
    networks: &Networks,
    settings: &WebhookSettings,
) -> anyhow::Result<WebhookPorts> {
    let config = SenderConfig { timeout: settings.timeout, networks: networks.clone() };
    let sender = HttpWebhookSender::new(&config, store.clock.clone()).context("cannot make an HTTP client")?;
    let sender: Arc<dyn WebhookSender> = Arc::new(sender);
    Ok(WebhookPorts {
        webhooks: store.webhooks.clone(),
        queue: store.webhook_queue.clone(),
        transactions: store.transactions.clone(),
        signer: StandardSigner::new(),
        sender,
        clock: store.clock.clone(),
        ids,
        networks: networks.clone(),
    })
}
