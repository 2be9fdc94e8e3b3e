//! The compiled plan: what a run executes. Built once per document, shared by all its runs; the hot path parses nothing.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    budget::Budget,
    reference::{ResolveError, Scope, Source, Template},
};
use crate::{
    agents::AgentName,
    ids::{PlanHash, StepId, StepPath},
};

/// The position of a step in its plan; steps stand in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub(super) u32);

impl StepIndex {
    fn of(self) -> usize {
        self.0 as usize
    }
}

/// A compiled workflow document.
#[derive(Debug)]
pub struct Plan {
    pub(super) hash: PlanHash,
    pub(super) name: String,
    pub(super) steps: Vec<PlanStep>,
    pub(super) by_path: HashMap<StepPath, StepIndex>,
}

/// A compiled agent step.
#[derive(Debug)]
pub struct PlanStep {
    /// The step's id in the document.
    pub id: StepId,
    /// The step's place in a run.
    pub path: StepPath,
    /// The agent that does the work.
    pub agent: AgentName,
    /// The step that follows.
    pub next: Option<StepIndex>,
    pub(super) input: Vec<(String, Template)>,
    /// Whether any step looks into this one's output.
    pub(super) output_is_read: bool,
    /// The steps whose outputs no later step looks into.
    pub(super) releases: Vec<StepPath>,
}

impl Plan {
    /// The hash of the document; runs are pinned to it.
    pub fn hash(&self) -> PlanHash {
        self.hash
    }

    /// The workflow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The step that runs first.
    pub fn first(&self) -> &PlanStep {
        &self.steps[0]
    }

    /// A step by its index.
    pub fn step(&self, index: StepIndex) -> &PlanStep {
        &self.steps[index.of()]
    }

    /// A step by its place in a run.
    pub fn at(&self, path: &StepPath) -> Option<&PlanStep> {
        self.by_path.get(path).map(|index| self.step(*index))
    }

    /// All steps, in the order in which they run.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &PlanStep> {
        self.steps.iter()
    }

    /// The steps whose outputs are needed to run `from` and all that follows it.
    pub fn needed_from(&self, from: &StepPath) -> Vec<&StepPath> {
        let Some(first) = self.by_path.get(from) else { return Vec::new() };
        let (before, after) = self.steps.split_at(first.of());
        let is_read = |step: &&PlanStep| {
            after
                .iter()
                .any(|reader| reader.reads().any(|source| matches!(source, Source::Output(id) if *id == step.id)))
        };
        before.iter().filter(is_read).map(|step| &step.path).collect()
    }
}

impl PlanStep {
    /// The step's input, with every reference replaced.
    pub fn resolve_input(&self, scope: &dyn Scope) -> Result<Value, ResolveError> {
        let mut budget = Budget::default();
        let members = self
            .input
            .iter()
            .map(|(field, template)| Ok((field.clone(), template.resolve(field, scope, &mut budget)?)));
        members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    /// Whether any step looks into this one's output.
    pub fn output_is_read(&self) -> bool {
        self.output_is_read
    }

    /// The steps whose outputs may be forgotten once this one has finished.
    pub fn releases(&self) -> &[StepPath] {
        &self.releases
    }

    pub(super) fn reads(&self) -> impl Iterator<Item = &Source> {
        self.input.iter().flat_map(|(_, template)| template.references()).map(|reference| &reference.source)
    }
}

/// A plan shared by all runs of a version.
pub type SharedPlan = Arc<Plan>;
