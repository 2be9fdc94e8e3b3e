//! Follows all runs: the changes of their statuses, each exactly once from a place on.

use std::sync::Arc;

use domain::{
    ids::{FeedPlace, WorkflowId},
    ports::{FeedWatch, FollowedFeed, RunFeed, StoreError},
    runs::{RunChange, RunStatus},
};

use crate::Ports;

/// How many changes are read at once.
const AT_ONCE: usize = 500;

/// How many reads a page may cost.
const READS: usize = 10;

/// Why the changes cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum FollowRunsError {
    /// Changes that the caller has not been told of may have been forgotten.
    #[error("changes that follow this place may have been forgotten")]
    Forgotten,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// From where on changes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowFrom {
    /// From now on.
    Now,
    /// From the oldest that is kept.
    Start,
    /// After this one.
    After(FeedPlace),
}

/// Which changes are wanted.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// Only of runs of this workflow, as it was addressed.
    pub workflow: Option<WorkflowId>,
    /// Only of runs of the workflow with this name.
    pub workflow_name: Option<String>,
    /// Only changes to this status.
    pub status: Option<RunStatus>,
}

impl ChangeFilter {
    fn takes(&self, change: &RunChange) -> bool {
        self.workflow.is_none_or(|workflow| change.workflow.definition() == Some(workflow))
            && self.workflow_name.as_ref().is_none_or(|name| change.workflow_name == *name)
            && self.status.is_none_or(|status| change.status == status)
    }
}

/// A piece of the changes.
#[derive(Debug)]
pub struct RunChanges {
    /// Those that are wanted, in order.
    pub changes: Vec<RunChange>,
    /// Everything up to this place has been looked at.
    pub looked_at: FeedPlace,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Follows all runs.
pub struct FollowRuns {
    feed: Arc<dyn RunFeed>,
    watch: Arc<dyn FeedWatch>,
}

impl FollowRuns {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { feed: ports.feed.clone(), watch: ports.feed_watch.clone() }
    }

    /// The changes that there are now, at most so many.
    pub async fn page(
        &self,
        from: FollowFrom,
        limit: u32,
        filter: &ChangeFilter,
    ) -> Result<RunChanges, FollowRunsError> {
        let limit = limit as usize;
        let mut looked_at = self.place(from).await?;
        let mut changes = Vec::new();
        for read in 1.. {
            let slice = self.feed.after(looked_at, AT_ONCE).await?;
            if slice.missed && from != FollowFrom::Start {
                return Err(FollowRunsError::Forgotten);
            }
            let mut has_more = slice.changes.len() == AT_ONCE;
            for change in slice.changes {
                if changes.len() == limit {
                    has_more = true;
                    break;
                }
                looked_at = change.place;
                if filter.takes(&change) {
                    changes.push(change);
                }
            }
            if !has_more || changes.len() == limit || read == READS {
                return Ok(RunChanges { changes, looked_at, has_more });
            }
        }
        unreachable!("the loop ends after some reads")
    }

    /// Follows the changes from a place on.
    pub async fn follow(&self, from: FollowFrom, filter: ChangeFilter) -> Result<FollowingRuns, FollowRunsError> {
        let followed = self.watch.follow();
        let place = self.place(from).await?;
        if let FollowFrom::After(place) = from
            && self.feed.after(place, 1).await?.missed
        {
            return Err(FollowRunsError::Forgotten);
        }
        Ok(FollowingRuns { followed, place, filter, from_start: from == FollowFrom::Start })
    }

    async fn place(&self, from: FollowFrom) -> Result<FeedPlace, StoreError> {
        match from {
            FollowFrom::Now => self.feed.end().await,
            FollowFrom::Start => Ok(FeedPlace::default()),
            FollowFrom::After(place) => Ok(place),
        }
    }
}

/// Somebody who follows all runs.
pub struct FollowingRuns {
    followed: Box<dyn FollowedFeed>,
    place: FeedPlace,
    filter: ChangeFilter,
    /// What was forgotten before the first one that is told does not matter.
    from_start: bool,
}

impl FollowingRuns {
    /// The next changes, among which there may be none that is wanted; the place tells how far it has come. `None` if changes were
    /// forgotten before they could be told. Dropping the future, or an error, loses nothing.
    pub async fn next(&mut self) -> Result<Option<RunChanges>, StoreError> {
        let slice = self.followed.after(self.place, AT_ONCE).await?;
        if slice.missed && !self.from_start {
            return Ok(None);
        }
        self.from_start = false;
        self.place = slice.changes.last().map_or(self.place, |last| last.place);
        let has_more = slice.changes.len() == AT_ONCE;
        let changes = slice.changes.into_iter().filter(|change| self.filter.takes(change)).collect();
        Ok(Some(RunChanges { changes, looked_at: self.place, has_more }))
    }

    /// Up to where it has been told.
    pub fn place(&self) -> FeedPlace {
        self.place
    }
}
