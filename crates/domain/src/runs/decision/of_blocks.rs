//! What is to be done in a block, and what follows from its slots.

use super::{
    super::{block_state::BlockPhase, blocks, event::RunEvent},
    Decision, MAX_EVENTS, drop_inside, shorten,
};
use crate::{
    ids::{Slot, StepPath},
    workflows::{Block, PlanStep},
};

impl Decision<'_> {
    pub(super) fn open_block(&mut self, step: &PlanStep, block: &Block, path: &StepPath) {
        match blocks::opening(block, path, self.scope(step, path), self.now) {
            Ok(opened) => {
                self.emit(opened);
                self.open.push(path.clone());
            }
            Err(message) => self.cannot_begin(step, path, &message),
        }
    }

    /// Begins as many slots of an open block as may be under way at once, or closes it.
    pub(super) fn work_on(&mut self, step: &PlanStep, path: &StepPath) {
        let plan = self.plan;
        let Some(block) = step.block() else { return };
        self.time_out(step, block, path);
        while let Some(state) = self.state.block(path).filter(|state| state.phase == BlockPhase::Open) {
            if state.is_over() {
                self.close_block(step, block, path);
                return;
            }
            let Some(slot) = state.next().filter(|_| state.running() < block.at_once && self.may_begin()) else {
                return;
            };
            let Some(first) = block.first_of(plan, path, slot) else { return };
            if self.made.events.len() >= MAX_EVENTS {
                self.made.unfinished = true;
                return;
            }
            self.begin(&first);
            // It waits for a look-up.
            if self.state.block(path).is_some_and(|state| state.next() == Some(slot)) {
                return;
            }
        }
    }

    fn time_out(&mut self, step: &PlanStep, block: &Block, path: &StepPath) {
        let Some(state) = self.state.block(path) else { return };
        if state.until.is_some_and(|until| until <= self.now) {
            let message = format!("Step timed out after {} seconds", block.timeout_seconds.unwrap_or_default());
            for active in self.state.active().filter(|active| active.is_inside(path)).cloned().collect::<Vec<_>>() {
                self.give_up(&active, &message);
            }
            return self.block_failed(step, path, &message);
        }
        let is_late =
            |slot: &u32| state.deadlines.get(slot).is_some_and(|due| *due <= self.now) && state.is_running(*slot);
        let late: Vec<u32> = state.deadlines.keys().copied().filter(is_late).collect();
        for slot in late {
            let message = blocks::timed_out(block, slot);
            for active in self.state.active_in(path, slot) {
                self.give_up(&active, &message);
            }
            self.emit(RunEvent::SlotEnded { path: path.clone(), slot, error: Some(message) });
        }
    }

    pub(super) fn slot_ended(&mut self, path: &StepPath, slot: Slot, failed: Option<(&PlanStep, &str)>) {
        let plan = self.plan;
        let Some((step, block)) = plan.at(path).and_then(|step| Some((step, step.block()?))) else { return };
        let slot = slot.number();
        let error = failed.map(|(failed, message)| shorten(&blocks::slot_error(block, failed, message)));
        let fatal = error.as_deref().and_then(|error| blocks::fails_at_once(block, slot, error));
        self.emit(RunEvent::SlotEnded { path: path.clone(), slot, error });
        match fatal {
            Some(message) => self.block_failed(step, path, &message),
            None => self.open.push(path.clone()),
        }
    }

    fn block_failed(&mut self, step: &PlanStep, path: &StepPath, message: &str) {
        let message = shorten(message);
        self.emit(RunEvent::StepFailed { path: path.clone(), execution: None, definite: true });
        self.goes_wrong(step, path, &message);
    }

    fn close_block(&mut self, step: &PlanStep, block: &Block, path: &StepPath) {
        let Some(state) = self.state.block(path) else { return };
        if let Some(message) = blocks::verdict(self.plan, block, state) {
            self.block_failed(step, path, &message);
            return;
        }
        if step.output_is_read() {
            match blocks::output(self.plan, block, path, state, self.data) {
                Ok(output) => drop(self.data.outputs.insert(path.clone(), output)),
                Err(problem) => {
                    self.block_failed(step, path, &problem);
                    return;
                }
            }
        }
        drop_inside(self.plan, self.data, path);
        self.emit(RunEvent::BlockClosed { path: path.clone() });
        self.open.push(path.clone());
    }
}
