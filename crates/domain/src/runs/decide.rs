//! The rules of a run: which events an input causes, and what follows from them.
//!
//! [`start`] and [`advance`] decide one input, apply the events to the state and go on until nothing follows any more,
//! so that a closed step and the dispatch of its successor are one transition, hence one commit. A refused commit
//! leaves the state ahead of the store; whoever holds it then folds the stored events anew.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    call::{AgentCall, CallFailure, CallKey, CallOutcome},
    commit::{ClosedAttempt, RunUpdate},
    event::RunEvent,
    inbox::InboxMessage,
    state::{Attempt, RunState, RunStatus, StepState},
};
use crate::{
    Timestamp,
    agents::RetryPolicy,
    ids::{RunId, Seq, StepId, StepPath},
    payload::Payload,
    workflows::{Plan, PlanStep, ResolveError, Scope},
};

/// The longest message that an event or a row keeps, in characters.
const MAX_MESSAGE: usize = 2000;

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
    /// Outputs that some later step still looks into.
    pub outputs: BTreeMap<StepPath, Payload>,
    /// The input of each call under way.
    pub calls: BTreeMap<StepPath, Payload>,
}

impl RunData {
    /// The data of a run that has not done anything.
    pub fn new(run: RunId, input: Payload) -> Self {
        Self { run, input, outputs: BTreeMap::new(), calls: BTreeMap::new() }
    }
}

impl Scope for RunData {
    fn input(&self) -> &Value {
        self.input.value()
    }

    fn output(&self, step: &StepId) -> Option<&Value> {
        self.outputs.get(step.as_str()).map(Payload::value)
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
}

/// Begins a run: its state, its data and the first transition.
pub fn start(plan: &Plan, run: RunId, input: Payload, now: Timestamp) -> (RunState, RunData, Transition) {
    let mut state = RunState::started(plan.hash(), Seq::new(1));
    let mut data = RunData::new(run, input);
    let made = Transition { events: vec![RunEvent::Started { plan: plan.hash() }], ..Transition::default() };
    let mut decision = Decision { plan, state: &mut state, data: &mut data, now, made };
    decision.settle();
    let made = decision.made;
    (state, data, made)
}

/// Decides one input and all that follows from it; the state is then ahead of the store until the transition is
/// committed. A rejected input leaves the state as it was.
pub fn advance(
    plan: &Plan,
    state: &mut RunState,
    data: &mut RunData,
    input: Input,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let mut decision = Decision { plan, state, data, now, made: Transition::default() };
    decision.take(input)?;
    decision.settle();
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
        let step = plan.at(&path).ok_or_else(|| cannot("the plan has no such step".to_owned()))?;
        // It was resolved when it was dispatched, from values that do not change; so it resolves again.
        let input = resolve(step, data).map_err(cannot)?;
        data.calls.insert(path, input.clone());
        calls.push(call(&data.run, step, &attempt, input));
    }
    Ok(calls)
}

struct Decision<'a> {
    plan: &'a Plan,
    state: &'a mut RunState,
    data: &'a mut RunData,
    now: Timestamp,
    made: Transition,
}

impl Decision<'_> {
    fn emit(&mut self, event: RunEvent) {
        let before = (self.state.status(), self.state.is_paused());
        self.state.apply(self.now, &event);
        let (status, paused) = (self.state.status(), self.state.is_paused());
        if (status, paused) != before {
            self.made.update = Some(RunUpdate { status, error: self.state.error().map(str::to_owned), paused });
        }
        self.made.events.push(event);
    }

    fn take(&mut self, input: Input) -> Result<(), Rejection> {
        let status = self.state.status();
        match (status, input) {
            // Only the store can resume a terminal run; its event then shows in the state.
            (RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled, _) => Err(Rejection::Terminal(status)),
            (RunStatus::Pending | RunStatus::Running, Input::Continue) => Ok(()),
            (RunStatus::Pending | RunStatus::Running, Input::CallEnded { key, outcome, policy }) => {
                self.call_ended(&key, outcome, policy)
            }
            (RunStatus::Pending | RunStatus::Running, Input::Told(message)) => {
                self.told(message);
                Ok(())
            }
        }
    }

    /// What is so already needs no event.
    fn told(&mut self, message: InboxMessage) {
        match message {
            InboxMessage::Pause { by } if !self.state.is_paused() => self.emit(RunEvent::RunPaused { by }),
            InboxMessage::Unpause { by } if self.state.is_paused() => self.emit(RunEvent::RunUnpaused { by }),
            InboxMessage::Pause { .. } | InboxMessage::Unpause { .. } => {}
        }
    }

    fn call_ended(&mut self, key: &CallKey, outcome: CallOutcome, policy: RetryPolicy) -> Result<(), Rejection> {
        let Some(StepState::InFlight(attempt)) = self.state.step(&key.path).copied() else {
            return Err(Rejection::StaleCall);
        };
        let step = self.plan.at(&key.path).ok_or(Rejection::StaleCall)?;
        if (attempt.generation, attempt.round) != (key.generation, key.round) || key.run != self.data.run {
            return Err(Rejection::StaleCall);
        }
        match outcome {
            CallOutcome::Completed(output) => self.succeeded(step, &attempt, output),
            CallOutcome::Failed(failure) => self.failed(step, &attempt, &failure, policy),
        }
        Ok(())
    }

    fn succeeded(&mut self, step: &PlanStep, attempt: &Attempt, output: Payload) {
        self.close(step, attempt, Some(output.clone()), None);
        if step.output_is_read() {
            self.data.outputs.insert(step.path.clone(), output);
        }
        for read in step.releases() {
            self.data.outputs.remove(read);
        }
        self.emit(RunEvent::StepSucceeded { path: step.path.clone(), execution: attempt.execution });
    }

    fn failed(&mut self, step: &PlanStep, attempt: &Attempt, failure: &CallFailure, policy: RetryPolicy) {
        let message = shorten(&failure.message);
        self.close(step, attempt, None, Some(message.clone()));
        let (path, execution, definite) = (step.path.clone(), attempt.execution, failure.definite);
        if failure.permanent || attempt.number >= policy.attempts() {
            self.emit(RunEvent::StepFailed { path, execution: Some(execution), definite });
            self.fail_run(step, &message);
        } else {
            let wait = policy.delay_after(attempt.number).max(failure.retry_after.unwrap_or_default());
            let wait = chrono::TimeDelta::from_std(wait).unwrap_or(chrono::TimeDelta::MAX);
            let retry_at = self.now.checked_add_signed(wait).unwrap_or(Timestamp::MAX_UTC);
            self.emit(RunEvent::StepRetryScheduled { path, execution, definite, retry_at });
        }
    }

    fn close(&mut self, step: &PlanStep, attempt: &Attempt, output: Option<Payload>, error: Option<String>) {
        let input = self.data.calls.remove(&step.path).unwrap_or_else(Payload::empty);
        self.made.closed.push(ClosedAttempt {
            execution: attempt.execution,
            step: step.id.clone(),
            path: step.path.clone(),
            agent: step.agent.clone(),
            attempt: attempt.number,
            generation: attempt.generation,
            round: attempt.round,
            input,
            output,
            error,
            started_at: attempt.dispatched_at,
            completed_at: self.now,
        });
    }

    fn fail_run(&mut self, step: &PlanStep, message: &str) {
        self.emit(RunEvent::RunFailed { error: format!("Workflow failed at step '{}': {message}", step.id) });
    }

    /// Does what can be done now, until nothing follows any more.
    fn settle(&mut self) {
        while !self.state.status().is_terminal() {
            let current = self.state.current().and_then(|path| Some((self.plan.at(path)?, *self.state.step(path)?)));
            let is_last = matches!(current, Some((step, StepState::Succeeded { .. })) if step.next.is_none());
            // A paused run whose last step has ended is over: nothing new is begun by saying so.
            if self.state.is_paused() && !is_last {
                return;
            }
            match current {
                None => self.dispatch(self.plan.first(), 1, 0, 0),
                Some((_, StepState::InFlight(_))) => return,
                Some((_, StepState::Waiting { retry_at, .. })) if retry_at > self.now => return,
                Some((step, StepState::Waiting { last, definite, .. })) => {
                    self.dispatch(step, last.number + 1, last.generation, next_round(&last, definite));
                }
                // A failed step in a live run: the run was resumed.
                Some((step, StepState::Failed { last: Some(last), definite })) => {
                    self.dispatch(step, 1, last.generation, next_round(&last, definite));
                }
                Some((step, StepState::Failed { last: None, .. })) => self.dispatch(step, 1, 0, 0),
                Some((step, StepState::Succeeded { .. })) => match step.next {
                    Some(next) => self.dispatch(self.plan.step(next), 1, 0, 0),
                    None => self.emit(RunEvent::RunCompleted),
                },
            }
        }
    }

    fn dispatch(&mut self, step: &PlanStep, attempt: u32, generation: u32, round: u32) {
        let path = step.path.clone();
        match resolve(step, self.data) {
            Ok(input) => {
                self.emit(RunEvent::StepDispatched { path: path.clone(), attempt, generation, round });
                self.data.calls.insert(path, input.clone());
                let attempt = Attempt {
                    execution: self.state.seq(),
                    number: attempt,
                    generation,
                    round,
                    dispatched_at: self.now,
                };
                self.made.calls.push(call(&self.data.run, step, &attempt, input));
            }
            Err(message) => {
                self.emit(RunEvent::StepFailed { path, execution: None, definite: true });
                self.fail_run(step, &message);
            }
        }
    }
}

fn resolve(step: &PlanStep, data: &RunData) -> Result<Payload, String> {
    let input = step.resolve_input(data).map_err(|e: ResolveError| e.to_string());
    input
        .and_then(|value| Payload::new(value).map_err(|e| e.to_string()))
        .map_err(|problem| shorten(&format!("Exception during step execution: {problem}")))
}

fn call(run: &RunId, step: &PlanStep, attempt: &Attempt, input: Payload) -> AgentCall {
    let key =
        CallKey { run: run.clone(), path: step.path.clone(), generation: attempt.generation, round: attempt.round };
    AgentCall { key, execution: attempt.execution, step: step.id.clone(), agent: step.agent.clone(), input }
}

/// A new call after a definite answer; the same call, key and bytes, after an unknown outcome.
fn next_round(last: &Attempt, definite: bool) -> u32 {
    if definite { last.round + 1 } else { last.round }
}

/// Messages come from agents: they are cut, and freed of what no store can keep.
fn shorten(message: &str) -> String {
    let clean = message.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c });
    let mut short: String = clean.clone().take(MAX_MESSAGE).collect();
    if clean.count() > MAX_MESSAGE {
        short.push('…');
    }
    short
}
