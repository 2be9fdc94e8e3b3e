//! Webhooks and the queue of their messages.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeliveryId, FeedPlace, WebhookId},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder},
    ports::{ClaimedDelivery, DeliveryClaim, StoreError, WebhookQueue, Webhooks},
    webhooks::{Delivery, DeliveryFilter, DeliveryState, MAX_LOG, Settled, Webhook},
};

use crate::{MemoryStore, lists::page_of};

/// The webhooks, their deliveries, and how far the queue is filled.
#[derive(Clone, Default)]
pub(crate) struct WebhookTable {
    webhooks: BTreeMap<WebhookId, Webhook>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    filled: FeedPlace,
}

impl WebhookTable {
    fn is_taken(&self, webhook: &Webhook) -> bool {
        self.webhooks.values().any(|other| other.id != webhook.id && other.name == webhook.name)
    }

    pub(crate) fn add(&mut self, webhook: Webhook) -> Result<(), StoreError> {
        if self.webhooks.contains_key(&webhook.id) || self.is_taken(&webhook) {
            return Err(StoreError::Conflict("webhook"));
        }
        self.webhooks.insert(webhook.id, Webhook { failing_since: None, ..webhook });
        Ok(())
    }

    pub(crate) fn replace(&mut self, webhook: Webhook) -> Result<(), StoreError> {
        let stored = self.webhooks.get(&webhook.id).filter(|stored| stored.revision + 1 == webhook.revision);
        let failing_since = stored.ok_or(StoreError::Conflict("webhook"))?.failing_since;
        if self.is_taken(&webhook) {
            return Err(StoreError::Conflict("webhook"));
        }
        let failing_since = webhook.failing_since.and(failing_since);
        self.webhooks.insert(webhook.id, Webhook { failing_since, ..webhook });
        Ok(())
    }

    pub(crate) fn remove(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let stored = self.webhooks.get(&webhook.id).filter(|stored| stored.revision == webhook.revision);
        stored.ok_or(StoreError::Conflict("webhook"))?;
        self.webhooks.remove(&webhook.id);
        self.deliveries.retain(|_, delivery| delivery.webhook != webhook.id);
        Ok(())
    }

    /// The deliveries of a webhook that are due, those that have waited longest first.
    fn due(&self, webhook: WebhookId, now: Timestamp) -> Vec<DeliveryId> {
        let is_due = |delivery: &&Delivery| {
            delivery.webhook == webhook
                && delivery.state == DeliveryState::Pending
                && delivery.due_at.is_some_and(|at| at <= now)
        };
        let mut due: Vec<&Delivery> = self.deliveries.values().filter(is_due).collect();
        due.sort_by_key(|delivery| (delivery.due_at, delivery.change.place));
        due.into_iter().map(|delivery| delivery.id).collect()
    }

    fn claim(&mut self, claim: &DeliveryClaim<'_>) -> Vec<ClaimedDelivery> {
        let mut claimed = Vec::new();
        let enabled: Vec<Webhook> =
            self.webhooks.values().filter(|webhook| webhook.disabled.is_none()).cloned().collect();
        for webhook in enabled {
            let busy = claim.under_way.iter().find(|(id, _)| *id == webhook.id).map_or(0, |(_, busy)| *busy);
            let room = claim.per_webhook.saturating_sub(busy).min(claim.limit - claimed.len());
            for id in self.due(webhook.id, claim.now).into_iter().take(room) {
                if let Some(delivery) = self.deliveries.get_mut(&id) {
                    delivery.attempts += 1;
                    delivery.due_at = Some(claim.until);
                    claimed.push(ClaimedDelivery { delivery: delivery.clone(), webhook: webhook.clone() });
                }
            }
        }
        claimed
    }

    fn settle(&mut self, settled: &Settled) -> bool {
        let delivery = self.deliveries.get_mut(&settled.delivery);
        let is_last =
            |delivery: &&mut Delivery| delivery.state == DeliveryState::Pending && delivery.attempts == settled.number;
        let Some(delivery) = delivery.filter(is_last) else { return false };
        delivery.state = settled.state;
        delivery.due_at = settled.due_at;
        delivery.settled_at = (settled.state != DeliveryState::Pending).then_some(settled.at);
        delivery.log.push(settled.attempt.clone());
        let too_many = delivery.log.len().saturating_sub(MAX_LOG);
        delivery.log.drain(..too_many);
        if let Some(webhook) = self.webhooks.get_mut(&delivery.webhook) {
            let arrived = settled.state == DeliveryState::Delivered;
            webhook.failing_since = (!arrived).then(|| webhook.failing_since.unwrap_or(settled.at));
        }
        true
    }
}

#[async_trait]
impl Webhooks for MemoryStore {
    async fn get(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.lock().management.webhooks.webhooks.get(&id).cloned())
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Webhook>, StoreError> {
        let state = self.lock();
        let all = state.management.webhooks.webhooks.values();
        Ok(page_of(all, Webhook::cursor, SortOrder::Ascending, &page))
    }

    async fn enabled(&self) -> Result<Vec<Webhook>, StoreError> {
        let state = self.lock();
        let webhooks = state.management.webhooks.webhooks.values();
        Ok(webhooks.filter(|webhook| webhook.disabled.is_none()).cloned().collect())
    }
}

#[async_trait]
impl WebhookQueue for MemoryStore {
    async fn filled(&self) -> Result<FeedPlace, StoreError> {
        Ok(self.lock().management.webhooks.filled)
    }

    async fn fill(&self, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let table = &mut state.management.webhooks;
        if table.filled != seen {
            return Ok(false);
        }
        table.filled = to;
        for delivery in with.iter().filter(|delivery| table.webhooks.contains_key(&delivery.webhook)) {
            table.deliveries.entry(delivery.id).or_insert_with(|| delivery.clone());
        }
        Ok(true)
    }

    async fn claim(&self, claim: DeliveryClaim<'_>) -> Result<Vec<ClaimedDelivery>, StoreError> {
        Ok(self.lock().management.webhooks.claim(&claim))
    }

    async fn settle(&self, settled: &Settled) -> Result<bool, StoreError> {
        Ok(self.lock().management.webhooks.settle(settled))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.lock().management.webhooks.deliveries.get(&id).cloned())
    }

    async fn deliveries(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let state = self.lock();
        let wanted = |delivery: &&Delivery| {
            delivery.webhook == webhook && filter.state.is_none_or(|state| delivery.state == state)
        };
        let found = state.management.webhooks.deliveries.values().filter(wanted);
        Ok(page_of(found, Delivery::cursor, SortOrder::Descending, &page))
    }

    async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Delivery>, StoreError> {
        let mut state = self.lock();
        let Some(delivery) = state.management.webhooks.deliveries.get_mut(&id) else { return Ok(None) };
        delivery.state = DeliveryState::Pending;
        delivery.attempts = 0;
        delivery.due_at = Some(now);
        delivery.settled_at = None;
        let delivery = delivery.clone();
        state.audit.add([audit]);
        Ok(Some(delivery))
    }

    async fn pending(&self) -> Result<u64, StoreError> {
        let state = self.lock();
        let deliveries = state.management.webhooks.deliveries.values();
        let pending = deliveries.filter(|delivery| delivery.state == DeliveryState::Pending).count();
        Ok(EXACT_TOTAL.min(pending as u64))
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let table = &mut state.management.webhooks.deliveries;
        let mut old: Vec<_> = table.values().filter(|delivery| delivery.created_at < before).collect();
        old.sort_by_key(|delivery| (delivery.created_at, delivery.change.place));
        let ids: Vec<DeliveryId> = old.iter().take(limit).map(|delivery| delivery.id).collect();
        Ok(ids.iter().filter(|id| table.remove(id).is_some()).count() as u64)
    }
}
