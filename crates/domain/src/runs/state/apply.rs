//! What each event changes.

use std::collections::BTreeMap;

use super::{
    super::{
        block_state::{BlockPhase, BlockState, planted_count},
        event::RunEvent,
        report::Progress,
        step_state::{Attempt, StepState},
    },
    Pause, RunState, RunStatus,
};
use crate::{Timestamp, ids::StepPath};

impl RunState {
    /// Adds the next event.
    pub fn apply(&mut self, at: Timestamp, event: &RunEvent) {
        self.seq = self.seq.next();
        self.dead.apply(event);
        match event {
            // Only ever the first event, which makes the state.
            RunEvent::Started { plan, parent, starts_at, trace } => {
                self.plan = *plan;
                self.parent.clone_from(parent);
                self.delay(*starts_at);
                self.comes_from(*trace);
            }
            // Nothing is undone or done by what these say; a skip's consequences are the events after it.
            RunEvent::Replays { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::FollowUpStarted { .. }
            | RunEvent::FollowUpLeft { .. } => {}
            RunEvent::Follows { depth, .. } => self.following = *depth,
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
            RunEvent::BlockOpened { .. } | RunEvent::SlotEnded { .. } | RunEvent::BlockClosed { .. } => {
                self.apply_block(event);
            }
            RunEvent::StepDelayed { path, until } => {
                self.status = RunStatus::Running;
                self.touch(path);
                self.set(path, StepState::Delayed { until: *until });
            }
            RunEvent::StepReported { path } => {
                if let Some(StepState::Waiting { last, .. }) = self.steps.get(path).copied() {
                    let attempt = self.attempt(last.number + 1, last.generation, last.round, at);
                    self.set(path, StepState::InFlight(attempt));
                }
            }
            RunEvent::StepProgressed { path, message } => {
                let said = self.progress.get(path).map_or(0, |before| before.said) + 1;
                self.progress.insert(path.clone(), Progress { message: message.clone(), at, said });
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
        }
    }

    /// Adds an event of a block as a whole.
    fn apply_block(&mut self, event: &RunEvent) {
        match event {
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
            _ => {}
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
        self.progress.remove(path);
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
        // Whoever has it done after all means now.
        self.starts_at = None;
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
}
