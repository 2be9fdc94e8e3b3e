//! Cancels or retries many runs at once: those that a filter finds, or those that are named. Each run has an outcome of its own.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    Timestamp,
    access::Actor,
    ids::{BulkId, RunId},
    page::{MAX_PAGE_SIZE, Page, PageRequest, SortOrder},
    ports::{IdGenerator, Runs, StoreError},
    runs::{RunFilter, RunSort, RunStatus},
};

use super::{CancelRun, CancelRunError, RetryRun, RetryRunError};
use crate::{Ports, done_before::DoneBefore};

/// The most runs that one request changes; who wants more asks again, for what is left.
pub const MAX_CHANGED: u32 = 1000;

/// Which runs are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// These.
    Named(Vec<RunId>),
    /// The oldest that a filter finds.
    Found {
        /// The filter.
        filter: RunFilter,
        /// How many at the most.
        limit: u32,
    },
}

/// What is done to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// They are cancelled.
    Cancel {
        /// Why.
        reason: Option<String>,
    },
    /// They are retried.
    Retry,
}

/// What became of a run.
#[derive(Debug)]
pub enum Changed {
    /// It would be changed; nothing was done.
    Would,
    /// It was changed, and has this status now.
    Done(RunStatus),
    /// It was not cancelled.
    NotCancelled(CancelRunError),
    /// It was not retried.
    NotRetried(RetryRunError),
}

/// The outcome of a request for many runs.
#[derive(Debug)]
pub struct ManyChanged {
    /// Each run with what became of it, in the order in which they were dealt with.
    pub runs: Vec<(RunId, Changed)>,
    /// Whether there are more that the filter finds.
    pub more: bool,
}

/// Changes many runs.
pub struct ChangeManyRuns {
    runs: Arc<dyn Runs>,
    ids: Arc<dyn IdGenerator>,
    cancel: CancelRun,
    retry: RetryRun,
    done_before: DoneBefore,
}

impl ChangeManyRuns {
    pub(crate) fn new(ports: &Ports) -> Self {
        let (cancel, retry) = (CancelRun::new(ports), RetryRun::new(ports));
        let done_before = DoneBefore::new(ports);
        Self { runs: ports.runs.clone(), ids: ports.ids.clone(), cancel, retry, done_before }
    }

    /// Changes the runs one after the other, or says which ones would be changed. An error of one stops nothing but where the
    /// store cannot be reached.
    pub async fn execute(
        &self,
        selection: Selection,
        change: &Change,
        dry_run: bool,
        by: &Actor,
    ) -> Result<ManyChanged, StoreError> {
        let bulk = BulkId::new(self.ids.unique());
        let (selection, before) = self.left_of(selection, bulk, by).await?;
        let (ids, more) = self.select(selection, change).await?;
        let mut runs = Vec::with_capacity(before.len() + ids.len());
        for id in before.into_iter().chain(ids) {
            let changed =
                if dry_run { self.would(&id, change).await? } else { self.change(&id, change, by, bulk).await };
            runs.push((id, changed));
        }
        Ok(ManyChanged { runs, more })
    }

    /// What an attempt that could not answer has left of a selection, and the runs that it has changed. Those that are named are
    /// known as they come.
    async fn left_of(
        &self,
        selection: Selection,
        bulk: BulkId,
        by: &Actor,
    ) -> Result<(Selection, Vec<RunId>), StoreError> {
        let Selection::Found { filter, limit } = selection else { return Ok((selection, Vec::new())) };
        let changed = self.done_before.among(bulk, by).await?;
        let changed: Vec<RunId> = changed.iter().filter_map(|run| RunId::parse(run.as_str()).ok()).collect();
        let done = u32::try_from(changed.len()).unwrap_or(u32::MAX);
        Ok((Selection::Found { filter, limit: limit.min(MAX_CHANGED).saturating_sub(done) }, changed))
    }

    async fn select(&self, selection: Selection, change: &Change) -> Result<(Vec<RunId>, bool), StoreError> {
        let (filter, limit) = match selection {
            Selection::Named(ids) => {
                let mut seen = BTreeSet::new();
                return Ok((ids.into_iter().filter(|id| seen.insert(id.clone())).collect(), false));
            }
            Selection::Found { filter, limit } => (filter, limit),
        };
        let statuses = if filter.statuses.is_empty() { change.takes() } else { &filter.statuses };
        let limit = usize::try_from(limit.min(MAX_CHANGED)).unwrap_or(usize::MAX);
        let (mut found, mut more) = (Vec::new(), false);
        // Each by itself, in the order of an index.
        for &status in statuses {
            let filter = RunFilter { statuses: vec![status], ..filter.clone() };
            more |= self.oldest(&filter, limit, &mut found).await?;
        }
        found.sort();
        more |= found.len() > limit;
        found.truncate(limit);
        Ok((found.into_iter().map(|(_, run)| run).collect(), more))
    }

    /// Adds the oldest that a filter finds; answers whether there are more.
    async fn oldest(
        &self,
        filter: &RunFilter,
        limit: usize,
        found: &mut Vec<(Timestamp, RunId)>,
    ) -> Result<bool, StoreError> {
        let end = found.len() + limit;
        let mut page = PageRequest::first(MAX_PAGE_SIZE);
        while let Some(asked) = page.take_if(|_| found.len() < end) {
            let Page { items, next, .. } =
                self.runs.list(filter, RunSort::CreatedAt, SortOrder::Ascending, asked).await?;
            found.extend(items.into_iter().map(|run| (run.created_at, run.id)));
            page = next.and_then(|next| PageRequest::after(next, MAX_PAGE_SIZE));
        }
        Ok(page.is_some())
    }

    async fn would(&self, id: &RunId, change: &Change) -> Result<Changed, StoreError> {
        Ok(match (self.runs.get(id).await?, change) {
            (Some(run), change) if change.takes().contains(&run.status) => Changed::Would,
            (Some(run), Change::Cancel { .. }) => Changed::NotCancelled(CancelRunError::NotCancellable(run.status)),
            (Some(run), Change::Retry) => Changed::NotRetried(RetryRunError::NotRetryable(run.status)),
            (None, Change::Cancel { .. }) => Changed::NotCancelled(CancelRunError::NotFound(id.clone())),
            (None, Change::Retry) => Changed::NotRetried(RetryRunError::NotFound(id.clone())),
        })
    }

    async fn change(&self, id: &RunId, change: &Change, by: &Actor, bulk: BulkId) -> Changed {
        match change {
            Change::Cancel { reason } => match self.cancel.execute_among(id, reason.clone(), by, Some(bulk)).await {
                Ok(run) => Changed::Done(run.status),
                Err(error) => Changed::NotCancelled(error),
            },
            Change::Retry => match self.retry.execute_among(id, None, by, Some(bulk)).await {
                Ok(run) => Changed::Done(run.status),
                Err(error) => Changed::NotRetried(error),
            },
        }
    }
}

impl Change {
    /// The statuses of runs that can be changed in this way.
    pub fn takes(&self) -> &'static [RunStatus] {
        match self {
            Self::Cancel { .. } => &[RunStatus::Pending, RunStatus::Running],
            Self::Retry => &[RunStatus::Failed, RunStatus::Cancelled],
        }
    }
}
