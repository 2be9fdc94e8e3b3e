//! The inboxes of runs.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Timestamp,
    audit::AuditEntry,
    ids::{Epoch, ExecutorId, InboxId, RunId, StepPath},
    ports::{Appended, DONE_BEFORE, InboxNote, Mail, RunInbox, StoreError},
    runs::{AdvanceRun, InboxEntry, RunStatus, Wake},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    codec::{all, count, first, micros, parsed, signed, sound, text},
    failure::{Failure, Outcome},
    families,
    rows::{LIVE, number_of},
};

#[async_trait]
impl RunInbox for SqliteStore {
    async fn append(&self, note: &InboxNote, audit: Option<Arc<AuditEntry>>) -> Result<Appended, StoreError> {
        let note = note.clone();
        let work = move |connection: &Connection| {
            let (appended, is_new) = put(connection, &note)?;
            if let Some(entry) = audit.filter(|_| is_new) {
                crate::audit::write(connection, &entry)?;
            }
            Ok(appended)
        };
        match self.writer().work(move |session| session.transaction(work)).await {
            // Its entry is there, so the message was, and its run's owner has taken it out.
            Err(StoreError::Conflict(DONE_BEFORE)) => Ok(Appended::Waiting),
            other => other,
        }
    }

    async fn mail_for(&self, executor: ExecutorId, limit: usize) -> Result<Vec<Mail>, StoreError> {
        self.readers().read(move |connection| mail_for(connection, executor, limit)).await
    }

    async fn waiting_for(
        &self,
        event: &str,
        correlation: &str,
        limit: usize,
    ) -> Result<Vec<(RunId, StepPath)>, StoreError> {
        let (event, correlation) = (event.to_owned(), correlation.to_owned());
        self.readers().read(move |connection| families::waiting_for(connection, &event, &correlation, limit)).await
    }

    /// One writer does both at once: nobody is ever left waiting.
    async fn rouse(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

pub(crate) fn append(connection: &Connection, note: &InboxNote) -> Outcome<Appended> {
    put(connection, note).map(|(appended, _)| appended)
}

/// Also answers whether the message was not there before.
fn put(connection: &Connection, note: &InboxNote) -> Outcome<(Appended, bool)> {
    let Some(run) = number_of(connection, &note.run)? else { return Ok((Appended::Gone, false)) };
    let mut select = connection
        .prepare_cached("SELECT phase, status FROM run_heads JOIN workflow_runs USING (run) WHERE run = ?1")?;
    let head = first(&mut select, [run], |row| {
        Ok((row.get::<_, i64>(0)?, sound("status", RunStatus::parse(text(row, 1)?))?))
    })?;
    match head {
        None => return Ok((Appended::Gone, false)),
        Some((LIVE, _)) => {}
        Some((_, status)) => return Ok((Appended::Over(status), false)),
    }
    let body = serde_json::to_string(&note.message).map_err(|error| Failure::Corrupt(error.to_string()))?;
    let put = connection
        .prepare_cached("INSERT INTO run_inbox (run, dedupe, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![run, note.dedupe, body])?;
    connection
        .prepare_cached(
            "UPDATE run_heads SET wake_at = min(coalesce(wake_at, ?2), ?2) WHERE run = ?1 AND owner IS NULL",
        )?
        .execute(params![run, micros(note.at)])?;
    Ok((Appended::Waiting, put > 0))
}

fn mail_for(connection: &Connection, executor: ExecutorId, limit: usize) -> Outcome<Vec<Mail>> {
    // From the inbox to the heads: what waits is little, what an executor owns may be much.
    let mut select = connection.prepare_cached(
        "SELECT i.run, run_id, epoch FROM (SELECT DISTINCT run FROM run_inbox) AS i
         CROSS JOIN run_heads AS h ON h.run = i.run CROSS JOIN workflow_runs AS r ON r.run = i.run
         WHERE h.owner = ?1 AND h.phase = 0 LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let runs = all(&mut select, params![executor.uuid().as_bytes(), limit], |row| {
        Ok((row.get::<_, i64>(0)?, parsed("run id", RunId::parse(text(row, 1)?))?, Epoch::new(count(row, 2)?)))
    })?;
    let mail = |(number, run, epoch)| Ok(Mail { run, epoch, entries: entries(connection, number)? });
    runs.into_iter().map(mail).collect()
}

/// What waits for a run, oldest first.
pub(crate) fn entries(connection: &Connection, run: i64) -> Outcome<Vec<InboxEntry>> {
    let mut select = connection.prepare_cached("SELECT id, body FROM run_inbox WHERE run = ?1 ORDER BY id")?;
    all(&mut select, [run], |row| {
        let message = parsed("message", serde_json::from_str(text(row, 1)?))?;
        Ok(InboxEntry { id: InboxId::new(count(row, 0)?), message })
    })
}

/// Takes out what a commit has drained, empties the inbox of a run that has ended, and wakes a run that was given back in spite
/// of its mail.
pub(crate) fn settle(connection: &Connection, run: i64, advance: &AdvanceRun) -> Outcome<()> {
    for id in &advance.drained {
        connection
            .prepare_cached("DELETE FROM run_inbox WHERE run = ?1 AND id = ?2")?
            .execute(params![run, signed(id.get())?])?;
    }
    match advance.wake {
        Wake::Owned | Wake::Never => {}
        Wake::At(_) | Wake::Asleep => {
            connection
                .prepare_cached(
                    "UPDATE run_heads SET wake_at = min(coalesce(wake_at, ?2), ?2)
                     WHERE run = ?1 AND owner IS NULL AND phase = 0 AND EXISTS (SELECT 1 FROM run_inbox WHERE run = ?1)",
                )?
                .execute(params![run, micros(advance.at)])?;
        }
    }
    if advance.update.as_ref().is_some_and(|update| update.status.is_terminal()) {
        clear(connection, run)?;
    }
    Ok(())
}

/// Empties the inbox of a run.
pub(crate) fn clear(connection: &Connection, run: i64) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM run_inbox WHERE run = ?1")?.execute([run])?;
    Ok(())
}
