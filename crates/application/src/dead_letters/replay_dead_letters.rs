//! Has the work of many dead letters done after all, each by itself: what one is refused for does not keep the others back.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    access::Actor,
    ids::{BulkId, DeadLetterId, RunId},
    page::{MAX_PAGE_SIZE, Page, PageRequest, SortOrder},
    ports::{DeadLetters, IdGenerator, StoreError},
    runs::{DeadLetterFilter, DeadLetterStatus},
};

use super::{ReplayDeadLetter, ReplayDeadLetterError, ReplayManner};
use crate::{Ports, done_before::DoneBefore, runs::ExecuteWorkflowError};

/// The most dead letters that are replayed at once.
pub const MAX_REPLAYS: usize = 1000;

/// Which dead letters are to be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, in this order.
    Ids(Vec<DeadLetterId>),
    /// Those that a filter lets through, the oldest first. Without a status, those that wait for it.
    Filter(DeadLetterFilter),
}

/// What became of one of them.
#[derive(Debug)]
pub struct Tried {
    /// The entry.
    pub id: DeadLetterId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a dead letter that was to be replayed.
#[derive(Debug)]
pub enum Outcome {
    /// A run was started.
    Replayed(RunId),
    /// A run would have been started.
    WouldReplay,
    /// None was, or would have been.
    Refused(ReplayDeadLetterError),
}

impl Outcome {
    /// Whether the next one would meet the same: the store does not answer, or takes no more.
    fn ends_all(&self) -> bool {
        use ExecuteWorkflowError as Start;
        matches!(
            self,
            Self::Refused(
                ReplayDeadLetterError::Store(_)
                    | ReplayDeadLetterError::Execute(Start::Store(_) | Start::Overloaded(_))
            )
        )
    }
}

/// Replays many dead letters.
pub struct ReplayDeadLetters {
    dead_letters: Arc<dyn DeadLetters>,
    ids: Arc<dyn IdGenerator>,
    replay_dead_letter: ReplayDeadLetter,
    done_before: DoneBefore,
}

impl ReplayDeadLetters {
    pub(crate) fn new(ports: &Ports) -> Self {
        let (dead_letters, ids) = (ports.dead_letters.clone(), ports.ids.clone());
        let (replay_dead_letter, done_before) = (ReplayDeadLetter::new(ports), DoneBefore::new(ports));
        Self { dead_letters, ids, replay_dead_letter, done_before }
    }

    /// Replays so many of those that are selected, one after the other, and answers what became of each; or only finds out
    /// what would.
    pub async fn execute(
        &self,
        selection: Selection,
        limit: usize,
        manner: ReplayManner,
        dry_run: bool,
        by: &Actor,
    ) -> Result<Vec<Tried>, StoreError> {
        let bulk = BulkId::new(self.ids.unique());
        let mut ids = match &selection {
            // Those that are named are known as they come.
            Selection::Ids(_) => Vec::new(),
            Selection::Filter(_) => self.replayed_before(bulk, by).await?,
        };
        let limit = limit.min(MAX_REPLAYS).saturating_sub(ids.len());
        ids.extend(self.selected(selection, limit).await?);
        let mut tried = Vec::with_capacity(ids.len());
        for id in ids {
            let outcome = if dry_run {
                self.replay_dead_letter.rehearse(id, manner).await.map(|()| Outcome::WouldReplay)
            } else {
                let started = self.replay_dead_letter.execute_among(id, manner, by, Some(bulk)).await;
                started.map(|execution| Outcome::Replayed(execution.run.id))
            };
            let outcome = outcome.unwrap_or_else(Outcome::Refused);
            let is_pointless = outcome.ends_all();
            tried.push(Tried { id, outcome });
            if is_pointless {
                break;
            }
        }
        Ok(tried)
    }

    /// Those that were dealt with by an attempt that could not answer, each once.
    async fn replayed_before(&self, bulk: BulkId, by: &Actor) -> Result<Vec<DeadLetterId>, StoreError> {
        let told = self.done_before.among(bulk, by).await?;
        // What is told of the runs is not about a dead letter.
        let mut ids: Vec<DeadLetterId> = told.iter().filter_map(|entity| entity.as_str().parse().ok()).collect();
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok(ids)
    }

    /// All of them before the first is replayed: that changes which entries a filter lets through.
    async fn selected(&self, selection: Selection, limit: usize) -> Result<Vec<DeadLetterId>, StoreError> {
        let mut filter = match selection {
            Selection::Ids(ids) => {
                let mut seen = BTreeSet::new();
                return Ok(ids.into_iter().filter(|id| seen.insert(*id)).take(limit).collect());
            }
            Selection::Filter(filter) => filter,
        };
        filter.status.get_or_insert(DeadLetterStatus::PendingReplay);
        let mut ids = Vec::new();
        let mut page = PageRequest::first(MAX_PAGE_SIZE);
        while let Some(asked) = page.filter(|_| ids.len() < limit) {
            let Page { items, next, .. } = self.dead_letters.list(&filter, SortOrder::Ascending, asked).await?;
            ids.extend(items.into_iter().map(|entry| entry.last.id));
            page = next.and_then(|next| PageRequest::after(next, MAX_PAGE_SIZE));
        }
        ids.truncate(limit);
        Ok(ids)
    }
}
