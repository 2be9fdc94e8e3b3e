//! Webhooks: from the feed of runs into their queue, and from there to their receivers.
//!
//! Every process that has an API or an engine does both. Of those that fill the queue at a time one succeeds; deliveries are
//! claimed, so each attempt is somebody's. Nothing is agreed on, and whoever dies leaves nothing behind but attempts that are
//! due again.

mod deliverer;
mod filler;

use std::{sync::Arc, time::Duration};

use application::webhooks::{DisableWebhook, WebhookPorts};
use domain::{ports::RunFeed, webhooks::Patience};
use tokio::sync::Notify;

pub use deliverer::WebhookDeliverer;
pub use filler::{Filled, WebhookFiller};

/// How often the feed and the queue are looked at where nobody says that there is something.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long to wait after a failure of the store.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// How webhooks are looked after.
#[derive(Debug, Clone, Copy)]
pub struct WebhookSettings {
    /// How long failures are borne with.
    pub patience: Patience,
    /// How long a receiver may take: nobody else attempts a delivery meanwhile.
    pub timeout: Duration,
    /// How long deliveries are kept.
    pub keep_deliveries: Duration,
    /// How long changes of runs are kept.
    pub keep_changes: Duration,
    /// How many deliveries this process makes at once.
    pub at_once: usize,
    /// How many of them to one webhook: a slow receiver must not hold up the others.
    pub at_once_each: usize,
}

impl Default for WebhookSettings {
    /// The usual patience, 15 s, 30 days, 3 days, 32 at once and 4 to each.
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            timeout: Duration::from_secs(15),
            keep_deliveries: Duration::from_hours(30 * 24),
            keep_changes: Duration::from_hours(3 * 24),
            at_once: 32,
            at_once_each: 4,
        }
    }
}

/// What fills the queue and what empties it, for one process.
pub fn webhook_parts(
    ports: WebhookPorts,
    feed: Arc<dyn RunFeed>,
    settings: WebhookSettings,
) -> (WebhookFiller, WebhookDeliverer) {
    let signal = Arc::new(Notify::new());
    let filler = WebhookFiller::new(ports.clone(), feed, settings, signal.clone());
    let disable = DisableWebhook::of(&ports);
    (filler, WebhookDeliverer::new(ports, disable, settings, signal))
}
