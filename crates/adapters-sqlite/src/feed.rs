//! The feed of runs, which triggers write. One thread writes, so what is there is all that there is up to the last place.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{FeedPlace, RunId, WorkflowId},
    ports::{FeedSlice, RunFeed, StoreError},
    runs::{RunChange, RunStatus},
};
use rusqlite::{Connection, Row, params};

use crate::{
    SqliteStore,
    codec::{all, count, first, micros, parsed, signed, sound, text, time, uuid},
    failure::Outcome,
};

#[async_trait]
impl RunFeed for SqliteStore {
    async fn after(&self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError> {
        self.readers().read(move |connection| after(connection, place, limit)).await
    }

    async fn end(&self) -> Result<FeedPlace, StoreError> {
        self.readers().read(end).await
    }

    async fn forget(&self, before: Timestamp, up_to: FeedPlace, limit: usize) -> Result<u64, StoreError> {
        let work = move |connection: &Connection| forget(connection, before, up_to, limit);
        self.writer().work(move |session| session.transaction(work)).await
    }
}

fn end(connection: &Connection) -> Outcome<FeedPlace> {
    place(connection, "SELECT coalesce(max(place), 0) FROM run_changes")
}

fn place(connection: &Connection, sql: &str) -> Outcome<FeedPlace> {
    let found = first(&mut *connection.prepare_cached(sql)?, [], |row| count(row, 0))?;
    sound("place", found).map(FeedPlace::new)
}

fn after(connection: &Connection, after: FeedPlace, limit: usize) -> Outcome<FeedSlice> {
    let sql = "SELECT place, at, run_id, workflow_id, workflow_name, status FROM run_changes
               WHERE place > ?1 ORDER BY place LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(sql)?;
    let changes = all(&mut select, params![signed(after.get())?, limit], change)?;
    let forgotten = place(connection, "SELECT place FROM feed_marks WHERE name = 'forgotten'")?;
    Ok(FeedSlice { changes, missed: after < forgotten })
}

fn change(row: &Row<'_>) -> Outcome<RunChange> {
    Ok(RunChange {
        place: FeedPlace::new(count(row, 0)?),
        at: time(row, 1)?,
        run: parsed("run id", RunId::parse(text(row, 2)?))?,
        workflow: WorkflowId::new(uuid(row, 3)?).into(),
        workflow_name: text(row, 4)?.to_owned(),
        status: sound("status", RunStatus::parse(text(row, 5)?))?,
    })
}

/// The last row stays whatever its age: the next place is the one after it.
fn forget(connection: &Connection, before: Timestamp, up_to: FeedPlace, limit: usize) -> Outcome<u64> {
    let oldest = "SELECT place FROM
                    (SELECT place, at FROM run_changes WHERE place <= ?2 AND place < (SELECT max(place) FROM run_changes)
                     ORDER BY place LIMIT ?3)
                  WHERE at < ?1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(oldest)?;
    let places =
        all(&mut select, params![micros(before), signed(up_to.get())?, limit], |row| Ok(row.get::<_, i64>(0)?))?;
    let mut delete = connection.prepare_cached("DELETE FROM run_changes WHERE place = ?1")?;
    for place in &places {
        delete.execute([place])?;
    }
    if let Some(last) = places.iter().max() {
        let note = "UPDATE feed_marks SET place = max(place, ?1) WHERE name = 'forgotten'";
        connection.prepare_cached(note)?.execute([last])?;
    }
    Ok(places.len() as u64)
}
