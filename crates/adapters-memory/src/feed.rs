//! The feed of runs.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::FeedPlace,
    ports::{FeedSlice, RunFeed, StoreError},
    runs::{Run, RunChange},
};

use crate::MemoryStore;

/// The changes that are kept, in their order.
#[derive(Default)]
pub(crate) struct Feed {
    changes: Vec<RunChange>,
    end: FeedPlace,
    forgotten: FeedPlace,
}

impl Feed {
    pub(crate) fn note(&mut self, run: &Run) {
        self.end = self.end.next();
        self.changes.push(RunChange {
            place: self.end,
            at: run.updated_at,
            run: run.id.clone(),
            workflow: run.workflow.clone(),
            workflow_name: run.workflow_name.clone(),
            status: run.status,
        });
    }
}

#[async_trait]
impl RunFeed for MemoryStore {
    async fn after(&self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError> {
        let state = self.lock();
        let feed = &state.runs.feed;
        let first = feed.changes.partition_point(|change| change.place <= place);
        let changes = feed.changes[first..].iter().take(limit).cloned().collect();
        Ok(FeedSlice { changes, missed: place < feed.forgotten })
    }

    async fn end(&self) -> Result<FeedPlace, StoreError> {
        Ok(self.lock().runs.feed.end)
    }

    async fn forget(&self, before: Timestamp, up_to: FeedPlace, limit: usize) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let feed = &mut state.runs.feed;
        let oldest = feed.changes.iter().take(limit).filter(|change| change.place <= up_to && change.at < before);
        let gone: Vec<FeedPlace> = oldest.map(|change| change.place).collect();
        feed.changes.retain(|change| !gone.contains(&change.place));
        feed.forgotten = feed.forgotten.max(gone.iter().copied().max().unwrap_or_default());
        Ok(gone.len() as u64)
    }
}
