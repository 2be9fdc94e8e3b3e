//! The feed of runs. The triggers that write it, and why it is read only up to its end, are in the migration `m0015_run_feed`.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{FeedPlace, RunId, WorkflowRef},
    ports::{FeedSlice, RunFeed, StoreError},
    runs::{RunChange, RunStatus},
};

use crate::{
    PgStore,
    codec::{count, signed},
    failure::Outcome,
    journal::retried,
};

/// A row as it is stored.
type Row = (i64, Timestamp, String, String, String, String);

#[async_trait]
impl RunFeed for PgStore {
    async fn after(&self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError> {
        Ok(self.feed_after(place, limit).await?)
    }

    async fn end(&self) -> Result<FeedPlace, StoreError> {
        Ok(self.feed_end().await?)
    }

    async fn forget(&self, before: Timestamp, up_to: FeedPlace, limit: usize) -> Result<u64, StoreError> {
        let (up_to, limit) = (signed(up_to.get())?, i64::try_from(limit).unwrap_or(i64::MAX));
        let forget = || async {
            let forget = sqlx::query_scalar(include_str!("sql/forget_changes.sql"));
            count(forget.bind(before).bind(up_to).bind(limit).fetch_one(self.pool()).await?)
        };
        Ok(retried(forget).await?)
    }
}

impl PgStore {
    async fn feed_end(&self) -> Outcome<FeedPlace> {
        let end: i64 = sqlx::query_scalar(include_str!("sql/feed_end.sql")).fetch_one(self.pool()).await?;
        Ok(FeedPlace::new(count(end)?))
    }

    async fn feed_after(&self, place: FeedPlace, limit: usize) -> Outcome<FeedSlice> {
        // A statement of its own: the next one must see what had become visible when this one was answered.
        let end = self.feed_end().await?;
        let mut slice = FeedSlice::default();
        let mut from = place;
        while from < end && slice.changes.is_empty() {
            let rows = self.feed_rows(from, end, limit).await?;
            // After the rows, so that what is forgotten in between counts as missed.
            slice.missed |= from < self.forgotten().await?;
            let Some((last, ..)) = rows.last() else { break };
            from = FeedPlace::new(count(*last)?);
            slice.changes = rows.into_iter().filter_map(change).collect();
        }
        Ok(slice)
    }

    async fn feed_rows(&self, after: FeedPlace, end: FeedPlace, limit: usize) -> Outcome<Vec<Row>> {
        let rows = sqlx::query_as(include_str!("sql/feed_after.sql")).bind(signed(after.get())?);
        let rows = rows.bind(signed(end.get())?).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(rows.fetch_all(self.pool()).await?)
    }

    async fn forgotten(&self) -> Outcome<FeedPlace> {
        let forgotten = "SELECT place FROM feed_marks WHERE name = 'forgotten'";
        Ok(FeedPlace::new(count(sqlx::query_scalar(forgotten).fetch_one(self.pool()).await?)?))
    }
}

/// None for what no reader could do anything with: another system may write what this one would not. It must not hold up all that
/// follows.
fn change((place, at, run, workflow, workflow_name, status): Row) -> Option<RunChange> {
    let (Ok(id), Some(known), Ok(number)) = (RunId::parse(&run), RunStatus::parse(&status), count(place)) else {
        tracing::warn!(run.id = run, status, "a change of a run cannot be read, and is left out of the feed");
        return None;
    };
    let (place, workflow) = (FeedPlace::new(number), WorkflowRef::from_text(&workflow));
    Some(RunChange { place, at, run: id, workflow, workflow_name, status: known })
}
