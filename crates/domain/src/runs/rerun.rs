//! Doing a step of a run that is over once more: what is undone with it.

use serde::{Deserialize, Serialize};

use super::state::RunState;
use crate::{ids::StepPath, workflows::Plan};

/// A step that is done anew, and what has to be done anew because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// The step.
    pub from: StepPath,
    /// What follows it: in its own sequence, and after each block around it. A block stands for all that is in it.
    pub undone: Vec<StepPath>,
}

/// Why a run cannot be done anew from a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRerun {
    /// The run's plan has no such place.
    #[error("the run's workflow has no step '{0}'")]
    Unknown(StepPath),
    /// The run never came there, so that a retry does it anyway.
    #[error("the run never reached step '{0}'")]
    NotReached(StepPath),
}

impl Rerun {
    /// What it takes to do a step anew. It follows from the plan alone, so that it stays true whatever happens to the run
    /// meanwhile.
    pub fn of(plan: &Plan, state: &RunState, from: &StepPath) -> Result<Self, CannotRerun> {
        if plan.at(from).is_none() {
            return Err(CannotRerun::Unknown(from.clone()));
        }
        if state.step(from).is_none() && state.block(from).is_none() {
            return Err(CannotRerun::NotReached(from.clone()));
        }
        let mut undone = Vec::new();
        let mut level = Some(from.clone());
        while let Some(path) = level {
            let mut next = plan.at(&path).and_then(|step| step.next);
            while let Some(step) = next.map(|index| plan.step(index)) {
                undone.push(path.beside(&step.id));
                next = step.next;
            }
            level = path.around().map(|(block, _)| block);
        }
        Ok(Self { from: from.clone(), undone })
    }
}
