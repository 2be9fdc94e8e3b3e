//! The queue of the messages to webhooks.

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeliveryId, FeedPlace, RunId, WebhookId, WorkflowRef},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder},
    ports::{ClaimedDelivery, DeliveryClaim, StoreError, Vault, WebhookQueue},
    runs::{RunChange, RunStatus},
    webhooks::{Attempt, Delivery, DeliveryFilter, DeliveryState, MAX_LOG, Settled},
};
use rusqlite::{Connection, Row, params, params_from_iter};

use super::{get, json, stored_json};
use crate::{
    SqliteStore, audit,
    codec::{all, count, first, maybe_time, micros, parsed, signed, small, sound, text, time, uuid},
    failure::Outcome,
    lists::{Conditions, Id},
};

const DELIVERY: &str =
    "delivery_id, webhook_id, place, run_id, workflow_id, workflow_name, status, at, state, attempts,
    due_at, created_at, settled_at, log";

#[async_trait]
impl WebhookQueue for SqliteStore {
    async fn filled(&self) -> Result<FeedPlace, StoreError> {
        self.readers().read(filled).await
    }

    async fn fill(&self, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Result<bool, StoreError> {
        let with = with.to_vec();
        let work = move |connection: &Connection| fill(connection, seen, to, &with);
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn claim(&self, claim: DeliveryClaim<'_>) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let (vault, under_way) = (self.vault().clone(), claim.under_way.to_vec());
        let DeliveryClaim { limit, per_webhook, now, until, .. } = claim;
        let work = move |connection: &Connection| {
            let claim = DeliveryClaim { limit, per_webhook, under_way: &under_way, now, until };
            take(connection, &claim, &*vault)
        };
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn settle(&self, settled: &Settled) -> Result<bool, StoreError> {
        let settled = settled.clone();
        let work = move |connection: &Connection| settle(connection, &settled);
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers().read(move |connection| one(connection, id)).await
    }

    async fn deliveries(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.add("webhook_id = ?", webhook.uuid().as_bytes().to_vec());
        if let Some(state) = filter.state {
            conditions.add("state = ?", state.as_str().to_owned());
        }
        let read = move |connection: &Connection| {
            let order = SortOrder::Descending;
            let following = conditions.after(&page, ["at", "delivery_id"], order, Id::Uuid)?;
            let sql = format!(
                "SELECT {DELIVERY} FROM webhook_deliveries{} ORDER BY at DESC, delivery_id DESC LIMIT ? OFFSET ?",
                following.sql()
            );
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, delivery)?;
            let total = conditions.total(connection, &page, "webhook_deliveries", "rowid")?;
            Ok(Page::of(found, &page, total, Delivery::cursor))
        };
        self.readers().read(read).await
    }

    async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Delivery>, StoreError> {
        let audit = audit.clone();
        let work = move |connection: &Connection| {
            let sql = "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at = ?2, settled_at = NULL
                       WHERE delivery_id = ?1";
            let changed = connection.prepare_cached(sql)?.execute(params![id.uuid().as_bytes(), micros(now)])?;
            if changed > 0 {
                audit::write(connection, &audit)?;
            }
            one(connection, id)
        };
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn pending(&self) -> Result<u64, StoreError> {
        let read = |connection: &Connection| {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE state = 'pending' LIMIT {EXACT_TOTAL})"
            );
            let found = first(&mut *connection.prepare_cached(&sql)?, [], |row| count(row, 0))?;
            sound("count", found)
        };
        self.readers().read(read).await
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let work = move |connection: &Connection| {
            let sql = "DELETE FROM webhook_deliveries WHERE delivery_id IN
                         (SELECT delivery_id FROM webhook_deliveries WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
            Ok(connection.prepare_cached(sql)?.execute(params![micros(before), limit])? as u64)
        };
        self.writer().work(move |session| session.transaction(work)).await
    }
}

fn filled(connection: &Connection) -> Outcome<FeedPlace> {
    let sql = "SELECT place FROM feed_marks WHERE name = 'webhooks'";
    let found = first(&mut *connection.prepare_cached(sql)?, [], |row| count(row, 0))?;
    sound("place", found).map(FeedPlace::new)
}

fn fill(connection: &Connection, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Outcome<bool> {
    let sql = "UPDATE feed_marks SET place = ?2 WHERE name = 'webhooks' AND place = ?1";
    let moved = connection.prepare_cached(sql)?.execute([signed(seen.get())?, signed(to.get())?])?;
    if moved == 0 {
        return Ok(false);
    }
    let sql = format!(
        "INSERT INTO webhook_deliveries ({DELIVERY}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
         WHERE EXISTS (SELECT 1 FROM webhooks WHERE webhook_id = ?2) ON CONFLICT DO NOTHING"
    );
    let mut insert = connection.prepare_cached(&sql)?;
    for delivery in with {
        let Delivery { change, .. } = delivery;
        insert.execute(params![
            delivery.id.uuid().as_bytes(),
            delivery.webhook.uuid().as_bytes(),
            signed(change.place.get())?,
            change.run.as_str(),
            change.workflow.as_str(),
            change.workflow_name,
            change.status.as_str(),
            micros(change.at),
            delivery.state.as_str(),
            delivery.attempts,
            delivery.due_at.map(micros),
            micros(delivery.created_at),
            delivery.settled_at.map(micros),
            json(&delivery.log)?,
        ])?;
    }
    Ok(true)
}

fn take(connection: &Connection, claim: &DeliveryClaim<'_>, vault: &dyn Vault) -> Outcome<Vec<ClaimedDelivery>> {
    let sql = "SELECT webhook_id FROM webhooks WHERE disabled_why IS NULL ORDER BY webhook_id";
    let webhooks = all(&mut *connection.prepare_cached(sql)?, [], |row| Ok(WebhookId::new(uuid(row, 0)?)))?;
    let due = format!(
        "SELECT {DELIVERY} FROM webhook_deliveries WHERE webhook_id = ?1 AND state = 'pending' AND due_at <= ?2
         ORDER BY due_at, place LIMIT ?3"
    );
    let mut due = connection.prepare_cached(&due)?;
    let sql = "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ?2 WHERE delivery_id = ?1";
    let mut update = connection.prepare_cached(sql)?;
    let mut claimed = Vec::new();
    for id in webhooks {
        let busy = claim.under_way.iter().find(|(webhook, _)| *webhook == id).map_or(0, |(_, busy)| *busy);
        let room = claim.per_webhook.saturating_sub(busy).min(claim.limit - claimed.len());
        if room == 0 {
            continue;
        }
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        let found = all(&mut due, params![id.uuid().as_bytes(), micros(claim.now), room], delivery)?;
        if found.is_empty() {
            continue;
        }
        let Some(webhook) = get(connection, id, vault)? else { continue };
        for delivery in found {
            update.execute(params![delivery.id.uuid().as_bytes(), micros(claim.until)])?;
            let delivery = Delivery { attempts: delivery.attempts + 1, due_at: Some(claim.until), ..delivery };
            claimed.push(ClaimedDelivery { delivery, webhook: webhook.clone() });
        }
    }
    Ok(claimed)
}

fn settle(connection: &Connection, settled: &Settled) -> Outcome<bool> {
    let Some(before) = one(connection, settled.delivery)? else { return Ok(false) };
    if before.state != DeliveryState::Pending || before.attempts != settled.number {
        return Ok(false);
    }
    let mut log = before.log;
    log.push(settled.attempt.clone());
    let log: &[Attempt] = &log[log.len().saturating_sub(MAX_LOG)..];
    let sql = "UPDATE webhook_deliveries SET state = ?2, due_at = ?3, settled_at = ?4, log = ?5 WHERE delivery_id = ?1";
    let is_over = settled.state != DeliveryState::Pending;
    connection.prepare_cached(sql)?.execute(params![
        settled.delivery.uuid().as_bytes(),
        settled.state.as_str(),
        settled.due_at.map(micros),
        is_over.then(|| micros(settled.at)),
        json(&log)?,
    ])?;
    let sql = if settled.state == DeliveryState::Delivered {
        "UPDATE webhooks SET failing_since = NULL WHERE webhook_id = ?1 AND failing_since IS NOT NULL AND ?2 > 0"
    } else {
        "UPDATE webhooks SET failing_since = ?2 WHERE webhook_id = ?1 AND failing_since IS NULL"
    };
    connection.prepare_cached(sql)?.execute(params![before.webhook.uuid().as_bytes(), micros(settled.at)])?;
    Ok(true)
}

fn one(connection: &Connection, id: DeliveryId) -> Outcome<Option<Delivery>> {
    let sql = format!("SELECT {DELIVERY} FROM webhook_deliveries WHERE delivery_id = ?1");
    first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], delivery)
}

fn delivery(row: &Row<'_>) -> Outcome<Delivery> {
    Ok(Delivery {
        id: DeliveryId::new(uuid(row, 0)?),
        webhook: WebhookId::new(uuid(row, 1)?),
        change: RunChange {
            place: FeedPlace::new(count(row, 2)?),
            run: parsed("run id", RunId::parse(text(row, 3)?))?,
            workflow: WorkflowRef::from_text(text(row, 4)?),
            workflow_name: text(row, 5)?.to_owned(),
            status: sound("status", RunStatus::parse(text(row, 6)?))?,
            at: time(row, 7)?,
        },
        state: sound("state", DeliveryState::parse(text(row, 8)?))?,
        attempts: small(row, 9)?,
        due_at: maybe_time(row, 10)?,
        created_at: time(row, 11)?,
        settled_at: maybe_time(row, 12)?,
        log: stored_json(row, 13)?,
    })
}
