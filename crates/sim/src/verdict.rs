//! The end of a simulation: whether every run is over, came to what it should have, and was told of.

use std::collections::BTreeSet;

use domain::{
    ids::RunId,
    page::{PageRequest, SortOrder},
    ports::{Outbox, Runs, SHARDS, Shard},
    runs::{EventRecord, OutboxMessage, RunEvent, RunFilter, RunSort, RunStatus, StepStatus, follower_of},
};

use crate::{now, reference::Expected, world::World};

/// More than any seed makes.
const MANY: usize = 10_000;

impl World {
    pub(crate) fn all_over(&mut self) -> Result<bool, String> {
        if !self.awaited.is_empty() || !self.bus.parcels.is_empty() || !self.ghosts.is_empty() {
            return Ok(false);
        }
        for at in 0..self.runs.len() {
            let run = self.runs[at].run.clone();
            // A cancelled run is resumed by the scheduler until it has had its chance to end by itself.
            if !matches!(self.check(&run)?, Some(RunStatus::Completed | RunStatus::Failed)) {
                return Ok(false);
            }
        }
        // Nor do the runs that they have started and do not need any more go on for ever.
        for status in [RunStatus::Pending, RunStatus::Running] {
            let filter = RunFilter::with_status(status);
            let page = PageRequest::new(1, 1).expect("a page");
            let live = now(self.wiring.store.list(&filter, RunSort::CreatedAt, SortOrder::Ascending, page));
            if !live.map_err(|e| e.to_string())?.items.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The outcome is that of a world without faults.
    pub(crate) fn compare(&mut self) -> Result<(), String> {
        for started in &self.runs {
            let outcome = self.outcome(&started.run)?;
            if outcome != started.expected {
                let row = now(self.wiring.store.get(&started.run)).expect("memory");
                let error = row.and_then(|row| row.error);
                return Err(format!(
                    "{} came to {outcome:?} instead of {:?} ({error:?})",
                    started.run, started.expected
                ));
            }
        }
        self.memory.check_folds(&self.wiring)?;
        self.compare_news()
    }

    /// What a run has come to, and what has followed it.
    fn outcome(&self, run: &RunId) -> Result<Expected, String> {
        let row = now(self.wiring.store.get(run)).expect("memory").ok_or("a run is lost (G1)")?;
        let steps = now(self.wiring.store.steps(run)).expect("memory");
        let completed = steps.iter().filter(|step| step.status == StepStatus::Completed);
        let outputs =
            completed.filter_map(|step| Some((step.path.to_string(), step.output.as_ref()?.value().clone()))).collect();
        let output = row.output.as_ref().map(|output| output.value().clone());
        let after = RunFilter { triggered_by: Some(follower_of(run)), ..RunFilter::default() };
        let page = PageRequest::new(1, 100).expect("a page");
        let next = now(self.wiring.store.list(&after, RunSort::CreatedAt, SortOrder::Ascending, page));
        let next = next.map_err(|e| e.to_string())?.items.into_iter();
        let mut followers =
            next.map(|next| Ok((next.workflow_name, self.outcome(&next.id)?))).collect::<Result<Vec<_>, String>>()?;
        followers.sort_by(|(left, _), (right, _)| left.cmp(right));
        // A run that is done anew and completes again is followed again.
        let completions = self.wiring.store.look_at(run, |_, history, _| {
            let events = history.iter().flat_map(EventRecord::numbered);
            events.filter(|(_, event)| matches!(event, RunEvent::RunCompleted)).count()
        });
        let each = completions.unwrap_or_default().max(1);
        if followers.len() % each != 0 || followers.chunks(each).any(|same| same.iter().any(|one| *one != same[0])) {
            return Err(format!("{run} completed {each} times, and was followed by {followers:?}"));
        }
        let followers = followers.into_iter().step_by(each).collect();
        Ok(Expected { status: row.status, outputs, output, followers })
    }

    /// The outbox tells of every end of a run and of every failure for good, each once.
    fn compare_news(&mut self) -> Result<(), String> {
        let everyone = RunFilter::default();
        let page = PageRequest::new(1, 100).expect("a page");
        let all = now(self.wiring.store.list(&everyone, RunSort::CreatedAt, SortOrder::Ascending, page));
        for run in all.map_err(|e| e.to_string())?.items {
            self.check(&run.id)?;
        }
        let shards: Vec<Shard> = (0..=SHARDS).filter_map(Shard::new).collect();
        let told = now(self.wiring.store.oldest(&shards, MANY)).map_err(|e| e.to_string())?;
        let count = told.len();
        let each: BTreeSet<&str> = told.iter().map(|queued| queued.message.event_id()).collect();
        if each.len() != count {
            return Err(format!("the outbox tells {count} news, {} of them different", each.len()));
        }
        let told: BTreeSet<String> = told.into_iter().filter_map(|queued| end_of(queued.message)).collect();
        let ended: BTreeSet<String> = self.memory.ends().map(|(run, number)| format!("{run}-{number}")).collect();
        if told != ended {
            return Err(format!("the outbox tells the ends {told:?} of {ended:?}"));
        }
        Ok(())
    }
}

/// The id of the news that a run has ended; none of other news.
fn end_of(message: OutboxMessage) -> Option<String> {
    match message {
        OutboxMessage::RunEnded(ended) => Some(ended.event_id),
        OutboxMessage::DeadLetterLeft(_) => None,
    }
}
