//! Giving a step its output instead of its agent.

use super::{
    decision::Decision,
    event::RunEvent,
    state::RunState,
    step_state::{Attempt, StepState},
};
use crate::{
    ids::StepPath,
    payload::Payload,
    workflows::{Plan, Work},
};

/// Why a step is not skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSkip {
    /// The run's plan has no such place.
    #[error("the run's workflow has no step '{0}'")]
    Unknown(StepPath),
    /// Its output is made of those of the steps in it.
    #[error("step '{0}' is a block: skip the steps in it")]
    Block(StepPath),
    /// It is done, or its turn has not come.
    #[error("step '{0}' is not under way: it has ended, or its turn has not come")]
    NotUnderWay(StepPath),
}

/// Whether a step can be given its output: it is under way, waits, or is what the run stopped at.
pub fn skippable(plan: &Plan, state: &RunState, path: &StepPath) -> Result<(), CannotSkip> {
    let step = plan.at(path).ok_or_else(|| CannotSkip::Unknown(path.clone()))?;
    if matches!(step.work, Work::Block(_)) {
        return Err(CannotSkip::Block(path.clone()));
    }
    // A stopped run is resumed first, and then what failed in its blocks is at its front again.
    if !state.status().is_terminal() && !state.frontier().contains(path) {
        return Err(CannotSkip::NotUnderWay(path.clone()));
    }
    match state.step(path) {
        None | Some(StepState::Succeeded { .. } | StepState::Passed) => Err(CannotSkip::NotUnderWay(path.clone())),
        Some(
            StepState::InFlight(_)
            | StepState::Waiting { .. }
            | StepState::Delayed { .. }
            | StepState::Child { .. }
            | StepState::Listening { .. }
            | StepState::Failed { .. },
        ) => Ok(()),
    }
}

impl Decision<'_> {
    /// What is said too late changes nothing: the step may have ended by itself meanwhile.
    pub(super) fn skip(&mut self, path: &StepPath, output: Payload, by: String) {
        let is_at_it = skippable(self.plan, self.state, path).is_ok();
        let Some(step) = self.plan.at(path).filter(|_| is_at_it) else { return };
        if let Work::Delay(_) = step.work {
            self.emit(RunEvent::StepSkipped { path: path.clone(), by });
            self.emit(RunEvent::StepPassed { path: path.clone() });
            self.open.push(path.clone());
            return;
        }
        self.give_up(path, &format!("Skipped by {by}"));
        let last = self.state.step(path).and_then(StepState::last_attempt);
        self.emit(RunEvent::StepSkipped { path: path.clone(), by });
        let (number, generation, round) =
            last.map_or((1, self.state.generation(), 0), |last| (last.number, last.generation, last.round));
        let execution = self.state.seq();
        let attempt = Attempt { execution, number, generation, round, dispatched_at: self.now };
        self.succeeded(step, path, &attempt, output);
    }
}
