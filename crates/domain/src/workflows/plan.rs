//! The compiled plan: what a run executes. Built once per document, shared by all its runs; the hot path parses nothing.
//!
//! A plan is a tree, laid flat: every place at which a step can be executed is a [`PlanStep`], and a step that two blocks
//! name has two of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::Value;

use super::{
    budget::Budget,
    condition::Condition,
    follow_up::FollowUp,
    reference::{Reference, ResolveError, Scope, Template},
    work::{CheckWork, ChildTarget, ChildWork, WaitWork, resolve_mapping},
};
use crate::{
    agents::{AgentName, RetryPolicy},
    ids::{PlanHash, Slot, StepId, StepPath},
    payload::Payload,
    ports::{Schema, Violation},
};

/// The position of a step in its plan; blocks stand before what is in them, and a sequence in the order in which it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub(super) u32);

impl StepIndex {
    pub(super) fn of(self) -> usize {
        self.0 as usize
    }
}

/// A compiled workflow document.
#[derive(Debug)]
pub struct Plan {
    pub(super) hash: PlanHash,
    pub(super) name: String,
    pub(super) input_schema: Option<Arc<dyn Schema>>,
    pub(super) timeout_seconds: Option<u32>,
    pub(super) retry_budget: Option<u32>,
    pub(super) follow_ups: Vec<FollowUp>,
    pub(super) steps: Vec<PlanStep>,
    /// By [`PlanStep::place`].
    pub(super) by_place: HashMap<Box<str>, StepIndex>,
    /// Stands behind all steps, sees what the last one sees and itself, and makes the run's output.
    pub(super) end: PlanStep,
}

/// A place at which a step can be executed.
#[derive(Debug)]
pub struct PlanStep {
    /// The step's id in the document.
    pub id: StepId,
    /// Its path, with `[]` for every iteration.
    pub place: Box<str>,
    /// The step that follows in the same sequence.
    pub next: Option<StepIndex>,
    /// What is done here.
    pub work: Work,
    /// Where references in this step find the outputs of others: the first that there is.
    pub(super) visible: BTreeMap<StepId, Vec<StepIndex>>,
    /// Whether anything looks into this one's output.
    pub(super) output_is_read: bool,
    /// Whether a step outside of the block around it does.
    pub(super) is_read_outside: bool,
    /// At the top level: the outputs that nothing looks into once this step is done.
    pub(super) releases: Vec<StepPath>,
    /// The position of the top-level step that it belongs to, and of the last one that looks into its output.
    pub(super) root: u32,
    pub(super) last_reader: Option<u32>,
}

/// What a step does. What may be large is shared by all the places at which the step stands.
#[derive(Debug, Clone)]
pub enum Work {
    /// Calls an agent.
    Agent(Arc<AgentWork>),
    /// Does the steps in it.
    Block(Block),
    /// Waits.
    Delay(Arc<Delay>),
    /// Starts a run of another workflow and waits for it.
    Child(Arc<ChildWork>),
    /// Waits for an event.
    Wait(Arc<WaitWork>),
    /// Checks a value.
    Check(Arc<CheckWork>),
    /// Makes the run's output; without a template, of the last step's.
    End(Option<Template>),
}

/// A call to an agent.
#[derive(Debug)]
pub struct AgentWork {
    /// The agent.
    pub agent: AgentName,
    /// What follows a failed attempt, where the step says so itself.
    pub retry: Option<RetryPolicy>,
    /// How many seconds the step may take, with all its attempts.
    pub timeout_seconds: Option<u32>,
    pub(super) input: Vec<(String, Template)>,
}

/// A step that consists of others.
#[derive(Debug, Clone)]
pub struct Block {
    /// How they are done and what comes of them.
    pub kind: BlockKind,
    /// The first step of each sequence in it. A loop has one sequence, however often it is done.
    pub sequences: Vec<StepIndex>,
    /// How many sequences are done at once.
    pub at_once: u32,
    /// How many seconds all of it may take.
    pub timeout_seconds: Option<u32>,
}

/// The kinds of blocks.
#[derive(Debug, Clone)]
pub enum BlockKind {
    /// All members, at once.
    Parallel,
    /// One of two steps.
    Conditional(Choice),
    /// The same steps for each element of a list.
    Loop(Loop),
    /// Several sequences at once, of which not all need succeed.
    ForkJoin(ForkJoin),
}

/// What a conditional step asks.
#[derive(Debug, Clone)]
pub struct Choice {
    /// None where the text of a document that was taken from the bus is no condition: then it never holds.
    pub condition: Option<Condition>,
    /// Which sequence of the block is done if it holds.
    pub then: Option<u32>,
    /// Which is done if it does not.
    pub otherwise: Option<u32>,
}

/// What a loop repeats.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The list.
    pub collection: Arc<Reference>,
    /// The last step of the body, whose output is the iteration's result.
    pub last: StepIndex,
    /// Whether iterations are done at once.
    pub is_parallel: bool,
    /// The elements that are looked at; later ones are ignored.
    pub max_iterations: Option<u32>,
    /// What a failed iteration means.
    pub on_error: OnError,
}

/// What a failed iteration means for its loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It fails, in sequence at once.
    Stop,
    /// It goes on and succeeds; the iteration's result is null.
    Continue,
    /// It goes on and fails in the end, with all the messages.
    Collect,
}

/// What a fork waits for.
#[derive(Debug, Clone)]
pub struct ForkJoin {
    /// The branches, in the order of their names.
    pub branches: Vec<Branch>,
    /// How many must succeed.
    pub policy: JoinPolicy,
}

/// A branch of a fork.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Its name.
    pub name: Arc<str>,
    /// The last step, whose output is the branch's result.
    pub last: StepIndex,
    /// How many seconds it may take.
    pub timeout_seconds: Option<u32>,
}

/// How many branches must succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPolicy {
    /// Every one.
    All,
    /// At least one.
    Any,
    /// More than half.
    Majority,
    /// At least so many.
    AtLeast(u32),
}

/// How long a step waits.
#[derive(Debug, Clone)]
pub enum Delay {
    /// So many seconds, as a number or a reference to one.
    Seconds(Template),
    /// Until a time in RFC 3339, as a text or a reference to one.
    Until(Template),
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

    /// Why a run cannot begin with an input, if it cannot.
    pub fn refuses(&self, input: &Payload) -> Option<String> {
        let violations = self.input_violations(input);
        let problem = (!violations.is_empty()).then(|| Violation::sentence(&violations))?;
        Some(format!("The input does not fit the workflow's input_schema: {problem}"))
    }

    /// Everything in which an input differs from what the document demands.
    pub fn input_violations(&self, input: &Payload) -> Vec<Violation> {
        self.input_schema.as_ref().map(|schema| schema.violations(input.value())).unwrap_or_default()
    }

    /// How many seconds a run may take.
    pub fn timeout_seconds(&self) -> Option<u32> {
        self.timeout_seconds
    }

    /// How many attempts a run may repeat, of all steps together.
    pub fn retry_budget(&self) -> Option<u32> {
        self.retry_budget
    }

    /// The runs that follow a run that has completed.
    pub fn follow_ups(&self) -> &[FollowUp] {
        &self.follow_ups
    }

    /// The step that runs first.
    pub fn first(&self) -> &PlanStep {
        &self.steps[0]
    }

    /// What stands behind the last step.
    pub fn end(&self) -> &PlanStep {
        &self.end
    }

    /// A step by its index.
    pub fn step(&self, index: StepIndex) -> &PlanStep {
        &self.steps[index.of()]
    }

    /// A step by its place in a run.
    pub fn at(&self, path: &StepPath) -> Option<&PlanStep> {
        self.by_place.get(&*path.in_every_iteration()).map(|index| self.step(*index))
    }

    /// All places of steps.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &PlanStep> {
        self.steps.iter()
    }

    /// The workflows that steps of it run, with those steps.
    pub fn children(&self) -> impl Iterator<Item = (&StepId, &ChildTarget)> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Child(child) => Some((&step.id, &child.target)),
            _ => None,
        })
    }

    /// The steps at the top level before the first block: what the old executor does not do again after a failure.
    pub fn leading_agents(&self) -> Vec<StepId> {
        let mut at = Some(self.first());
        let mut leading = Vec::new();
        while let Some(step) = at.filter(|step| matches!(step.work, Work::Agent(_))) {
            leading.push(step.id.clone());
            at = step.next.map(|next| self.step(next));
        }
        leading
    }

    /// Whether the output of a step is looked into by a top-level step that is not done, or by one around `current`.
    pub fn needs(&self, path: &StepPath, current: &StepPath) -> bool {
        let (Some(step), Some(current)) = (self.at(path), self.by_place.get(current.outermost())) else { return false };
        let current = self.step(*current).root;
        step.output_is_read && (step.root == current || step.last_reader.is_some_and(|reader| reader >= current))
    }
}

impl PlanStep {
    /// The call, if it is one.
    pub fn agent(&self) -> Option<&AgentWork> {
        match &self.work {
            Work::Agent(agent) => Some(&**agent),
            Work::Block(_) | Work::Delay(_) | Work::Child(_) | Work::Wait(_) | Work::Check(_) | Work::End(_) => None,
        }
    }

    /// The block, if it is one.
    pub fn block(&self) -> Option<&Block> {
        match &self.work {
            Work::Block(block) => Some(block),
            Work::Agent(_) | Work::Delay(_) | Work::Child(_) | Work::Wait(_) | Work::Check(_) | Work::End(_) => None,
        }
    }

    /// Who does the work, as the rows of its attempts tell: the agent, or what stands in its place. None where there are no
    /// rows.
    pub fn performer(&self) -> Option<&AgentName> {
        match &self.work {
            Work::Agent(work) => Some(&work.agent),
            Work::Child(work) => Some(&work.performer),
            Work::Wait(work) => Some(&work.event),
            Work::Check(work) => Some(&work.performer),
            Work::Block(_) | Work::Delay(_) | Work::End(_) => None,
        }
    }

    /// Its place at the top level, if it is there.
    pub fn top_level(&self) -> StepPath {
        self.id.top_level()
    }

    /// Whether anything looks into this one's output.
    pub fn output_is_read(&self) -> bool {
        self.output_is_read
    }

    /// Whether a step outside of the block around it looks into it.
    pub fn is_read_outside(&self) -> bool {
        self.is_read_outside
    }

    /// The steps whose outputs may be forgotten once this one has finished.
    pub fn releases(&self) -> &[StepPath] {
        &self.releases
    }

    /// Where references find the output of a step: the first of these places at which there is one.
    pub fn sources(&self, of: &StepId) -> &[StepIndex] {
        self.visible.get(of).map_or(&[], Vec::as_slice)
    }
}

impl AgentWork {
    /// The input, with every reference replaced.
    pub fn resolve_input(&self, scope: &dyn Scope) -> Result<Value, ResolveError> {
        resolve_mapping(&self.input, scope, &mut Budget::default())
    }
}

impl Block {
    /// Where the first step of a slot is.
    pub fn first_of(&self, plan: &Plan, path: &StepPath, slot: u32) -> Option<StepPath> {
        let first = self.sequences.get(self.sequence(slot))?;
        Some(path.inside(self.slot(slot), &plan.step(*first).id))
    }

    /// Where a step of a slot is.
    pub fn place_of(&self, plan: &Plan, path: &StepPath, slot: u32, step: StepIndex) -> StepPath {
        path.inside(self.slot(slot), &plan.step(step).id)
    }

    fn sequence(&self, slot: u32) -> usize {
        if matches!(self.kind, BlockKind::Loop(_)) { 0 } else { slot as usize }
    }

    fn slot(&self, number: u32) -> Slot {
        if matches!(self.kind, BlockKind::Loop(_)) { Slot::Iteration(number) } else { Slot::Branch(number) }
    }
}

impl Loop {
    /// How many iterations a list of this length makes.
    pub fn iterations(&self, length: usize) -> u32 {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.max_iterations.map_or(length, |most| most.min(length))
    }
}

impl JoinPolicy {
    /// Whether so many successes of so many branches are enough.
    pub fn is_met(self, succeeded: u32, branches: u32) -> bool {
        match self {
            Self::All => succeeded == branches,
            Self::Any => succeeded > 0,
            Self::Majority => succeeded * 2 > branches,
            Self::AtLeast(wanted) => succeeded >= wanted,
        }
    }
}

/// A plan shared by all runs of a version.
pub type SharedPlan = Arc<Plan>;
