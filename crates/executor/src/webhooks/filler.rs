//! Fills the queue: reads the feed from where the queue was filled, and adds a delivery for each webhook that is told of a change.
//! The deliveries and the new place are one transaction, so a change is told to a webhook once, whoever crashes.

use std::{sync::Arc, time::Duration};

use application::webhooks::WebhookPorts;
use chrono::TimeDelta;
use domain::{
    Timestamp,
    ids::FeedPlace,
    ports::{RunFeed, StoreError},
    runs::RunChange,
    webhooks::{Delivery, Webhook},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{AFTER_FAILURE, LOOK_EVERY, WebhookSettings};

/// How many changes are told of in one transaction.
const SLICE: usize = 500;

/// How many looks lie between two at what is old, and how much of that goes in one transaction.
const LOOK_FOR_OLD_EVERY: u64 = 60;
const OLD: usize = 2_000;

/// What a look at the feed has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Nothing new, or somebody else was quicker.
    Nothing,
    /// All there was.
    All,
    /// There may be more.
    Some,
}

/// Fills the queue for as long as it is not told to stop.
pub struct WebhookFiller {
    ports: WebhookPorts,
    feed: Arc<dyn RunFeed>,
    settings: WebhookSettings,
    filled: Arc<Notify>,
}

impl WebhookFiller {
    pub(super) fn new(
        ports: WebhookPorts,
        feed: Arc<dyn RunFeed>,
        settings: WebhookSettings,
        filled: Arc<Notify>,
    ) -> Self {
        Self { ports, feed, settings, filled }
    }

    /// Fills it until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut looks = 0_u64;
        while !stop.is_cancelled() {
            let mut wait = match self.fill().await {
                Ok(Filled::Some) => Duration::ZERO,
                Ok(Filled::All | Filled::Nothing) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "the webhooks' queue could not be filled; trying again");
                    AFTER_FAILURE
                }
            };
            if looks.is_multiple_of(LOOK_FOR_OLD_EVERY)
                && let Err(error) = self.forget().await
            {
                tracing::warn!(%error, "what webhooks were told long ago could not be removed; trying again");
                wait = AFTER_FAILURE;
            }
            looks += 1;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Puts into the queue what has happened since it was filled.
    pub async fn fill(&self) -> Result<Filled, StoreError> {
        let seen = self.ports.queue.filled().await?;
        let end = self.feed.end().await?;
        if end <= seen {
            return Ok(Filled::Nothing);
        }
        // In this order: whoever is made after this look is told only of what comes after that end.
        let webhooks = self.ports.webhooks.enabled().await?;
        if webhooks.is_empty() {
            return Ok(if self.ports.queue.fill(seen, end, &[]).await? { Filled::All } else { Filled::Nothing });
        }
        let mut slice = self.feed.after(seen, SLICE).await?;
        let is_cut = slice.changes.len() >= SLICE;
        slice.changes.retain(|change| change.place <= end);
        if slice.missed {
            tracing::error!(after = seen.get(), "changes of runs were forgotten before webhooks were told of them");
        }
        let to = slice.changes.last().map_or(end, |change| if is_cut { change.place } else { end });
        let deliveries = deliveries(&webhooks, &slice.changes, self.ports.clock.now());
        if !self.ports.queue.fill(seen, to, &deliveries).await? {
            return Ok(Filled::Nothing);
        }
        if !deliveries.is_empty() {
            self.filled.notify_one();
        }
        Ok(if is_cut { Filled::Some } else { Filled::All })
    }

    /// Removes what is old: of the feed only what the queue was filled from.
    pub async fn forget(&self) -> Result<(), StoreError> {
        let now = self.ports.clock.now();
        let pending = self.ports.queue.pending().await?;
        metrics::gauge!("orrery_webhook_deliveries_pending").set(u32::try_from(pending).unwrap_or(u32::MAX));
        if let Some(before) = ago(now, self.settings.keep_deliveries) {
            while counted("webhook_deliveries", self.ports.queue.forget_deliveries(before, OLD).await?) {}
        }
        if let Some(before) = ago(now, self.settings.keep_changes) {
            let filled: FeedPlace = self.ports.queue.filled().await?;
            while counted("run_changes", self.feed.forget(before, filled, OLD).await?) {}
        }
        Ok(())
    }
}

fn ago(now: Timestamp, keep: Duration) -> Option<Timestamp> {
    now.checked_sub_signed(TimeDelta::from_std(keep).ok()?)
}

fn deliveries(webhooks: &[Webhook], changes: &[RunChange], now: Timestamp) -> Vec<Delivery> {
    let of = |change: &RunChange| {
        let told = webhooks.iter().filter(|webhook| webhook.wants(change));
        told.map(|webhook| Delivery::of(webhook.id, change.clone(), now)).collect::<Vec<_>>()
    };
    changes.iter().flat_map(of).collect()
}

/// Counts what was removed at once; answers whether there may be more.
fn counted(what: &'static str, removed: u64) -> bool {
    crate::measures::removed(what, removed);
    removed >= OLD as u64
}
