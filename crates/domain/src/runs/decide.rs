//! The rules of a run: which events an input causes, and what follows from them.
//!
//! [`start`] and [`advance`] decide one input, apply the events to the state and go on until nothing follows any more,
//! so that a closed step and the dispatch of its successor are one transition, hence one commit. A refused commit
//! leaves the state ahead of the store; whoever holds it then folds the stored events anew.

use std::collections::{BTreeMap, HashMap};

use super::{
    block_state::BlockPhase,
    blocks,
    call::{AgentCall, CallKey, CallOutcome},
    child::{ChildDefinition, ChildResume},
    commit::{ClosedAttempt, Outward, RunUpdate},
    dead_letter::ReplayOf,
    decision::{Decision, call, drop_inside, resolve},
    event::RunEvent,
    inbox::InboxMessage,
    scope::StepScope,
    state::{RunState, RunStatus},
    step_state::StepState,
};
use crate::{
    Timestamp,
    agents::RetryPolicy,
    ids::{RunId, Seq, StepPath},
    payload::Payload,
    trace::TraceParent,
    workflows::{ChildTarget, Plan, Work},
};

/// Something that a run is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Look whether something can be done: after a claim, or when a timer fired.
    Continue,
    /// A call has ended.
    CallEnded {
        /// Which call.
        key: CallKey,
        /// What came of it.
        outcome: CallOutcome,
        /// The agent's policy, as it is now.
        policy: RetryPolicy,
    },
    /// Somebody has something to say.
    Told(InboxMessage),
    /// What [`Transition::lookups`] asked for.
    LookedUp {
        /// The workflow that was asked for.
        target: ChildTarget,
        /// The version to be run, or why there is none.
        found: Result<ChildDefinition, String>,
    },
}

/// Why an input changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The run is terminal and absorbs everything.
    #[error("the run is {}", .0.as_str())]
    Terminal(RunStatus),
    /// The call is not the one that is under way: late or doubled.
    #[error("the call has ended before")]
    StaleCall,
}

/// The values that a run's references look into, as far as its owner holds them.
#[derive(Debug, Clone)]
pub struct RunData {
    /// The run's id.
    pub run: RunId,
    /// The run's input.
    pub input: Payload,
    /// Outputs that something still looks into.
    pub outputs: BTreeMap<StepPath, Payload>,
    /// The input of each call under way.
    pub calls: BTreeMap<StepPath, Payload>,
    /// The workflows that have been looked up.
    pub definitions: BTreeMap<ChildTarget, Result<ChildDefinition, String>>,
}

impl RunData {
    /// The data of a run that has not done anything.
    pub fn new(run: RunId, input: Payload) -> Self {
        Self { run, input, outputs: BTreeMap::new(), calls: BTreeMap::new(), definitions: BTreeMap::new() }
    }
}

/// What a decision changes: what the store must write, and what may happen after that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transition {
    /// What became true.
    pub events: Vec<RunEvent>,
    /// The attempts that ended.
    pub closed: Vec<ClosedAttempt>,
    /// The new status of the run, if it changed.
    pub update: Option<RunUpdate>,
    /// Calls that may be made once the events are durable. Their twin is the `StepDispatched` event: whoever claims the
    /// run after a crash finds the call in flight and makes it again.
    pub calls: Vec<AgentCall>,
    /// Calls whose answers are no longer wanted.
    pub aborts: Vec<StepPath>,
    /// Calls that their agents have reported about, so that nobody waits for their answers.
    pub answered: Vec<StepPath>,
    /// What changes beyond the run, in the same commit.
    pub outward: Outward,
    /// Runs to be resumed once the events are durable. Their twin is the state: whoever claims the run does it again.
    pub resumes: Vec<ChildResume>,
    /// Workflows to be looked up, at once: the run wants [`Input::LookedUp`]. Nothing is lost with it.
    pub lookups: Vec<ChildTarget>,
    /// Whether more is to be done at once than one transition should hold: the run wants [`Input::Continue`].
    pub unfinished: bool,
}

impl Transition {
    /// Whether the commit that starts a run can hold all of it: events and calls, and nothing else that is durable.
    pub fn fits_a_start(&self) -> bool {
        self.closed.is_empty() && self.outward.is_empty()
    }
}

/// Begins a run: its state, its data and the first transition.
pub fn start(plan: &Plan, run: RunId, input: Payload, now: Timestamp) -> (RunState, RunData, Transition) {
    start_from(plan, run, input, None, None, now)
}

/// The same for a run that was started from there, and perhaps does the work of another run's step after all.
pub fn start_from(
    plan: &Plan,
    run: RunId,
    input: Payload,
    from: Option<TraceParent>,
    replays: Option<&ReplayOf>,
    now: Timestamp,
) -> (RunState, RunData, Transition) {
    let mut state = RunState::started(plan.hash(), None, Seq::new(1), now);
    state.comes_from(from);
    let mut data = RunData::new(run, input);
    let made = Transition {
        events: vec![RunEvent::Started { plan: plan.hash(), parent: None, starts_at: None, trace: from }],
        ..Transition::default()
    };
    let mut decision = Decision { plan, state: &mut state, data: &mut data, now, begin: true, made, open: Vec::new() };
    if let Some(replays) = replays {
        decision.emit(replays.event());
    }
    decision.begin(&plan.first().top_level());
    decision.settle();
    decision.say_what_follows();
    let made = decision.made;
    (state, data, made)
}

/// Decides one input and all that follows from it; the state is then ahead of the store until the transition is
/// committed. A rejected input leaves the state as it was. Unless something may be begun, what is under way is only ended.
pub fn advance(
    plan: &Plan,
    state: &mut RunState,
    data: &mut RunData,
    input: Input,
    now: Timestamp,
    begin: bool,
) -> Result<Transition, Rejection> {
    let mut decision = Decision { plan, state, data, now, begin, made: Transition::default(), open: Vec::new() };
    decision.take(input)?;
    decision.settle();
    decision.say_what_follows();
    Ok(decision.made)
}

/// A call that was made cannot be made again with the same bytes: what it was made of is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the call under way at step '{path}' cannot be made again: {problem}")]
pub struct CannotRepeat {
    path: StepPath,
    problem: String,
}

/// The calls that a run has under way, to be made again by a new owner with the same keys and the same bytes.
pub fn calls_in_flight(plan: &Plan, state: &RunState, data: &mut RunData) -> Result<Vec<AgentCall>, CannotRepeat> {
    if state.status().is_terminal() {
        return Ok(Vec::new());
    }
    let in_flight: Vec<_> = state.in_flight().map(|(path, attempt)| (path.clone(), *attempt)).collect();
    let mut calls = Vec::with_capacity(in_flight.len());
    for (path, attempt) in in_flight {
        let cannot = |problem: String| CannotRepeat { path: path.clone(), problem };
        let found = plan.at(&path).and_then(|step| Some((step, step.agent()?)));
        let (step, agent) = found.ok_or_else(|| cannot("the plan has no such step".to_owned()))?;
        // It was resolved when it was dispatched, from values that do not change; so it resolves again.
        let input = resolve(agent, StepScope { plan, data, step, path: &path }).map_err(cannot)?;
        let again = call(&data.run, step, agent, &path, &attempt, input.clone());
        calls.push(AgentCall { repeated: true, ..again });
        data.calls.insert(path, input);
    }
    Ok(calls)
}

/// The runs that have been resumed for this one and may not know it, for a new owner to do it again.
pub fn resumed_children(state: &RunState, run: &RunId) -> Vec<ChildResume> {
    let resumed = state.waiting().filter_map(|(path, step)| match step {
        StepState::Child { attempt, .. } if attempt.round > 0 => Some(ChildResume::of(run, path, attempt)),
        _ => None,
    });
    resumed.collect()
}

/// The attempts whose outputs something looks into that is still to be done, or under way.
pub fn outputs_needed<'a>(plan: &Plan, state: &'a RunState) -> HashMap<Seq, &'a StepPath> {
    let Some(current) = state.current() else { return HashMap::new() };
    let succeeded = state.steps().filter_map(|(path, step)| match step {
        StepState::Succeeded { execution } => Some((*execution, path)),
        StepState::InFlight(_)
        | StepState::Waiting { .. }
        | StepState::Delayed { .. }
        | StepState::Child { .. }
        | StepState::Listening { .. }
        | StepState::Passed
        | StepState::Failed { .. } => None,
    });
    succeeded.filter(|(_, path)| plan.needs(path, current)).collect()
}

/// What the agent of a step is sent, made of the outputs that the run's owner would hold ([`outputs_needed`]): the same as when
/// it was called. None where they are not there, or it is no such step.
pub fn input_of_call(plan: &Plan, data: &RunData, path: &StepPath) -> Option<Payload> {
    plan.at(path)?.agent().and_then(|_| input_of(plan, data, path))
}

/// The outputs of the blocks that are done, made of the outputs of the steps in them. What nothing looks into any more is
/// dropped.
pub fn restore_outputs(plan: &Plan, state: &RunState, data: &mut RunData) {
    // What is in a block stands behind it.
    for (path, block) in state.blocks().rev().filter(|(_, block)| block.phase == BlockPhase::Succeeded) {
        let Some((step, shape)) = plan.at(path).and_then(|step| Some((step, step.block()?))) else { continue };
        if let Ok(output) = blocks::output(plan, shape, path, block, data)
            && step.output_is_read()
        {
            data.outputs.insert(path.clone(), output);
        }
        drop_inside(plan, data, path);
    }
}

/// What a step works on, if it is known: what its agent is sent, the input of the run that it starts, what it waits for.
pub(super) fn input_of(plan: &Plan, data: &RunData, path: &StepPath) -> Option<Payload> {
    let step = plan.at(path)?;
    let scope = StepScope { plan, data, step, path };
    match &step.work {
        Work::Agent(agent) => resolve(agent, scope).ok(),
        Work::Child(child) => Payload::new(child.resolve_input(&scope).ok()?).ok(),
        Work::Wait(wait) => Payload::new(wait.describe(&scope)).ok(),
        Work::Check(_) | Work::Block(_) | Work::Delay(_) | Work::End(_) => None,
    }
}
