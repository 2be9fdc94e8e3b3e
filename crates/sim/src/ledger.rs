//! What the events of one run have said so far, and what must therefore not be said any more.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    ids::{EventId, Seq, StepPath},
    runs::{AgentCall, EventRecord, Rerun, Run, RunEvent, RunState, RunStatus, StepExecution, StepStatus},
    workflows::SharedPlan,
};

use crate::coverage::Coverage;

/// A call of a step: its generation and its round.
type Call = (u32, u32);

pub(crate) struct Ledger {
    pub(crate) plan: SharedPlan,
    pub(crate) state: RunState,
    /// The numbers of the events that ended the run.
    pub(crate) ends: Vec<Seq>,
    /// How many events have been looked at, and how many records.
    seen: u64,
    records: usize,
    succeeded: BTreeSet<StepPath>,
    in_flight: BTreeSet<StepPath>,
    begun: BTreeSet<StepPath>,
    waiting: BTreeSet<StepPath>,
    ended: BTreeSet<(StepPath, u32)>,
    heard: BTreeSet<EventId>,
    /// The calls that may have been made.
    allowed: BTreeSet<(StepPath, Call)>,
    /// The last call of each step, and whether its answer was definite.
    last: BTreeMap<StepPath, (Call, bool)>,
    /// The steps whose last call has failed for good: each has left a dead letter.
    pub(crate) dead: BTreeSet<StepPath>,
    /// How many rows must say that an attempt succeeded.
    completed: usize,
    terminal: bool,
    paused: bool,
}

impl Ledger {
    /// Of a run whose first record has been folded, and not looked at.
    pub(crate) fn new(plan: SharedPlan, state: RunState) -> Self {
        Self {
            plan,
            state,
            ends: Vec::new(),
            seen: 0,
            records: 0,
            succeeded: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            begun: BTreeSet::new(),
            waiting: BTreeSet::new(),
            ended: BTreeSet::new(),
            heard: BTreeSet::new(),
            allowed: BTreeSet::new(),
            last: BTreeMap::new(),
            dead: BTreeSet::new(),
            completed: 0,
            terminal: false,
            paused: false,
        }
    }

    /// Looks at the events that are new, and at the rows that follow from them.
    pub(crate) fn catch_up(
        &mut self,
        row: &Run,
        history: &[EventRecord],
        steps: &BTreeMap<Seq, StepExecution>,
        coverage: &mut Coverage,
    ) -> Result<RunStatus, String> {
        let Some(new) = history.get(self.records..) else {
            return Err(format!("the history shrank from {} to {} commits (G9)", self.records, history.len()));
        };
        for (at, record) in new.iter().enumerate() {
            // The first record has made the state.
            let folded = self.records + at == 0;
            for (number, event) in record.numbered() {
                if number.get() != self.seen + 1 {
                    return Err(format!("event {number} follows event {} (G9)", self.seen));
                }
                self.seen = number.get();
                let starts_at = self.state.starts_at();
                if !folded {
                    self.state.apply(record.at, event);
                }
                if self.state.current().is_some() && starts_at.is_some_and(|starts_at| starts_at > record.at) {
                    return Err(format!("it has begun before its time, by {event:?}"));
                }
                coverage.event(&self.plan, event);
                self.observe(number, event)?;
                self.check_row(event, steps)?;
            }
        }
        self.records = history.len();
        self.check_run(row)?;
        let completed = steps.values().filter(|step| step.status == StepStatus::Completed).count();
        if completed != self.completed {
            return Err(format!("{} steps succeeded, {completed} rows say so (G3)", self.completed));
        }
        Ok(row.status)
    }

    /// Whether a dispatch of the call is durable.
    pub(crate) fn allows(&self, call: &AgentCall) -> bool {
        self.allowed.contains(&(call.key.path.clone(), (call.key.generation, call.key.round)))
    }

    fn check_run(&self, row: &Run) -> Result<(), String> {
        let (state, paused) = (&self.state, self.state.is_paused());
        if state.status() != row.status || state.error() != row.error.as_deref() || paused != row.paused {
            return Err(format!(
                "the events say {:?} ({:?}, paused: {paused}), the row {:?} ({:?}, paused: {})",
                state.status(),
                state.error(),
                row.status,
                row.error,
                row.paused
            ));
        }
        Ok(())
    }

    /// The row of an attempt that has ended is there, once and as the event says (G3).
    fn check_row(&mut self, event: &RunEvent, steps: &BTreeMap<Seq, StepExecution>) -> Result<(), String> {
        let (path, execution, status) = match event {
            RunEvent::StepSucceeded { path, execution } => (path, execution, StepStatus::Completed),
            RunEvent::StepRetryScheduled { path, execution, .. }
            | RunEvent::StepFailed { path, execution: Some(execution), .. } => (path, execution, StepStatus::Failed),
            _ => return Ok(()),
        };
        self.completed += usize::from(status == StepStatus::Completed);
        match steps.get(execution) {
            Some(row) if row.status == status && row.path == *path => Ok(()),
            row => Err(format!(
                "attempt {execution} of {path} is {status:?}, its row says {:?} (G3)",
                row.map(|r| r.status)
            )),
        }
    }

    fn observe(&mut self, number: Seq, event: &RunEvent) -> Result<(), String> {
        if self.terminal && !matches!(event, RunEvent::RunResumed { .. } | RunEvent::RunRerun { .. }) {
            return Err(format!("{event:?} after the end (G6)"));
        }
        match event {
            RunEvent::EventHeard { id } => {
                if !self.heard.insert(*id) {
                    return Err("an event was taken into account twice".into());
                }
            }
            RunEvent::Started { .. }
            | RunEvent::Replays { .. }
            | RunEvent::EventKept { .. }
            | RunEvent::EventTaken { .. }
            | RunEvent::Follows { .. }
            | RunEvent::FollowUpStarted { .. }
            | RunEvent::FollowUpLeft { .. }
            | RunEvent::StepSkipped { .. } => {}
            // About the call that was made last, while nobody knows what came of it.
            RunEvent::StepReported { path } => {
                let is_open = self.last.get(path).is_some_and(|(_, definite)| !definite);
                if !is_open || self.succeeded.contains(path) || !self.in_flight.insert(path.clone()) {
                    return Err(format!("{path} is told of a call that has ended (G3)"));
                }
            }
            RunEvent::StepProgressed { path, .. } => {
                if !self.in_flight.contains(path) {
                    return Err(format!("{path} is getting on with a call that is not under way"));
                }
            }
            RunEvent::RunPaused { .. } => self.paused = true,
            RunEvent::RunUnpaused { .. } => self.paused = false,
            RunEvent::StepDispatched { path, generation, round, .. } => {
                self.dispatched(path, (*generation, *round))?;
            }
            RunEvent::ChildStarted { path, .. } => {
                if !self.begun.insert(path.clone()) || !self.waiting.insert(path.clone()) || self.paused {
                    return Err(format!("{path} has started a run twice, or in a paused run (G3)"));
                }
            }
            // It may be resumed again before it has ended, and goes on in a paused run.
            RunEvent::ChildResumed { path, .. } => {
                self.waiting.insert(path.clone());
                if self.succeeded.contains(path) || !self.begun.contains(path) {
                    return Err(format!("{path} resumes a run that was never started, or has succeeded (G5)"));
                }
            }
            RunEvent::EventAwaited { path, .. } => {
                if !self.waiting.insert(path.clone()) || self.succeeded.contains(path) || self.paused {
                    return Err(format!("{path} waits twice, or after its end, or in a paused run (G3)"));
                }
            }
            RunEvent::StepSucceeded { path, .. } | RunEvent::StepAdopted { path, .. } => {
                self.in_flight.remove(path);
                self.waiting.remove(path);
                self.dead.remove(path);
                if !self.succeeded.insert(path.clone()) {
                    return Err(format!("{path} succeeded twice (G3)"));
                }
            }
            RunEvent::StepRetryScheduled { path, definite, .. } | RunEvent::StepFailed { path, definite, .. } => {
                self.in_flight.remove(path);
                self.waiting.remove(path);
                if matches!(event, RunEvent::StepFailed { execution: Some(_), .. }) && self.last.contains_key(path) {
                    self.dead.insert(path.clone());
                }
                if let Some((_, answered)) = self.last.get_mut(path) {
                    *answered = *definite;
                }
            }
            RunEvent::BlockOpened { path, .. } | RunEvent::StepDelayed { path, .. } => {
                if self.paused {
                    return Err(format!("{path} was begun in a paused run"));
                }
                if !self.begun.insert(path.clone()) {
                    return Err(format!("{path} was begun twice (G3)"));
                }
            }
            RunEvent::BlockClosed { path } | RunEvent::StepPassed { path } => {
                if !self.succeeded.insert(path.clone()) {
                    return Err(format!("{path} ended twice (G3)"));
                }
            }
            RunEvent::SlotEnded { path, slot, error } => {
                if error.is_none() && !self.ended.insert((path.clone(), *slot)) {
                    return Err(format!("slot {slot} of {path} ended twice (G3)"));
                }
            }
            RunEvent::RunCompleted | RunEvent::RunFailed { .. } | RunEvent::RunCancelled { .. } => {
                self.terminal = true;
                self.ends.push(number);
            }
            RunEvent::RunResumed { .. } => self.goes_on(),
            RunEvent::RunRerun { rerun, .. } => {
                self.goes_on();
                self.undo(rerun);
            }
        }
        Ok(())
    }

    fn goes_on(&mut self) {
        self.paused = false;
        self.terminal = false;
        self.in_flight.clear();
        self.waiting.clear();
    }

    /// What is to be done anew may be begun and succeed once more; the blocks around it close once more.
    fn undo(&mut self, rerun: &Rerun) {
        let is_undone =
            |path: &StepPath| rerun.undone.iter().chain([&rerun.from]).any(|root| path == root || path.is_inside(root));
        let around = std::iter::successors(rerun.from.around(), |(block, _)| block.around());
        let around: Vec<(StepPath, u32)> = around.map(|(block, slot)| (block, slot.number())).collect();
        self.succeeded.retain(|path| !is_undone(path) && !around.iter().any(|(block, _)| block == path));
        self.begun.retain(|path| !is_undone(path));
        self.ended.retain(|ended| !is_undone(&ended.0) && !around.contains(ended));
    }

    /// A step is called again only with the same key, unless its answer was definite (G4), and not at all after a success.
    fn dispatched(&mut self, path: &StepPath, call: Call) -> Result<(), String> {
        if self.paused {
            return Err(format!("{path} was dispatched in a paused run"));
        }
        if self.succeeded.contains(path) {
            return Err(format!("{path} was dispatched after it had succeeded (G3, G5)"));
        }
        if !self.in_flight.insert(path.clone()) {
            return Err(format!("{path} was dispatched twice at once (G3)"));
        }
        let (generation, round) = call;
        if let Some(((before, last), definite)) = self.last.insert(path.clone(), (call, false))
            && before == generation
            && round != last + u32::from(definite)
        {
            return Err(format!("{path} goes from round {last} (definite: {definite}) to round {round} (G4)"));
        }
        self.allowed.insert((path.clone(), call));
        Ok(())
    }
}
