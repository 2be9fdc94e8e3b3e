//! The state of a run: the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    block_state::{BlockPhase, BlockState, planted_count},
    child::Parent,
    dead_letter::DeadSteps,
    event::{EventRecord, RunEvent},
    step_state::{Attempt, StepState},
};
use crate::{
    Timestamp,
    ids::{EventId, PlanHash, Seq, StepPath},
    payload::Payload,
    workflows::Plan,
};

/// The status of a run, as people and old programs know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// How many attempts were repeated since the start, or the last resume.
    retries: u32,
    /// How often steps were to be done anew.
    generation: u32,
    /// When it was started, or resumed last.
    since: Timestamp,
    paused: Option<Pause>,
    error: Option<String>,
    finished_at: Option<Timestamp>,
}

impl RunState {
    /// Folds the stored events of a run.
    pub fn fold(history: &[EventRecord]) -> Result<Self, CorruptHistory> {
        let mut numbered =
            history.iter().flat_map(|record| record.numbered().map(move |(number, event)| (number, record.at, event)));
        let Some((first, at, RunEvent::Started { plan, parent })) = numbered.next() else {
            return Err(CorruptHistory("it does not begin with its start".into()));
        };
        let mut state = Self::started(*plan, parent.clone(), first, at);
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
            parent,
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
            retries: 0,
            generation: 0,
            since: at,
            paused: None,
            error: None,
            finished_at: None,
        }
    }

    /// Adds the next event.
    pub fn apply(&mut self, at: Timestamp, event: &RunEvent) {
        self.seq = self.seq.next();
        self.dead.apply(event);
        match event {
            // Only ever the first event, which makes the state.
            RunEvent::Started { plan, parent } => {
                self.plan = *plan;
                self.parent.clone_from(parent);
            }
            // That is all of it.
            RunEvent::Replays { .. } => {}
            RunEvent::StepDispatched { path, attempt, generation, round, until } => {
                let attempt = self.attempt(*attempt, *generation, *round, at);
                self.status = RunStatus::Running;
                self.touch(path);
                self.set(path, StepState::InFlight(attempt));
                if let Some(until) = until {
                    self.deadlines.insert(path.clone(), *until);
                    self.due.insert((*until, path.clone()));
                }
            }
            RunEvent::StepSucceeded { path, execution } => {
                self.status = RunStatus::Running;
                self.touch(path);
                self.set(path, StepState::Succeeded { execution: *execution });
            }
            RunEvent::StepAdopted { path, execution } => {
                self.touch(path);
                self.set(path, StepState::Succeeded { execution: *execution });
            }
            RunEvent::StepRetryScheduled { path, definite, retry_at, .. } => {
                self.retries += 1;
                planted_count(&mut self.blocks, path);
                if let Some(StepState::InFlight(last)) = self.steps.get(path).copied() {
                    self.set(path, StepState::Waiting { last, definite: *definite, retry_at: *retry_at });
                }
            }
            RunEvent::StepFailed { path, definite, .. } => {
                self.touch(path);
                if let Some(block) = self.blocks.get_mut(path) {
                    block.phase = BlockPhase::Failed;
                    self.no_deadlines(path);
                } else {
                    let last = self.steps.get(path).and_then(StepState::last_attempt);
                    self.set(path, StepState::Failed { last, definite: *definite });
                }
            }
            RunEvent::BlockOpened { path, slots, first, held, deadlines, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                self.due.extend(deadlines.iter().map(|(_, due)| *due).chain(*until).map(|due| (due, path.clone())));
                let block = BlockState {
                    slots: *first..first.saturating_add(*slots),
                    held: *held,
                    deadlines: deadlines.iter().copied().collect(),
                    until: *until,
                    phase: BlockPhase::Open,
                    next: *first,
                    ended: 0,
                    fronts: BTreeMap::new(),
                    errors: BTreeMap::new(),
                };
                self.blocks.insert(path.clone(), block);
                // It was to be begun anew.
                self.steps.remove(path);
            }
            RunEvent::SlotEnded { path, slot, error } => {
                if error.is_some() {
                    self.give_up(path, *slot);
                }
                if let Some(block) = self.blocks.get_mut(path) {
                    block.ends(*slot, error.clone());
                    if let Some(deadline) = block.deadlines.remove(slot)
                        && !block.deadlines.values().chain(&block.until).any(|other| *other == deadline)
                    {
                        self.due.remove(&(deadline, path.clone()));
                    }
                }
            }
            RunEvent::BlockClosed { path } => {
                if let Some(block) = self.blocks.get_mut(path) {
                    block.phase = BlockPhase::Succeeded;
                }
                self.no_deadlines(path);
            }
            RunEvent::StepDelayed { path, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                self.set(path, StepState::Delayed { until: *until });
            }
            RunEvent::StepPassed { path } => self.set(path, StepState::Passed),
            RunEvent::ChildStarted { .. }
            | RunEvent::ChildResumed { .. }
            | RunEvent::EventAwaited { .. }
            | RunEvent::EventKept { .. }
            | RunEvent::EventHeard { .. }
            | RunEvent::EventTaken { .. } => self.apply_waiting(at, event),
            RunEvent::RunCompleted => self.finish(RunStatus::Completed, None, at),
            RunEvent::RunFailed { error } => self.finish(RunStatus::Failed, Some(error.clone()), at),
            RunEvent::RunCancelled { reason, .. } => {
                self.finish(RunStatus::Cancelled, reason.as_ref().map(|reason| format!("Cancelled: {reason}")), at);
            }
            RunEvent::RunPaused { by, reason } => {
                self.paused = Some(Pause { by: by.clone(), reason: reason.clone(), since: at });
            }
            RunEvent::RunUnpaused { .. } => self.paused = None,
            RunEvent::RunResumed { .. } => self.reopen(at),
            RunEvent::RunRerun { rerun, .. } => {
                self.reopen(at);
                self.generation += 1;
                for path in &rerun.undone {
                    self.undo(path);
                }
                self.rerun(&rerun.from);
            }
            // What follows from it is said by the events after it.
            RunEvent::StepSkipped { .. } => {}
        }
    }

    /// Adds an event of a step that waits for somebody else.
    fn apply_waiting(&mut self, at: Timestamp, event: &RunEvent) {
        match event {
            RunEvent::ChildStarted { path, generation, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                let attempt = self.attempt(1, *generation, 0, at);
                self.set(path, StepState::Child { attempt, until: *until });
            }
            RunEvent::ChildResumed { path, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                let last = self.steps.get(path).and_then(StepState::last_attempt);
                let (number, generation, round) =
                    last.map_or((1, 0, 1), |last| (last.number + 1, last.generation, last.round + 1));
                let attempt = self.attempt(number, generation, round, at);
                self.set(path, StepState::Child { attempt, until: *until });
            }
            RunEvent::EventAwaited { path, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                let attempt = self.attempt(1, 0, 0, at);
                self.set(path, StepState::Listening { attempt, until: *until });
            }
            RunEvent::EventKept { name, data } => {
                self.kept.insert(self.seq, (name.clone(), data.clone()));
            }
            RunEvent::EventHeard { id } => {
                self.heard.insert(*id);
            }
            RunEvent::EventTaken { kept } => {
                self.kept.remove(kept);
            }
            // The caller has told them apart.
            _ => {}
        }
    }

    /// The attempt that the event under way begins.
    fn attempt(&self, number: u32, generation: u32, round: u32, at: Timestamp) -> Attempt {
        Attempt { execution: self.seq, number, generation, round, dispatched_at: at }
    }

    fn finish(&mut self, status: RunStatus, error: Option<String>, at: Timestamp) {
        self.status = status;
        self.paused = None;
        self.error = error;
        self.finished_at = Some(at);
    }

    /// The one place at which a step changes, so that what is under way and what is due is known without looking for it.
    fn set(&mut self, path: &StepPath, new: StepState) {
        let old = self.steps.insert(path.clone(), new);
        if let Some(due) = old.and_then(StepState::due) {
            self.due.remove(&(due, path.clone()));
        }
        if let Some(due) = new.due() {
            self.due.insert((due, path.clone()));
        }
        if !matches!(new, StepState::InFlight(_) | StepState::Waiting { .. })
            && let Some(deadline) = self.deadlines.remove(path)
        {
            self.due.remove(&(deadline, path.clone()));
        }
        if matches!(new, StepState::InFlight(_)) {
            self.in_flight.insert(path.clone());
        } else {
            self.in_flight.remove(path);
        }
        if matches!(new, StepState::Child { .. } | StepState::Listening { .. }) {
            self.waiting.insert(path.clone());
        } else {
            self.waiting.remove(path);
        }
    }

    /// The sequence that the step is in stands there now.
    fn touch(&mut self, path: &StepPath) {
        match path.around() {
            None => self.current = Some(path.clone()),
            Some((block, slot)) => {
                if let Some(block) = self.blocks.get_mut(&block) {
                    block.fronts.insert(slot.number(), path.clone());
                    block.next = block.next.max(slot.number() + 1);
                }
            }
        }
    }

    fn no_deadlines(&mut self, path: &StepPath) {
        if let Some(block) = self.blocks.get_mut(path) {
            for due in std::mem::take(&mut block.deadlines).into_values().chain(block.until.take()) {
                self.due.remove(&(due, path.clone()));
            }
        }
    }

    /// Nothing is under way any more in a slot that has failed.
    fn give_up(&mut self, block: &StepPath, slot: u32) {
        for path in self.active_in(block, slot) {
            if let Some(step) = self.steps.get(&path) {
                let given_up = match step.given_up() {
                    StepState::Delayed { .. } => StepState::Failed { last: None, definite: true },
                    given_up => given_up,
                };
                self.set(&path, given_up);
            }
        }
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

    /// Whatever failed, was cut or is waiting is done anew: as the same call where its outcome is unknown.
    fn resume(&mut self, path: &StepPath) {
        if let Some(block) = self.blocks.get_mut(path) {
            if block.phase == BlockPhase::Succeeded {
                return;
            }
            let fronts: Vec<StepPath> = block.fronts.values().cloned().collect();
            self.no_deadlines(path);
            if let Some(block) = self.blocks.get_mut(path) {
                block.reopen();
            }
            for front in &fronts {
                self.resume(front);
            }
        } else if let Some(step) = self.steps.get(path) {
            let given_up = step.given_up();
            self.set(path, given_up);
        }
    }

    /// The run is live again, and whatever has failed or was cut is to be done.
    fn reopen(&mut self, at: Timestamp) {
        self.status = RunStatus::Pending;
        self.error = None;
        self.finished_at = None;
        self.retries = 0;
        self.since = at;
        if let Some(current) = self.current.clone() {
            self.resume(&current);
        }
    }

    /// Nothing has been done at a place, nor in it.
    fn undo(&mut self, path: &StepPath) {
        let at_or_in = |other: &&StepPath| *other == path || other.is_inside(path);
        let begins_alike = |other: &&StepPath| other.as_str().starts_with(path.as_str());
        let steps = self.steps.range(path.clone()..).map(|(path, _)| path).take_while(begins_alike);
        let steps: Vec<StepPath> = steps.filter(at_or_in).cloned().collect();
        for step in steps {
            // As the one place at which steps change: nothing is under way there, or due.
            self.set(&step, StepState::Passed);
            self.steps.remove(&step);
        }
        let blocks = self.blocks.range(path.clone()..).map(|(path, _)| path).take_while(begins_alike);
        let blocks: Vec<StepPath> = blocks.filter(at_or_in).cloned().collect();
        for block in blocks {
            self.no_deadlines(&block);
            self.blocks.remove(&block);
        }
    }

    /// A place is to be begun anew, and so the blocks around it are open.
    fn rerun(&mut self, from: &StepPath) {
        self.undo(from);
        let mut at = from.clone();
        while let Some((around, slot)) = at.around() {
            if let Some(block) = self.blocks.get_mut(&around) {
                let number = slot.number();
                if block.errors.remove(&number).is_some() || !block.fronts.contains_key(&number) {
                    block.ended -= 1;
                }
                block.phase = BlockPhase::Open;
            }
            self.touch(&at);
            at = around;
        }
        self.touch(&at);
        // As a step that failed before it was begun, which whoever looks at it begins.
        self.set(from, StepState::Failed { last: None, definite: true });
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

    /// When the run next wants to be woken by time alone.
    pub fn wake_at(&self, plan: &Plan) -> Option<Timestamp> {
        if self.status.is_terminal() || self.is_paused() {
            return None;
        }
        self.due.first().map(|(due, _)| *due).into_iter().chain(self.time_limit(plan)).min()
    }
}
