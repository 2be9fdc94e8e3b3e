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
use rusqlite::{Connection, Row, named_params, params, params_from_iter};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    SqliteStore,
    codec::{all, count, first, maybe_time, micros, parsed, signed, sound, text, time, uuid},
    failure::{Failure, Outcome},
    lists::{Conditions, Id},
    secrets,
};

/// `failing_since` is the last, because changes leave it alone.
const WEBHOOK: &str =
    "webhook_id, name, url, description, statuses, workflows, secret, previous_secret, previous_until,
    disabled_why, disabled_at, revision, created_at, created_by, updated_at, since, failing_since";

const CHANGED: &str =
    "webhook_id, name, url, description, statuses, workflows, secret, previous_secret, previous_until,
    disabled_why, disabled_at, revision, created_at, created_by, updated_at, since";

const VALUES: &str = ":webhook_id, :name, :url, :description, :statuses, :workflows, :secret, :previous_secret,
    :previous_until, :disabled_why, :disabled_at, :revision, :created_at, :created_by, :updated_at, :since";

#[async_trait]
impl Webhooks for SqliteStore {
    async fn get(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let vault = self.vault().clone();
        self.readers().read(move |connection| get(connection, id, &*vault)).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Webhook>, StoreError> {
        let vault = self.vault().clone();
        let read = move |connection: &Connection| {
            let every = Conditions::default();
            let following = every.after(&page, ["name", "webhook_id"], SortOrder::Ascending, Id::Uuid)?;
            let wanted = following.sql();
            let sql = format!("SELECT {WEBHOOK} FROM webhooks{wanted} ORDER BY name, webhook_id LIMIT ? OFFSET ?");
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, |row| webhook(row, &*vault))?;
            let total = every.total(connection, &page, "webhooks", "rowid")?;
            Ok(Page::of(found, &page, total, Webhook::cursor))
        };
        self.readers().read(read).await
    }

    async fn enabled(&self) -> Result<Vec<Webhook>, StoreError> {
        let vault = self.vault().clone();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {WEBHOOK} FROM webhooks WHERE disabled_why IS NULL");
            all(&mut *connection.prepare_cached(&sql)?, [], |row| webhook(row, &*vault))
        };
        self.readers().read(read).await
    }
}

fn get(connection: &Connection, id: WebhookId, vault: &dyn Vault) -> Outcome<Option<Webhook>> {
    let sql = format!("SELECT {WEBHOOK} FROM webhooks WHERE webhook_id = ?1");
    first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], |row| webhook(row, vault))
}

/// A change of a unit of work.
pub(crate) enum WebhookChange {
    Add(Webhook),
    Replace(Webhook),
    Remove(Webhook),
}

impl WebhookChange {
    /// Answers how many rows were changed; a taken id or name violates a constraint.
    pub(crate) fn make(&self, connection: &Connection, vault: &dyn Vault) -> Outcome<usize> {
        match self {
            Self::Add(webhook) => {
                write(connection, &format!("INSERT INTO webhooks ({CHANGED}) VALUES ({VALUES})"), webhook, vault)
            }
            Self::Replace(webhook) => {
                let sql = format!(
                    "UPDATE webhooks SET ({CHANGED}) = ({VALUES}) WHERE webhook_id = :webhook_id AND revision = :revision - 1"
                );
                let replaced = write(connection, &sql, webhook, vault)?;
                if webhook.failing_since.is_none() {
                    let clear = "UPDATE webhooks SET failing_since = NULL WHERE webhook_id = ?1 AND revision = ?2";
                    let revision = signed(webhook.revision)?;
                    connection.prepare_cached(clear)?.execute(params![webhook.id.uuid().as_bytes(), revision])?;
                }
                Ok(replaced)
            }
            Self::Remove(webhook) => {
                let sql = "DELETE FROM webhooks WHERE webhook_id = ?1 AND revision = ?2";
                let revision = signed(webhook.revision)?;
                let removed =
                    connection.prepare_cached(sql)?.execute(params![webhook.id.uuid().as_bytes(), revision])?;
                if removed > 0 {
                    let sql = "DELETE FROM webhook_deliveries WHERE webhook_id = ?1";
                    connection.prepare_cached(sql)?.execute([webhook.id.uuid().as_bytes()])?;
                }
                Ok(removed)
            }
        }
    }
}

fn write(connection: &Connection, sql: &str, webhook: &Webhook, vault: &dyn Vault) -> Outcome<usize> {
    let sealed = |secret: &SigningSecret| vault.seal(&Webhook::context(webhook.id), secret.text());
    let statuses: Vec<&str> = webhook.statuses.iter().map(|status| status.as_str()).collect();
    let values = named_params! {
        ":webhook_id": webhook.id.uuid().into_bytes(),
        ":name": webhook.name.as_str(),
        ":url": webhook.url.as_str(),
        ":description": webhook.description,
        ":statuses": json(&statuses)?,
        ":workflows": json(&webhook.workflows)?,
        ":secret": sealed(&webhook.secret),
        ":previous_secret": webhook.previous.as_ref().map(|previous| sealed(&previous.secret)),
        ":previous_until": webhook.previous.as_ref().map(|previous| micros(previous.until)),
        ":disabled_why": webhook.disabled.map(|(why, _)| why.as_str()),
        ":disabled_at": webhook.disabled.map(|(_, at)| micros(at)),
        ":revision": signed(webhook.revision)?,
        ":created_at": micros(webhook.created_at),
        ":created_by": webhook.created_by,
        ":updated_at": micros(webhook.updated_at),
        ":since": micros(webhook.since),
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn webhook(row: &Row<'_>, vault: &dyn Vault) -> Outcome<Webhook> {
    let id = WebhookId::new(uuid(row, 0)?);
    let name = parsed("name of a webhook", WebhookName::parse(text(row, 1)?))?;
    let opened = |stored: &str| {
        let secret = vault.read(&Webhook::context(id), stored);
        let secret = secret.map_err(|broken| secrets::broken_webhook(name.as_str(), &broken))?;
        parsed("secret of a webhook", SigningSecret::parse(secret.reveal()))
    };
    let statuses: Vec<String> = stored_json(row, 4)?;
    let status = |text: &String| sound("status", RunStatus::parse(text));
    let previous = match (row.get::<_, Option<String>>(7)?, maybe_time(row, 8)?) {
        (Some(stored), Some(until)) => Some(PreviousSecret { secret: opened(&stored)?, until }),
        _ => None,
    };
    let disabled = match (row.get::<_, Option<String>>(9)?, maybe_time(row, 10)?) {
        (Some(why), Some(at)) => Some((sound("reason", DisabledWhy::parse(&why))?, at)),
        _ => None,
    };
    Ok(Webhook {
        id,
        url: parsed("URL of a webhook", WebhookUrl::parse(text(row, 2)?))?,
        description: row.get(3)?,
        statuses: statuses.iter().map(status).collect::<Outcome<BTreeSet<_>>>()?,
        workflows: stored_json(row, 5)?,
        secret: opened(text(row, 6)?)?,
        name,
        previous,
        disabled,
        revision: count(row, 11)?,
        created_at: time(row, 12)?,
        created_by: text(row, 13)?.to_owned(),
        updated_at: time(row, 14)?,
        since: time(row, 15)?,
        failing_since: maybe_time(row, 16)?,
    })
}

fn json<T: Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Failure::Unstorable(error.to_string()))
}

fn stored_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Outcome<T> {
    parsed("list", serde_json::from_str(text(row, column)?))
}
