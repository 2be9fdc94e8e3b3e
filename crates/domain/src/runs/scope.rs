//! What the references of a step see: the run's input, the outputs of steps before it, and the iteration around it.

use serde_json::Value;

use super::decide::RunData;
use crate::{
    ids::{Slot, StepId, StepPath},
    payload::Payload,
    workflows::{BlockKind, Iteration, LoopVariable, Plan, PlanStep, Reference, Scope, Source},
};

/// The values that the references of one step look into. What they find lives as long as the data; the path may not.
#[derive(Clone, Copy)]
pub(super) struct StepScope<'a, 'p> {
    pub(super) plan: &'a Plan,
    pub(super) data: &'a RunData,
    pub(super) step: &'a PlanStep,
    pub(super) path: &'p StepPath,
}

impl<'a> StepScope<'a, '_> {
    fn output_of(self, step: &StepId) -> Option<&'a Value> {
        let places = self.step.sources(step).iter().map(|index| &self.plan.step(*index).place);
        let mut outputs = places.filter_map(|place| self.data.outputs.get(&self.path.beside_in_plan(place)));
        outputs.next().map(Payload::value)
    }

    fn innermost(self) -> Option<Iteration<'a>> {
        let (mut around, mut slot) = self.path.around()?;
        loop {
            if let Slot::Iteration(index) = slot {
                return self.iteration_of(&around, index);
            }
            (around, slot) = around.around()?;
        }
    }

    fn iteration_of(self, path: &StepPath, index: u32) -> Option<Iteration<'a>> {
        let step = self.plan.at(path)?;
        let BlockKind::Loop(repeated) = &step.block()?.kind else { return None };
        let list = StepScope { plan: self.plan, data: self.data, step, path }.list(&repeated.collection)?;
        Some(Iteration { item: list.get(index as usize)?, index, total: repeated.iterations(list.len()) })
    }

    /// The list that the step, which is a loop, goes over.
    pub(super) fn list(self, collection: &Reference) -> Option<&'a [Value]> {
        let root = match &collection.source {
            Source::Input => self.data.input.value(),
            Source::Output(step) => self.output_of(step)?,
            Source::Loop(LoopVariable::Item) => self.innermost()?.item,
            Source::Loop(_) | Source::Given | Source::RunOutput | Source::Unread => return None,
        };
        collection.walk(root)?.as_array().map(Vec::as_slice)
    }
}

impl Scope for StepScope<'_, '_> {
    fn input(&self) -> &Value {
        self.data.input.value()
    }

    fn output(&self, step: &StepId) -> Option<&Value> {
        self.output_of(step)
    }

    fn iteration(&self) -> Option<Iteration<'_>> {
        self.innermost()
    }
}
