//! The runs with their heads, and the indexes over the heads: what is ready, who owns what.
//!
//! A head changes only through [`RunTable::set_head`], so that no index can miss a change.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, ExecutorId, RunId, Seq, StepPath},
    runs::{CancelRun, EventRecord, Parent, Run, RunCommit, RunStatus, StepExecution},
};

use crate::{dead_letters::DeadLetterTable, feed::Feed, inbox::Inbox};

/// Whether anything more happens to a run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It may move.
    Live,
    /// It completed; nothing follows, unless a step of it is to be done anew.
    Completed,
    /// It failed or was cancelled; it can be resumed.
    Stopped,
}

impl Phase {
    pub(crate) fn of(status: RunStatus) -> Self {
        match status {
            RunStatus::Pending | RunStatus::Running => Self::Live,
            RunStatus::Completed => Self::Completed,
            RunStatus::Failed | RunStatus::Cancelled => Self::Stopped,
        }
    }

    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Live => false,
            Self::Completed | Self::Stopped => true,
        }
    }
}

/// What decides about a commit or a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) epoch: Epoch,
    pub(crate) owner: Option<ExecutorId>,
    pub(crate) phase: Phase,
    /// When a run without an owner wants one; none if never.
    pub(crate) wake_at: Option<Timestamp>,
}

impl Head {
    /// The place in the ready index, if it belongs there.
    fn ready_at(&self) -> Option<Timestamp> {
        self.wake_at.filter(|_| self.owner.is_none() && self.phase == Phase::Live)
    }
}

/// All that is kept of one run.
pub(crate) struct Entry {
    /// Which run it is in the order of creation; where runs have waited equally long, the older goes first.
    pub(crate) number: usize,
    pub(crate) head: Head,
    pub(crate) run: Run,
    pub(crate) history: Vec<EventRecord>,
    pub(crate) steps: BTreeMap<Seq, StepExecution>,
    pub(crate) inbox: Inbox,
    /// The step that started it.
    pub(crate) parent: Option<Parent>,
    /// What its steps wait for: event and correlation.
    pub(crate) waits: BTreeMap<StepPath, (String, String)>,
}

impl Entry {
    /// A run that nobody has started for another one, and that has done no step.
    pub(crate) fn new(number: usize, head: Head, run: Run, history: Vec<EventRecord>) -> Self {
        let (steps, inbox, waits) = (BTreeMap::new(), Inbox::default(), BTreeMap::new());
        Self { number, head, run, history, steps, inbox, parent: None, waits }
    }

    /// The commit whose first event has this number.
    pub(crate) fn commit_at(&self, first: Seq) -> Option<CommitId> {
        let at = self.history.binary_search_by_key(&first, |record| record.first).ok()?;
        Some(self.history[at].commit)
    }

    /// Whether a commit was applied; for the rare ones that do not say which number they follow.
    pub(crate) fn has(&self, commit: CommitId) -> bool {
        self.history.iter().any(|record| record.commit == commit)
    }
}

/// All runs.
#[derive(Default)]
pub(crate) struct RunTable {
    pub(crate) entries: BTreeMap<RunId, Entry>,
    ready: BTreeSet<(Timestamp, usize, RunId)>,
    owned: BTreeMap<ExecutorId, BTreeSet<RunId>>,
    /// Cancellations of runs that have not arrived yet.
    pub(crate) early: BTreeMap<RunId, CancelRun>,
    pub(crate) dead_letters: DeadLetterTable,
    pub(crate) feed: Feed,
}

impl RunTable {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, run: &RunId) -> Option<&Entry> {
        self.entries.get(run)
    }

    /// Whether this very commit was applied.
    pub(crate) fn has(&self, commit: &RunCommit) -> bool {
        self.get(commit.run()).is_some_and(|entry| entry.has(commit.id()))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// For everything but the head.
    pub(crate) fn get_mut(&mut self, run: &RunId) -> Option<&mut Entry> {
        self.entries.get_mut(run)
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        let (run, number, head) = (entry.run.id.clone(), entry.number, entry.head);
        self.feed.note(&entry.run);
        self.entries.insert(run.clone(), entry);
        self.index(&run, number, head);
    }

    /// Writes into the feed what a run's status is, if it was another one before.
    pub(crate) fn note_change(&mut self, run: &RunId, before: RunStatus) {
        if let Some(entry) = self.entries.get(run).filter(|entry| entry.run.status != before) {
            self.feed.note(&entry.run);
        }
    }

    pub(crate) fn set_head(&mut self, run: &RunId, head: Head) {
        let Some(entry) = self.entries.get_mut(run) else { return };
        let number = entry.number;
        let before = std::mem::replace(&mut entry.head, head);
        if (before.ready_at(), before.owner) == (head.ready_at(), head.owner) {
            return;
        }
        if let Some(at) = before.ready_at() {
            self.ready.remove(&(at, number, run.clone()));
        }
        if let Some(runs) = before.owner.and_then(|owner| self.owned.get_mut(&owner)) {
            runs.remove(run);
        }
        if let Some(owner) = before.owner.filter(|owner| self.owned.get(owner).is_some_and(BTreeSet::is_empty)) {
            self.owned.remove(&owner);
        }
        self.index(run, number, head);
    }

    fn index(&mut self, run: &RunId, number: usize, head: Head) {
        if let Some(at) = head.ready_at() {
            self.ready.insert((at, number, run.clone()));
        }
        if let Some(owner) = head.owner {
            self.owned.entry(owner).or_default().insert(run.clone());
        }
    }

    /// The runs that can be claimed, longest waiting first.
    pub(crate) fn ready(&self, now: Timestamp) -> impl Iterator<Item = &RunId> {
        self.ready.iter().take_while(move |(at, _, _)| *at <= now).map(|(_, _, run)| run)
    }

    /// The runs of an executor, terminal ones included.
    pub(crate) fn owned_by(&self, executor: ExecutorId) -> impl Iterator<Item = &RunId> {
        self.owned.get(&executor).into_iter().flatten()
    }

    pub(crate) fn owners(&self) -> Vec<ExecutorId> {
        self.owned.keys().copied().collect()
    }
}
