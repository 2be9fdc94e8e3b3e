//! Clearing away runs that ended long ago. What may go is looked for by a reader, so that nobody waits for it, and looked at once
//! more by the writer, since a run may have been resumed in between.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ports::{OldRuns, StoreError},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    codec::{all, micros, text},
    failure::Outcome,
};

/// The first runs of families, those first that changed last the longest ago.
const FIRST: &str = "SELECT r.run FROM workflow_runs r
    WHERE r.updated_at < ?1 AND r.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
      AND (r.parent IS NULL OR NOT EXISTS (SELECT 1 FROM workflow_runs p WHERE p.run = r.parent))
    ORDER BY r.updated_at, r.run_id";

/// The runs of a family, and whether each is over for long enough.
const FAMILY: &str = "WITH RECURSIVE family (run) AS (
      VALUES (?1) UNION SELECT c.run FROM workflow_runs c JOIN family f ON c.parent = f.run
    )
    SELECT f.run, r.run_id, r.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND r.updated_at < ?2
        AND NOT EXISTS (SELECT 1 FROM run_heads h WHERE h.run = f.run AND (h.phase = 0 OR h.owner IS NOT NULL))
    FROM family f JOIN workflow_runs r ON r.run = f.run";

/// The runs that dead letters name.
const LETTERS: &str = "SELECT run_id FROM dlq_entries UNION SELECT last_run_id FROM dlq_entries
    UNION SELECT replayed_run_id FROM dlq_entries WHERE replayed_run_id IS NOT NULL";

/// Everything that is kept of a run.
const TABLES: [&str; 8] = [
    "DELETE FROM run_inputs WHERE run = ?1",
    "DELETE FROM run_outputs WHERE run = ?1",
    "DELETE FROM run_events WHERE run = ?1",
    "DELETE FROM step_executions WHERE run = ?1",
    "DELETE FROM run_inbox WHERE run = ?1",
    "DELETE FROM run_waits WHERE run = ?1",
    "DELETE FROM run_heads WHERE run = ?1",
    "DELETE FROM workflow_runs WHERE run = ?1",
];

#[async_trait]
impl OldRuns for SqliteStore {
    async fn remove_ended(&self, before: Timestamp, families: usize) -> Result<u64, StoreError> {
        let found = self.readers().read(move |connection| find(connection, before, families)).await?;
        if found.is_empty() {
            return Ok(0);
        }
        let remove = move |connection: &Connection| remove(connection, before, &found);
        self.writer().work(move |session| session.transaction(remove)).await
    }
}

fn find(connection: &Connection, before: Timestamp, families: usize) -> Outcome<Vec<i64>> {
    let named = named(connection)?;
    let mut found = Vec::new();
    let mut first = connection.prepare_cached(FIRST)?;
    let mut rows = first.query([micros(before)])?;
    while found.len() < families
        && let Some(row) = rows.next()?
    {
        let run = row.get(0)?;
        if family(connection, run, before, &named)?.is_some() {
            found.push(run);
        }
    }
    Ok(found)
}

fn remove(connection: &Connection, before: Timestamp, found: &[i64]) -> Outcome<u64> {
    let named = named(connection)?;
    let mut gone = 0;
    for first in found {
        for run in family(connection, *first, before, &named)?.unwrap_or_default() {
            for delete in TABLES {
                connection.prepare_cached(delete)?.execute([run])?;
            }
            gone += 1;
        }
    }
    Ok(gone)
}

/// The runs of a family, if all of it may go.
fn family(
    connection: &Connection,
    first: i64,
    before: Timestamp,
    named: &HashSet<String>,
) -> Outcome<Option<Vec<i64>>> {
    let mut select = connection.prepare_cached(FAMILY)?;
    let runs = all(&mut select, params![first, micros(before)], |row| {
        let may_go = row.get::<_, bool>(2)? && !named.contains(text(row, 1)?);
        Ok((row.get::<_, i64>(0)?, may_go))
    })?;
    let may_go = runs.iter().all(|(_, may_go)| *may_go);
    Ok(may_go.then(|| runs.into_iter().map(|(run, _)| run).collect()))
}

/// The runs that dead letters and schedules name.
fn named(connection: &Connection) -> Outcome<HashSet<String>> {
    let letters = all(&mut *connection.prepare_cached(LETTERS)?, [], |row| Ok(text(row, 0)?.to_owned()))?;
    let ticks = "SELECT last_started FROM schedules WHERE last_started IS NOT NULL";
    let started = all(&mut *connection.prepare_cached(ticks)?, [], |row| {
        let tick = domain::ids::TickId::new(crate::codec::uuid(row, 0)?);
        Ok(tick.run().to_string())
    })?;
    Ok(letters.into_iter().chain(started).collect())
}
