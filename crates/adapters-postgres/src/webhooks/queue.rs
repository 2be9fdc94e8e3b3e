//! The queue of the messages to webhooks.

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{DeliveryId, FeedPlace, RunId, WebhookId, WorkflowRef},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder},
    ports::{ClaimedDelivery, DeliveryClaim, StoreError, WebhookQueue},
    runs::{RunChange, RunStatus},
    webhooks::{Delivery, DeliveryFilter, DeliveryState, MAX_LOG, Settled},
};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use super::{decode as decode_webhook, sorting};
use crate::{
    PgStore, audit,
    codec::{count, parsed, signed, signed_small, small, sound},
    entities::{webhook, webhook_delivery},
    failure::{Failure, Outcome},
    journal::retried,
    lists,
};

#[async_trait]
impl WebhookQueue for PgStore {
    async fn filled(&self) -> Result<FeedPlace, StoreError> {
        let filled = sqlx::query_scalar("SELECT place FROM feed_marks WHERE name = 'webhooks'");
        let filled: i64 = filled.fetch_one(self.pool()).await.map_err(Failure::from)?;
        Ok(FeedPlace::new(count(filled)?))
    }

    async fn fill(&self, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Result<bool, StoreError> {
        Ok(retried(|| self.fill_once(seen, to, with)).await?)
    }

    async fn claim(&self, claim: DeliveryClaim<'_>) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let ids = retried(|| self.take_due(&claim)).await?;
        if ids.is_empty() { Ok(Vec::new()) } else { Ok(self.claimed(ids).await?) }
    }

    async fn settle(&self, settled: &Settled) -> Result<bool, StoreError> {
        Ok(retried(|| self.settle_once(settled)).await?)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let found = webhook_delivery::Entity::find_by_id(id.uuid()).one(self.management()).await;
        Ok(found.map_err(Failure::from)?.map(decode).transpose()?)
    }

    async fn deliveries(
        &self,
        webhook: WebhookId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut wanted =
            webhook_delivery::Entity::find().filter(webhook_delivery::Column::WebhookId.eq(webhook.uuid()));
        if let Some(state) = filter.state {
            wanted = wanted.filter(webhook_delivery::Column::State.eq(state.as_str()));
        }
        let newest = sorting("at", "delivery_id", SortOrder::Descending);
        let rows = newest.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, Delivery::cursor))
    }

    async fn redeliver(
        &self,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Delivery>, StoreError> {
        retried(|| self.redeliver_once(id, now, audit)).await?;
        self.delivery(id).await
    }

    async fn pending(&self) -> Result<u64, StoreError> {
        let most = i64::try_from(EXACT_TOTAL).unwrap_or(i64::MAX);
        let pending =
            "SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE state = 'pending' LIMIT $1) AS counted";
        let pending = sqlx::query_scalar(pending).bind(most);
        Ok(count(pending.fetch_one(self.pool()).await.map_err(Failure::from)?)?)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = || async {
            let forget = sqlx::query(include_str!("../sql/forget_deliveries.sql")).bind(before).bind(limit);
            Ok(forget.execute(self.pool()).await?.rows_affected())
        };
        Ok(retried(forget).await?)
    }
}

impl PgStore {
    async fn fill_once(&self, seen: FeedPlace, to: FeedPlace, with: &[Delivery]) -> Outcome<bool> {
        let column = |value: fn(&Delivery) -> String| with.iter().map(value).collect::<Vec<_>>();
        let places = with.iter().map(|delivery| signed(delivery.change.place.get())).collect::<Outcome<Vec<_>>>()?;
        let moved: i64 = sqlx::query_scalar(include_str!("../sql/fill_webhook_queue.sql"))
            .bind(signed(seen.get())?)
            .bind(signed(to.get())?)
            .bind(with.iter().map(|delivery| delivery.id.uuid()).collect::<Vec<_>>())
            .bind(with.iter().map(|delivery| delivery.webhook.uuid()).collect::<Vec<_>>())
            .bind(places)
            .bind(column(|delivery| delivery.change.run.to_string()))
            .bind(column(|delivery| delivery.change.workflow.to_string()))
            .bind(column(|delivery| delivery.change.workflow_name.clone()))
            .bind(column(|delivery| delivery.change.status.as_str().to_owned()))
            .bind(with.iter().map(|delivery| delivery.change.at).collect::<Vec<_>>())
            .bind(with.iter().map(|delivery| delivery.created_at).max())
            .fetch_one(self.pool())
            .await?;
        Ok(moved > 0)
    }

    async fn take_due(&self, claim: &DeliveryClaim<'_>) -> Outcome<Vec<Uuid>> {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let (webhooks, busy): (Vec<Uuid>, Vec<i64>) =
            claim.under_way.iter().map(|(webhook, busy)| (webhook.uuid(), number(*busy))).unzip();
        let claimed = sqlx::query_scalar(include_str!("../sql/claim_deliveries.sql"));
        let claimed = claimed.bind(claim.now).bind(claim.until).bind(webhooks).bind(busy);
        let claimed = claimed.bind(number(claim.per_webhook)).bind(number(claim.limit));
        Ok(claimed.fetch_all(self.pool()).await?)
    }

    /// The deliveries that were taken, with their webhooks. One whose webhook has gone meanwhile is gone too.
    async fn claimed(&self, ids: Vec<Uuid>) -> Outcome<Vec<ClaimedDelivery>> {
        let taken = webhook_delivery::Entity::find()
            .filter(webhook_delivery::Column::DeliveryId.is_in(ids))
            .order_by(webhook_delivery::Column::Place, Order::Asc);
        let rows = taken.all(self.management()).await?;
        let of: Vec<Uuid> = rows.iter().map(|row| row.webhook_id).collect();
        let webhooks = webhook::Entity::find().filter(webhook::Column::WebhookId.is_in(of));
        let webhooks = webhooks.all(self.management()).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(webhook) = webhooks.iter().find(|webhook| webhook.webhook_id == row.webhook_id) else { continue };
            let webhook = decode_webhook(webhook.clone(), &**self.vault())?;
            claimed.push(ClaimedDelivery { delivery: decode(row)?, webhook });
        }
        Ok(claimed)
    }

    async fn settle_once(&self, settled: &Settled) -> Outcome<bool> {
        let log = i32::try_from(MAX_LOG).unwrap_or(i32::MAX);
        let done: i64 = sqlx::query_scalar(include_str!("../sql/settle_delivery.sql"))
            .bind(settled.delivery.uuid())
            .bind(signed_small(settled.number)?)
            .bind(settled.state.as_str())
            .bind(settled.due_at)
            .bind(settled.at)
            .bind(json!([settled.attempt]))
            .bind(log)
            .fetch_one(self.pool())
            .await?;
        Ok(done > 0)
    }

    async fn redeliver_once(&self, id: DeliveryId, now: Timestamp, entry: &AuditEntry) -> Outcome<()> {
        let mut transaction = self.pool().begin().await?;
        let again = sqlx::query(include_str!("../sql/redeliver.sql")).bind(id.uuid()).bind(now);
        if again.execute(&mut *transaction).await?.rows_affected() > 0 {
            audit::write(&mut transaction, &[entry]).await?;
        }
        Ok(transaction.commit().await?)
    }
}

fn decode(row: webhook_delivery::Model) -> Outcome<Delivery> {
    Ok(Delivery {
        id: DeliveryId::new(row.delivery_id),
        webhook: WebhookId::new(row.webhook_id),
        change: RunChange {
            place: FeedPlace::new(count(row.place)?),
            at: row.at,
            run: parsed("run id", RunId::parse(&row.run_id))?,
            workflow: WorkflowRef::from_text(&row.workflow_id),
            workflow_name: row.workflow_name,
            status: sound("status", RunStatus::parse(&row.status))?,
        },
        state: sound("state", DeliveryState::parse(&row.state))?,
        attempts: small(row.attempts)?,
        due_at: row.due_at,
        created_at: row.created_at,
        settled_at: row.settled_at,
        log: parsed("log of attempts", serde_json::from_value(row.log))?,
    })
}
