//! Webhooks: their rows and reading them. The queue of their messages is in `webhooks/queue.rs`.

mod queue;

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    ids::WebhookId,
    page::{Page, PageRequest, SortOrder},
    ports::{StoreError, Vault, Webhooks},
    runs::RunStatus,
    webhooks::{DisabledWhy, PreviousSecret, SigningSecret, Webhook, WebhookName, WebhookUrl},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use serde_json::json;

use crate::{
    PgStore,
    codec::{count, parsed, signed, sound},
    entities::{webhook, webhook_delivery},
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
    secrets,
};

#[async_trait]
impl Webhooks for PgStore {
    async fn get(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let found = webhook::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(|row| decode(row, &**self.vault())).transpose()?)
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Webhook>, StoreError> {
        let wanted = webhook::Entity::find();
        // The column is compared by code points.
        let rows = sorting("name", "webhook_id", SortOrder::Ascending).page(self.management(), wanted.clone(), &page);
        let found = rows.await?.into_iter().map(|row| decode(row, &**self.vault())).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, Webhook::cursor))
    }

    async fn enabled(&self) -> Result<Vec<Webhook>, StoreError> {
        let enabled = webhook::Entity::find().filter(webhook::Column::DisabledWhy.is_null());
        let rows = enabled.all(self.management()).await.map_err(Failure::from)?;
        Ok(rows.into_iter().map(|row| decode(row, &**self.vault())).collect::<Outcome<_>>()?)
    }
}

fn sorting(value: &'static str, id: &'static str, order: SortOrder) -> Sorting {
    Sorting { value, id, times: Times::Zoned, ids: Ids::Uuid, order }
}

pub(crate) async fn insert(to: &DatabaseTransaction, webhook: &Webhook, vault: &dyn Vault) -> Outcome<u64> {
    let row = webhook::ActiveModel { failing_since: NotSet, ..encode(webhook, vault)? };
    Ok(webhook::Entity::insert(row).exec_without_returning(to).await?)
}

pub(crate) async fn update(to: &DatabaseTransaction, webhook: &Webhook, vault: &dyn Vault) -> Outcome<u64> {
    let updated = webhook::Entity::update_many()
        .set(encode(webhook, vault)?)
        .filter(webhook::Column::WebhookId.eq(webhook.id.uuid()))
        .filter(webhook::Column::Revision.eq(signed(webhook.revision)? - 1))
        .exec(to)
        .await?;
    Ok(updated.rows_affected)
}

pub(crate) async fn delete(to: &DatabaseTransaction, webhook: &Webhook) -> Outcome<u64> {
    let deleted = webhook::Entity::delete_many()
        .filter(webhook::Column::WebhookId.eq(webhook.id.uuid()))
        .filter(webhook::Column::Revision.eq(signed(webhook.revision)?))
        .exec(to)
        .await?;
    if deleted.rows_affected > 0 {
        let of_it = webhook_delivery::Column::WebhookId.eq(webhook.id.uuid());
        webhook_delivery::Entity::delete_many().filter(of_it).exec(to).await?;
    }
    Ok(deleted.rows_affected)
}

/// The row of a webhook. Since when it is failing is left as it is stored, unless it is not failing.
fn encode(webhook: &Webhook, vault: &dyn Vault) -> Outcome<webhook::ActiveModel> {
    let sealed = |secret: &SigningSecret| vault.seal(&Webhook::context(webhook.id), secret.text());
    let statuses: Vec<&str> = webhook.statuses.iter().map(|status| status.as_str()).collect();
    Ok(webhook::ActiveModel {
        webhook_id: Set(webhook.id.uuid()),
        name: Set(webhook.name.as_str().to_owned()),
        url: Set(webhook.url.as_str().to_owned()),
        description: Set(webhook.description.clone()),
        statuses: Set(json!(statuses)),
        workflows: Set(json!(webhook.workflows)),
        secret: Set(sealed(&webhook.secret)),
        previous_secret: Set(webhook.previous.as_ref().map(|previous| sealed(&previous.secret))),
        previous_until: Set(webhook.previous.as_ref().map(|previous| previous.until)),
        disabled_why: Set(webhook.disabled.map(|(why, _)| why.as_str().to_owned())),
        disabled_at: Set(webhook.disabled.map(|(_, at)| at)),
        since: Set(webhook.since),
        failing_since: if webhook.failing_since.is_some() { NotSet } else { Set(None) },
        revision: Set(signed(webhook.revision)?),
        created_at: Set(webhook.created_at),
        created_by: Set(webhook.created_by.clone()),
        updated_at: Set(webhook.updated_at),
    })
}

fn decode(row: webhook::Model, vault: &dyn Vault) -> Outcome<Webhook> {
    let id = WebhookId::new(row.webhook_id);
    let opened = |stored: &str| {
        let secret = vault.read(&Webhook::context(id), stored);
        let secret = secret.map_err(|broken| secrets::broken_webhook(&row.name, &broken))?;
        parsed("secret of a webhook", SigningSecret::parse(secret.reveal()))
    };
    let previous = match (&row.previous_secret, row.previous_until) {
        (Some(stored), Some(until)) => Some(PreviousSecret { secret: opened(stored)?, until }),
        _ => None,
    };
    let disabled = match (&row.disabled_why, row.disabled_at) {
        (Some(why), Some(at)) => Some((sound("reason", DisabledWhy::parse(why))?, at)),
        _ => None,
    };
    let statuses: Vec<String> = parsed("list of statuses", serde_json::from_value(row.statuses))?;
    let status = |text: &String| sound("status", RunStatus::parse(text));
    Ok(Webhook {
        id,
        url: parsed("URL of a webhook", WebhookUrl::parse(&row.url))?,
        description: row.description,
        statuses: statuses.iter().map(status).collect::<Outcome<BTreeSet<_>>>()?,
        workflows: parsed("list of workflows", serde_json::from_value(row.workflows))?,
        secret: opened(&row.secret)?,
        name: parsed("name of a webhook", WebhookName::parse(&row.name))?,
        previous,
        disabled,
        since: row.since,
        failing_since: row.failing_since,
        revision: count(row.revision)?,
        created_at: row.created_at,
        created_by: row.created_by,
        updated_at: row.updated_at,
    })
}
