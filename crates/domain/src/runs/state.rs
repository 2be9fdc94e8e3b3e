//! The state of a run: the fold of its events.

mod apply;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    block_state::{BlockPhase, BlockState},
    child::Parent,
    dead_letter::DeadSteps,
    event::{EventRecord, RunEvent},
    origin::RunOrigin,
    report::Progress,
    step_state::{Attempt, StepState},
};
use crate::{
    Timestamp,
    ids::{EventId, PlanHash, Seq, StepPath},
    payload::Payload,
    trace::TraceParent,
    workflows::Plan,
};

/// The status of a run, as people and old programs know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunStatus {
    /// Accepted; no step has been dispatched.
    Pending,
    /// Under way.
    Running,
    /// Every step succeeded.
    Completed,
    /// A step failed for good.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl RunStatus {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads [`RunStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|s| s.as_str() == text)
    }

    /// Whether nothing more happens, short of an explicit resume.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// Why nothing new is begun in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Who wants it.
    pub by: String,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// The time after so many seconds.
pub(super) fn after(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add_signed(chrono::TimeDelta::seconds(i64::from(seconds))).unwrap_or(Timestamp::MAX_UTC)
}

/// The events of a run do not make sense together: the store lost or changed some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history of the run is corrupt: {0}")]
pub struct CorruptHistory(pub String);

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    plan: PlanHash,
    parent: Option<Parent>,
    /// From where it was started, if that belongs to a trace.
    from: Option<TraceParent>,
    /// How many runs have followed each other up to this one.
    following: u32,
    seq: Seq,
    status: RunStatus,
    steps: BTreeMap<StepPath, StepState>,
    blocks: BTreeMap<StepPath, BlockState>,
    /// The step at the top level that was touched last; everything before it has succeeded.
    current: Option<StepPath>,
    /// The calls that may be under way.
    in_flight: BTreeSet<StepPath>,
    /// The steps that wait for events or for runs that they have started.
    waiting: BTreeSet<StepPath>,
    /// What happened before a step waited for it.
    kept: BTreeMap<Seq, (String, Payload)>,
    /// The events that have been taken into account.
    heard: BTreeSet<EventId>,
    dead: DeadSteps,
    /// What time alone will move.
    due: BTreeSet<(Timestamp, StepPath)>,
    /// When steps that call agents have to be done, of those that say so.
    deadlines: BTreeMap<StepPath, Timestamp>,
    /// What agents say about the calls under way.
    progress: BTreeMap<StepPath, Progress>,
    /// How many attempts were repeated since the start, or the last resume.
    retries: u32,
    /// How often steps were to be done anew.
    generation: u32,
    /// When it was started, or resumed last.
    since: Timestamp,
    /// When it may begin, while it has to wait for that.
    starts_at: Option<Timestamp>,
    paused: Option<Pause>,
    error: Option<String>,
    finished_at: Option<Timestamp>,
}

impl RunState {
    /// Folds the stored events of a run.
    pub fn fold(history: &[EventRecord]) -> Result<Self, CorruptHistory> {
        let mut numbered =
            history.iter().flat_map(|record| record.numbered().map(move |(number, event)| (number, record.at, event)));
        let Some((first, at, RunEvent::Started { plan, parent, starts_at, trace })) = numbered.next() else {
            return Err(CorruptHistory("it does not begin with its start".into()));
        };
        let mut state = Self::started(*plan, parent.clone(), first, at);
        state.delay(*starts_at);
        state.from = *trace;
        for (number, at, event) in numbered {
            if number != state.seq.next() {
                return Err(CorruptHistory(format!("event {number} follows event {}", state.seq)));
            }
            state.apply(at, event);
        }
        Ok(state)
    }

    pub(super) fn started(plan: PlanHash, parent: Option<Parent>, first: Seq, at: Timestamp) -> Self {
        Self {
            plan,
            following: parent.as_ref().map_or(0, |parent| parent.following),
            parent,
            from: None,
            seq: first,
            status: RunStatus::Pending,
            steps: BTreeMap::new(),
            blocks: BTreeMap::new(),
            current: None,
            in_flight: BTreeSet::new(),
            waiting: BTreeSet::new(),
            kept: BTreeMap::new(),
            heard: BTreeSet::new(),
            dead: DeadSteps::default(),
            due: BTreeSet::new(),
            deadlines: BTreeMap::new(),
            progress: BTreeMap::new(),
            retries: 0,
            generation: 0,
            since: at,
            starts_at: None,
            paused: None,
            error: None,
            finished_at: None,
        }
    }

    /// It was started from there.
    pub(super) fn comes_from(&mut self, from: Option<TraceParent>) {
        self.from = from;
    }

    /// From where it comes.
    pub fn origin(&self) -> RunOrigin {
        RunOrigin { from: self.from, since: self.since }
    }

    /// It was started for a later time, from which its own time counts.
    pub(super) fn delay(&mut self, starts_at: Option<Timestamp>) {
        self.starts_at = starts_at;
        self.since = starts_at.unwrap_or(self.since).max(self.since);
    }

    /// When it may begin; none once it has begun.
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.starts_at.filter(|_| self.current.is_none())
    }

    /// The steps of a slot that are under way or wait.
    pub(super) fn active_in(&self, block: &StepPath, slot: u32) -> Vec<StepPath> {
        self.active().filter(|path| path.is_in_slot(block, slot)).cloned().collect()
    }

    /// The steps that are under way or wait.
    pub(super) fn active(&self) -> impl Iterator<Item = &StepPath> {
        let waiting = self.due.iter().map(|(_, path)| path).filter(|path| self.steps.contains_key(*path));
        let active: BTreeSet<&StepPath> = self.in_flight.iter().chain(&self.waiting).chain(waiting).collect();
        active.into_iter()
    }

    /// The plan that the run is pinned to.
    pub fn plan(&self) -> PlanHash {
        self.plan
    }

    /// The number of the last event.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The run's status.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Whether nothing new is to be begun.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Who wants nothing new to be begun, and why.
    pub fn pause(&self) -> Option<&Pause> {
        self.paused.as_ref()
    }

    /// The generation of what is begun from now on.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How many attempts were repeated since the start, or the last resume.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// When the run has to be done: its time begins anew when it is resumed.
    pub fn time_limit(&self, plan: &Plan) -> Option<Timestamp> {
        plan.timeout_seconds().map(|seconds| after(self.since, seconds))
    }

    /// When a step has to be done that calls an agent.
    pub fn deadline(&self, path: &StepPath) -> Option<Timestamp> {
        self.deadlines.get(path).copied()
    }

    /// What the agent has said last about the call under way at a step.
    pub fn progress(&self, path: &StepPath) -> Option<&Progress> {
        self.progress.get(path)
    }

    /// Why it failed or was cancelled.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// When it reached its terminal status.
    pub fn finished_at(&self) -> Option<Timestamp> {
        self.finished_at
    }

    /// Where a step stands; none while it has not been touched, and none for blocks.
    pub fn step(&self, path: &StepPath) -> Option<&StepState> {
        self.steps.get(path)
    }

    /// The steps that have been touched.
    pub fn steps(&self) -> impl Iterator<Item = (&StepPath, &StepState)> {
        self.steps.iter()
    }

    /// Where a block stands; none while it has not been touched.
    pub fn block(&self, path: &StepPath) -> Option<&BlockState> {
        self.blocks.get(path)
    }

    /// The blocks that have been touched; each stands before what is in it.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = (&StepPath, &BlockState)> {
        self.blocks.iter()
    }

    /// The step at the top level that was touched last.
    pub fn current(&self) -> Option<&StepPath> {
        self.current.as_ref()
    }

    /// The steps and blocks at which something may be to be done.
    pub fn frontier(&self) -> Vec<StepPath> {
        let mut found: Vec<StepPath> = self.current.clone().into_iter().collect();
        let mut looked_at = 0;
        while let Some(path) = found.get(looked_at) {
            looked_at += 1;
            if let Some(block) = self.blocks.get(path).filter(|block| block.phase == BlockPhase::Open) {
                let running: Vec<StepPath> = block
                    .fronts
                    .iter()
                    .filter(|(slot, _)| !block.errors.contains_key(slot))
                    .map(|(_, front)| front.clone())
                    .collect();
                found.extend(running);
            }
        }
        found
    }

    /// Whether the sequences around a place are under way, so that anything may happen there.
    pub(super) fn is_within_reach(&self, path: &StepPath) -> bool {
        let mut around = path.around();
        while let Some((block, slot)) = around {
            let state = self.blocks.get(&block);
            if !state.is_some_and(|state| state.phase == BlockPhase::Open && state.is_running(slot.number())) {
                return false;
            }
            around = block.around();
        }
        true
    }

    /// Calls that may be under way.
    pub fn in_flight(&self) -> impl Iterator<Item = (&StepPath, &Attempt)> {
        self.in_flight.iter().filter_map(|path| match self.steps.get(path) {
            Some(StepState::InFlight(attempt)) => Some((path, attempt)),
            _ => None,
        })
    }

    /// The steps that wait for events or for runs that they have started, in the order of their paths.
    pub fn waiting(&self) -> impl Iterator<Item = (&StepPath, &StepState)> {
        self.waiting.iter().filter_map(|path| Some((path, self.steps.get(path)?)))
    }

    /// What happened before a step waited for it, oldest first.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = (Seq, &str, &Payload)> {
        self.kept.iter().map(|(number, (name, data))| (*number, name.as_str(), data))
    }

    /// Whether an event has been taken into account.
    pub fn has_heard(&self, id: EventId) -> bool {
        self.heard.contains(&id)
    }

    /// Which steps are dead.
    pub(super) fn dead(&self) -> &DeadSteps {
        &self.dead
    }

    /// The step of another run that started this one.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// How many runs have followed each other up to this one, those that started it included; 0 where none has.
    pub fn following(&self) -> u32 {
        self.following
    }

    /// When the run next wants to be woken by time alone.
    pub fn wake_at(&self, plan: &Plan) -> Option<Timestamp> {
        if self.status.is_terminal() || self.is_paused() {
            return None;
        }
        self.due.first().map(|(due, _)| *due).into_iter().chain(self.starts_at()).chain(self.time_limit(plan)).min()
    }
}
