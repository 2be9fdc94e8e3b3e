//! The inboxes of runs.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{Epoch, ExecutorId, InboxId, RunId, StepPath},
    ports::{Appended, DONE_BEFORE, InboxNote, Mail, RunInbox, StoreError},
    runs::{InboxEntry, RunStatus},
};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    PgStore, audit,
    codec::{count, parsed, sound},
    doorbell,
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl RunInbox for PgStore {
    async fn append(&self, note: &InboxNote, audit: Option<Arc<AuditEntry>>) -> Result<Appended, StoreError> {
        match retried(|| self.append_once(note, audit.as_deref())).await {
            // Its entry is there, so the message was, and its run's owner has taken it out.
            Err(Failure::Conflict(DONE_BEFORE)) => Ok(Appended::Waiting),
            other => Ok(other?),
        }
    }

    async fn mail_for(&self, executor: ExecutorId, limit: usize) -> Result<Vec<Mail>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = sqlx::query_as(include_str!("sql/mail_for.sql")).bind(executor.uuid()).bind(limit);
        let rows: Vec<(String, i64, i64, Value)> = select.fetch_all(self.leases()).await.map_err(Failure::from)?;
        Ok(by_run(rows)?)
    }

    async fn waiting_for(
        &self,
        event: &str,
        correlation: &str,
        limit: usize,
    ) -> Result<Vec<(RunId, StepPath)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = sqlx::query_as(include_str!("sql/waiting_for.sql")).bind(event).bind(correlation).bind(limit);
        let rows: Vec<(String, String)> = select.fetch_all(self.pool()).await.map_err(Failure::from)?;
        let found = rows.into_iter().map(|(run, path)| {
            Ok((parsed("run id", RunId::parse(&run))?, parsed("step path", StepPath::parse(&path))?))
        });
        Ok(found.collect::<Outcome<_>>()?)
    }

    async fn rouse(&self, now: Timestamp) -> Result<u64, StoreError> {
        let update = sqlx::query(include_str!("sql/rouse.sql")).bind(now);
        Ok(update.execute(self.leases()).await.map_err(Failure::from)?.rows_affected())
    }
}

impl PgStore {
    /// The head is locked first: whoever gives the run back meanwhile sees the entry, or is seen here.
    async fn append_once(&self, note: &InboxNote, entry: Option<&AuditEntry>) -> Outcome<Appended> {
        let run = note.run.as_str();
        let mut transaction = self.pool().begin().await?;
        let phase: Option<i16> = sqlx::query_scalar("SELECT phase FROM run_heads WHERE run_id = $1 FOR NO KEY UPDATE")
            .bind(run)
            .fetch_optional(&mut *transaction)
            .await?;
        match phase {
            None => return Ok(Appended::Gone),
            Some(0) => {}
            Some(_) => {
                let status: String = sqlx::query_scalar("SELECT status::text FROM workflow_runs WHERE run_id = $1")
                    .bind(run)
                    .fetch_one(&mut *transaction)
                    .await?;
                return Ok(Appended::Over(sound("status", RunStatus::parse(&status))?));
            }
        }
        let body = serde_json::to_value(&note.message).map_err(|error| Failure::Unstorable(error.to_string()))?;
        let put = "INSERT INTO run_inbox (run_id, dedupe, body, at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (run_id, dedupe) DO NOTHING";
        let put = sqlx::query(put).bind(run).bind(&note.dedupe).bind(body).bind(note.at);
        let is_new = put.execute(&mut *transaction).await?.rows_affected() > 0;
        audit::write(&mut transaction, entry.filter(|_| is_new).as_slice()).await.map_err(audit::done_before)?;
        let wake =
            "UPDATE run_heads SET wake_at = least(coalesce(wake_at, $2), $2) WHERE run_id = $1 AND owner IS NULL";
        sqlx::query(wake).bind(run).bind(note.at).execute(&mut *transaction).await?;
        doorbell::ring_now(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Appended::Waiting)
    }
}

/// The entries of each run, oldest first.
fn by_run(rows: Vec<(String, i64, i64, Value)>) -> Outcome<Vec<Mail>> {
    let mut mail: Vec<Mail> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (run, epoch, id, body) in rows {
        let Some(entry) = entry(&run, id, body)? else { continue };
        if let Some(place) = places.get(&run) {
            mail[*place].entries.push(entry);
        } else {
            let id = parsed("run id", RunId::parse(&run))?;
            places.insert(run, mail.len());
            mail.push(Mail { run: id, epoch: Epoch::new(count(epoch)?), entries: vec![entry] });
        }
    }
    Ok(mail)
}

/// None for a message that this version does not know: it waits for an executor that does.
fn entry(run: &str, id: i64, body: Value) -> Outcome<Option<InboxEntry>> {
    match serde_json::from_value(body) {
        Ok(message) => Ok(Some(InboxEntry { id: InboxId::new(count(id)?), message })),
        Err(error) => {
            tracing::warn!(run.id = run, %error, "a message to a run cannot be read and is left where it is");
            Ok(None)
        }
    }
}

/// What waits for each of some runs, oldest first.
pub(crate) async fn of_runs(connection: &mut PgConnection, runs: &[&str]) -> Outcome<HashMap<String, Vec<InboxEntry>>> {
    let select = sqlx::query_as(include_str!("sql/inboxes.sql")).bind(runs);
    let rows: Vec<(String, i64, Value)> = select.fetch_all(connection).await?;
    let mut inboxes: HashMap<String, Vec<InboxEntry>> = HashMap::new();
    for (run, id, body) in rows {
        if let Some(entry) = entry(&run, id, body)? {
            inboxes.entry(run).or_default().push(entry);
        }
    }
    Ok(inboxes)
}
