//! Empties the queue: claims what is due, calls the receivers, and writes down what came of it. A few to each webhook at a time, so
//! that one that is slow or away holds up nobody but itself.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use application::webhooks::{DisableWebhook, GetWebhookError, WebhookPorts, signed};
use chrono::TimeDelta;
use domain::{
    access::Actor,
    ids::WebhookId,
    ports::{ClaimedDelivery, DeliveryClaim, StoreError},
    webhooks::{Attempt, DeliveryState, DisabledWhy, Patience, Verdict, WebhookMessage},
};
use tokio::{
    sync::Notify,
    task::{Id, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{AFTER_FAILURE, LOOK_EVERY, WebhookSettings};

/// How much longer than its receiver may take nobody else makes an attempt: for writing down what came of it.
const MARGIN: Duration = Duration::from_secs(15);

/// How often what came of an attempt is written down if the store does not answer; after that the attempt is made again.
const TRIES: u32 = 5;

/// Makes deliveries for as long as it is not told to stop.
pub struct WebhookDeliverer {
    maker: Arc<Maker>,
    settings: WebhookSettings,
    filled: Arc<Notify>,
    /// The attempts under way.
    tasks: JoinSet<()>,
    of: HashMap<Id, WebhookId>,
    under_way: BTreeMap<WebhookId, usize>,
}

impl WebhookDeliverer {
    pub(super) fn new(
        ports: WebhookPorts,
        disable: DisableWebhook,
        settings: WebhookSettings,
        filled: Arc<Notify>,
    ) -> Self {
        let maker = Arc::new(Maker { ports, disable, patience: settings.patience });
        Self { maker, settings, filled, tasks: JoinSet::new(), of: HashMap::new(), under_way: BTreeMap::new() }
    }

    /// Makes deliveries until it is told to stop, and ends those that are under way.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.begin().await {
                Ok(0) => LOOK_EVERY,
                // There may be more, as soon as there is room.
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "deliveries to webhooks could not be claimed; trying again");
                    AFTER_FAILURE
                }
            };
            let look_again = tokio::time::sleep(wait);
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended.map_or_else(|e| e.id(), |(id, ())| id)),
                () = self.filled.notified() => {}
                () = look_again => {}
            }
        }
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended.map_or_else(|e| e.id(), |(id, ())| id));
        }
    }

    /// Claims deliveries that are due, as many as there is room for, and begins to make them. Answers how many.
    async fn begin(&mut self) -> Result<usize, StoreError> {
        let room = self.settings.at_once.saturating_sub(self.tasks.len());
        if room == 0 {
            return Ok(0);
        }
        let under_way: Vec<(WebhookId, usize)> = self.under_way.iter().map(|(id, busy)| (*id, *busy)).collect();
        let now = self.maker.ports.clock.now();
        let claim = DeliveryClaim {
            limit: room,
            per_webhook: self.settings.at_once_each,
            under_way: &under_way,
            now,
            until: now + TimeDelta::from_std(self.settings.timeout + MARGIN).unwrap_or(TimeDelta::zero()),
        };
        let claimed = self.maker.ports.queue.claim(claim).await?;
        let begun = claimed.len();
        for claimed in claimed {
            let (maker, webhook) = (Arc::clone(&self.maker), claimed.webhook.id);
            let task = self.tasks.spawn(async move { maker.make(claimed).await });
            self.of.insert(task.id(), webhook);
            *self.under_way.entry(webhook).or_default() += 1;
        }
        Ok(begun)
    }

    fn ended(&mut self, task: Id) {
        let Some(webhook) = self.of.remove(&task) else { return };
        if let Some(busy) = self.under_way.get_mut(&webhook) {
            *busy -= 1;
            if *busy == 0 {
                self.under_way.remove(&webhook);
            }
        }
    }
}

/// Makes one delivery after the other.
struct Maker {
    ports: WebhookPorts,
    disable: DisableWebhook,
    patience: Patience,
}

impl Maker {
    /// Attempts a delivery, and writes down what came of it.
    async fn make(&self, claimed: ClaimedDelivery) {
        let ClaimedDelivery { delivery, webhook } = claimed;
        let (began, clock) = (self.ports.clock.now(), Instant::now());
        let message = WebhookMessage::of_change(delivery.id, &delivery.change);
        let message = signed(message, &webhook, &*self.ports.signer, began);
        let answer = self.ports.sender.send(&webhook.url, &message).await;
        let took = clock.elapsed();
        metrics::histogram!("orrery_webhook_delivery_duration_seconds").record(took.as_secs_f64());
        let attempt = Attempt::of(&answer, began, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let now = self.ports.clock.now();
        let verdict = self.patience.judge(delivery.id, delivery.attempts, &answer, attempt, webhook.failing_since, now);
        let outcome = match verdict.settled.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending => "retried",
            DeliveryState::Failed => "failed",
        };
        metrics::counter!("orrery_webhook_attempts_total", "outcome" => outcome).increment(1);
        tracing::debug!(
            webhook.id = %webhook.id, delivery.id = %delivery.id, run.id = %delivery.change.run, attempt = delivery.attempts,
            outcome, "attempted a delivery to a webhook"
        );
        if !self.settle(&verdict).await {
            return;
        }
        if let Some(why) = verdict.disables {
            self.give_up(webhook.id, why).await;
        }
    }

    async fn settle(&self, verdict: &Verdict) -> bool {
        for attempt in 1..=TRIES {
            match self.ports.queue.settle(&verdict.settled).await {
                Ok(written) => return written,
                Err(error) => {
                    tracing::warn!(%error, attempt, "what came of a delivery to a webhook could not be written down");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        false
    }

    async fn give_up(&self, webhook: WebhookId, why: DisabledWhy) {
        match self.disable.execute(webhook, why, &Actor::system()).await {
            Ok(disabled) => {
                metrics::counter!("orrery_webhooks_disabled_total", "reason" => why.as_str()).increment(1);
                tracing::warn!(
                    webhook.id = %webhook, webhook.name = %disabled.name, reason = why.as_str(),
                    "a webhook is disabled; nothing is sent to it until somebody enables it"
                );
            }
            Err(GetWebhookError::NotFound(_)) => {}
            // The next failure finds the same.
            Err(GetWebhookError::Store(error)) => tracing::warn!(%error, "a webhook could not be disabled"),
        }
    }
}
