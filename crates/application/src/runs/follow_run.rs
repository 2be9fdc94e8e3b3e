//! Follows a run: its events, each exactly once from a number on, and each as soon as it is durable.

use std::sync::Arc;

use domain::{
    ids::{RunId, Seq},
    ports::{RunWatch, Runs, StoreError, WatchedRun},
    runs::{NumberedEvent, RunEvent, RunTip, ToldEvent},
    workflows::SharedPlan,
};

use crate::{Ports, plans::PlanCache};

/// How many events are read at once for somebody who follows.
const AT_ONCE: u32 = 100;

/// Why a run cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// The caller says that it has an event that there is not.
    #[error("the run has {} events so far, so none after number {after} can follow", last.get())]
    Ahead {
        /// After which event the caller wants to go on.
        after: Seq,
        /// The number of the last one that there is.
        last: Seq,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A piece of the events of a run.
#[derive(Debug)]
pub struct RunEvents {
    /// The events, in order.
    pub events: Vec<ToldEvent>,
    /// Where the run stands.
    pub tip: RunTip,
}

/// Follows runs.
pub struct FollowRun {
    telling: Telling,
    watch: Arc<dyn RunWatch>,
}

/// What is needed to tell events.
#[derive(Clone)]
struct Telling {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
}

impl FollowRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        let telling = Telling { runs: ports.runs.clone(), plans: ports.plans.clone() };
        Self { telling, watch: ports.watch.clone() }
    }

    /// The events after a number that there are now, at most so many.
    pub async fn page(&self, id: &RunId, after: Seq, limit: u32) -> Result<RunEvents, FollowRunError> {
        let events = self.telling.runs.events(id, after, limit).await?;
        // Read after the events, so that whoever is told that the run is over has been told of them all or knows that there are more.
        let tip = self.telling.tip(id).await?;
        if after > tip.last {
            return Err(FollowRunError::Ahead { after, last: tip.last });
        }
        let plan = self.telling.plan(id).await?;
        Ok(RunEvents { events: self.telling.tell(id, plan.as_ref(), events).await?, tip })
    }

    /// Follows a run from a number on.
    pub async fn follow(&self, id: &RunId, after: Seq) -> Result<Following, FollowRunError> {
        // Watched first: what happens between the two is told then.
        let watched = self.watch.watch(id);
        let tip = self.telling.tip(id).await?;
        if after > tip.last {
            return Err(FollowRunError::Ahead { after, last: tip.last });
        }
        let plan = self.telling.plan(id).await?;
        Ok(Following { telling: self.telling.clone(), id: id.clone(), plan, watched, tip, after })
    }

    /// Waits until a run is over, as often as it is resumed meanwhile.
    pub async fn until_over(&self, id: &RunId) -> Result<(), FollowRunError> {
        let mut watched = self.watch.watch(id);
        let mut tip = self.telling.tip(id).await?;
        while !tip.status.is_terminal() {
            tip = watched.moved(tip).await;
        }
        Ok(())
    }
}

impl Telling {
    async fn tip(&self, id: &RunId) -> Result<RunTip, FollowRunError> {
        let tips = self.runs.tips(std::slice::from_ref(id)).await?;
        tips.first().map(|(_, tip)| *tip).ok_or_else(|| FollowRunError::NotFound(id.clone()))
    }

    /// The plan, as the first event says. A run without events has none, and that of a foreign producer may be unreadable: then
    /// events are told without what it would add.
    async fn plan(&self, id: &RunId) -> Result<Option<SharedPlan>, StoreError> {
        let first = self.runs.events(id, Seq::default(), 1).await?;
        let Some(RunEvent::Started { plan, .. }) = first.first().map(|first| &first.event) else { return Ok(None) };
        match self.plans.get(*plan).await {
            Ok(plan) => Ok(Some(plan)),
            Err(StoreError::Corrupt(reason)) => {
                tracing::debug!(run.id = %id, reason, "no plan to tell events with");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn tell(
        &self,
        id: &RunId,
        plan: Option<&SharedPlan>,
        events: Vec<NumberedEvent>,
    ) -> Result<Vec<ToldEvent>, StoreError> {
        let ended: Vec<Seq> = events.iter().filter_map(|event| event.event.ends()).collect();
        let rows = if ended.is_empty() { Vec::new() } else { self.runs.attempts(id, &ended).await? };
        Ok(ToldEvent::tell(plan.map(|plan| &**plan), events, rows))
    }
}

/// Somebody who follows a run.
pub struct Following {
    telling: Telling,
    id: RunId,
    plan: Option<SharedPlan>,
    watched: Box<dyn WatchedRun>,
    tip: RunTip,
    after: Seq,
}

impl Following {
    /// The next events, never none of them; `None` once the run is over and all have been told. Dropping the future, or an error,
    /// loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<ToldEvent>>, StoreError> {
        loop {
            if self.after < self.tip.last {
                let events = self.telling.runs.events(&self.id, self.after, AT_ONCE).await?;
                if let Some(last) = events.last().map(|event| event.seq) {
                    let told = self.telling.tell(&self.id, self.plan.as_ref(), events).await?;
                    self.after = last;
                    return Ok(Some(told));
                }
            }
            if self.is_over() {
                return Ok(None);
            }
            self.tip = self.watched.moved(self.tip).await;
        }
    }

    /// Whether the run is over and all of its events have been told.
    pub fn is_over(&self) -> bool {
        self.tip.status.is_terminal() && self.after >= self.tip.last
    }
}
