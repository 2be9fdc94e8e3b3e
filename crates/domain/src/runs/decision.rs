//! One decision: what an input changes, and what follows from that.

mod of_blocks;

use super::{
    block_state::BlockPhase,
    call::{AgentCall, CallFailure, CallKey, CallOutcome},
    commit::{ClosedAttempt, RunUpdate},
    decide::{Input, Rejection, RunData, Transition, input_of},
    event::RunEvent,
    inbox::InboxMessage,
    scope::StepScope,
    state::{RunState, RunStatus, after},
    step_state::{Attempt, StepState},
};
use crate::{
    Timestamp,
    agents::{OnUnknown, RetryPolicy},
    ids::{RunId, StepPath},
    payload::Payload,
    planted::{self, Bug},
    workflows::{AgentWork, Delay, Plan, PlanStep, ResolveError, Work},
};

/// The longest message that an event or a row keeps, in characters.
const MAX_MESSAGE: usize = 2000;

/// Who pauses a run for a person to decide.
pub(super) const PARKED_BY: &str = "on_unknown_outcome";

/// A transition with more events than this is cut, and goes on in the next: a long loop without calls is no single commit.
const MAX_EVENTS: usize = 1000;

/// Forgets the outputs inside of a block that nothing outside of it looks into.
pub(super) fn drop_inside(plan: &Plan, data: &mut RunData, block: &StepPath) {
    let inside = data.outputs.range(block.clone()..).skip_while(|(path, _)| *path == block);
    // Other steps whose ids begin like the block's may stand between.
    let of_block = inside.take_while(|(path, _)| path.as_str().starts_with(block.as_str()));
    let unread: Vec<StepPath> = of_block
        .map(|(path, _)| path)
        .filter(|path| path.is_inside(block) && !plan.at(path).is_some_and(PlanStep::is_read_outside))
        .cloned()
        .collect();
    for path in unread {
        data.outputs.remove(&path);
    }
}

pub(super) struct Decision<'a> {
    pub(super) plan: &'a Plan,
    pub(super) state: &'a mut RunState,
    pub(super) data: &'a mut RunData,
    pub(super) now: Timestamp,
    /// Whether anything new may be begun.
    pub(super) begin: bool,
    pub(super) made: Transition,
    /// Where something may be to be done.
    pub(super) open: Vec<StepPath>,
}

impl Decision<'_> {
    pub(super) fn emit(&mut self, event: RunEvent) {
        self.note_dead_letters(&event);
        let before = (self.state.status(), self.state.is_paused());
        self.state.apply(self.now, &event);
        let (status, paused) = (self.state.status(), self.state.is_paused());
        if (status, paused) != before {
            let error = self.state.error().map(str::to_owned);
            let cancelled_by = match &event {
                RunEvent::RunCancelled { by, .. } => Some(by.clone()),
                _ => None,
            };
            self.made.update = Some(RunUpdate { paused, cancelled_by, ..RunUpdate::to(status, error) });
        }
        self.made.events.push(event);
    }

    pub(super) fn take(&mut self, input: Input) -> Result<(), Rejection> {
        let status = self.state.status();
        match (status, input) {
            // Only the store can resume a terminal run; its event then shows in the state.
            (RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled, _) => Err(Rejection::Terminal(status)),
            (RunStatus::Pending | RunStatus::Running, Input::Continue) => {
                self.look_everywhere();
                Ok(())
            }
            (RunStatus::Pending | RunStatus::Running, Input::CallEnded { key, outcome, policy }) => {
                self.call_ended(&key, outcome, &policy)
            }
            (RunStatus::Pending | RunStatus::Running, Input::Told(message)) => {
                self.told(message);
                Ok(())
            }
            (RunStatus::Pending | RunStatus::Running, Input::LookedUp { target, found }) => {
                self.data.definitions.insert(target, found);
                self.look_everywhere();
                Ok(())
            }
        }
    }

    fn look_everywhere(&mut self) {
        if !self.state.is_paused() && self.state.time_limit(self.plan).is_some_and(|until| until <= self.now) {
            self.run_is_late();
        } else if self.state.current().is_none() {
            // Something has woken it before its time: what it was told is kept, and it goes on waiting.
            if self.state.starts_at().is_none_or(|at| at <= self.now) {
                self.begin_run();
            }
        } else {
            // From the outside to the inside: what has no time left begins nothing.
            self.open.extend(self.state.frontier().into_iter().rev());
        }
    }

    /// What is so already needs no event.
    fn told(&mut self, message: InboxMessage) {
        match message {
            InboxMessage::Pause { by } if !self.state.is_paused() => {
                self.emit(RunEvent::RunPaused { by, reason: None });
            }
            InboxMessage::Unpause { by } if self.state.is_paused() => {
                self.emit(RunEvent::RunUnpaused { by });
                self.look_everywhere();
            }
            InboxMessage::Pause { .. } | InboxMessage::Unpause { .. } => {}
            InboxMessage::Cancel { by, reason } => self.emit(RunEvent::RunCancelled { by, reason }),
            InboxMessage::Skip { path, output, by } => self.skip(&path, output, by),
            InboxMessage::ChildEnded { path, child, outcome } => self.child_ended(&path, &child, outcome),
            InboxMessage::Event { name, path, data, id } => self.happened(name, path.as_ref(), data, id),
            InboxMessage::CallReported { path, generation, round, outcome, retry } => {
                self.reported(&self.key(path, generation, round), outcome, &retry);
            }
            InboxMessage::CallProgressed { path, generation, round, message } => {
                self.progressed(&self.key(path, generation, round), &message);
            }
        }
    }

    pub(super) fn call_ended(
        &mut self,
        key: &CallKey,
        outcome: CallOutcome,
        policy: &RetryPolicy,
    ) -> Result<(), Rejection> {
        let attempt = match self.state.step(&key.path).copied() {
            Some(StepState::InFlight(attempt)) => attempt,
            Some(StepState::Succeeded { execution }) if planted::is(Bug::CompletionTwice) => {
                Attempt { execution, number: 1, generation: key.generation, round: key.round, dispatched_at: self.now }
            }
            _ => return Err(Rejection::StaleCall),
        };
        let step = self.plan.at(&key.path).ok_or(Rejection::StaleCall)?;
        if (attempt.generation, attempt.round) != (key.generation, key.round) || key.run != self.data.run {
            return Err(Rejection::StaleCall);
        }
        match outcome {
            CallOutcome::Completed(output) => self.succeeded(step, &key.path, &attempt, output),
            CallOutcome::Failed(failure) => {
                let of_step = step.agent().and_then(|agent| agent.retry.as_ref());
                self.failed(step, key, &attempt, &failure, of_step.unwrap_or(policy));
            }
        }
        Ok(())
    }

    pub(super) fn succeeded(&mut self, step: &PlanStep, path: &StepPath, attempt: &Attempt, output: Payload) {
        self.close_attempt(step, path, attempt, Some(output.clone()), None);
        if step.output_is_read() {
            self.data.outputs.insert(path.clone(), output);
        }
        self.emit(RunEvent::StepSucceeded { path: path.clone(), execution: attempt.execution });
        self.open.push(path.clone());
    }

    fn failed(
        &mut self,
        step: &PlanStep,
        key: &CallKey,
        attempt: &Attempt,
        failure: &CallFailure,
        policy: &RetryPolicy,
    ) {
        let path = &key.path;
        let (execution, definite) = (attempt.execution, failure.definite);
        let on_unknown = if definite { OnUnknown::Retry } else { policy.on_unknown() };
        // What nobody knows is a person's to decide, whatever is said of failures.
        let parks = on_unknown == OnUnknown::Park;
        let gives_up = on_unknown == OnUnknown::Fail || !policy.covers(failure) || attempt.number >= policy.attempts();
        let is_over = failure.permanent || gives_up && !parks;
        let budget = self.plan.retry_budget().filter(|_| !is_over && !parks);
        let spent = budget.filter(|budget| self.state.retries() >= *budget);
        let message = match spent {
            Some(budget) => format!("{} (the run's retry budget of {budget} is used up)", failure.message),
            None => failure.message.clone(),
        };
        let message = shorten(&message);
        self.close_attempt(step, path, attempt, None, Some(message.clone()));
        if is_over || spent.is_some() {
            self.emit(RunEvent::StepFailed { path: path.clone(), execution: Some(execution), definite });
            self.goes_wrong(step, path, &message);
            return;
        }
        let wait = policy.delay_after(attempt.number, key.chance(attempt.number));
        let wait = wait.max(failure.retry_after.unwrap_or_default());
        let wait = chrono::TimeDelta::from_std(wait).unwrap_or(chrono::TimeDelta::MAX);
        let retry_at = self.now.checked_add_signed(wait).unwrap_or(Timestamp::MAX_UTC);
        self.emit(RunEvent::StepRetryScheduled { path: path.clone(), execution, definite, retry_at });
        if parks && !self.state.is_paused() {
            let reason = format!("Nobody knows whether the call of step '{path}' was done: {message}");
            self.emit(RunEvent::RunPaused { by: PARKED_BY.to_owned(), reason: Some(shorten(&reason)) });
        }
        self.open.push(path.clone());
    }

    /// The run has taken too long, whatever it is at.
    fn run_is_late(&mut self) {
        let seconds = self.plan.timeout_seconds().unwrap_or_default();
        let error = format!("Workflow timed out after {seconds} seconds");
        for path in self.state.active().cloned().collect::<Vec<_>>() {
            self.cut(&path, &error);
        }
        self.emit(RunEvent::RunFailed { error });
    }

    /// Ends the attempt of a step that is under way; nothing is said about the step.
    fn cut(&mut self, path: &StepPath, message: &str) {
        let Some(step) = self.plan.at(path) else { return };
        match self.state.step(path).copied() {
            Some(StepState::InFlight(attempt)) => {
                self.close_attempt(step, path, &attempt, None, Some(message.to_owned()));
                self.made.aborts.push(path.clone());
            }
            Some(StepState::Child { attempt, .. } | StepState::Listening { attempt, .. }) => {
                self.close_attempt(step, path, &attempt, None, Some(message.to_owned()));
            }
            _ => {}
        }
    }

    /// Ends a step that is under way in something that has taken too long; what it waits for is not needed any more.
    pub(super) fn give_up(&mut self, path: &StepPath, message: &str) {
        self.cut(path, message);
        match self.state.step(path).copied() {
            Some(StepState::Child { attempt, .. }) => self.cancel_child(path, &attempt, message),
            Some(StepState::Listening { .. }) => self.made.outward.settled.push(path.clone()),
            _ => {}
        }
    }

    /// A step that calls an agent has taken too long, with all its attempts.
    fn step_is_late(&mut self, step: &PlanStep, path: &StepPath, last: &Attempt, definite: bool) {
        let seconds = step.agent().and_then(|agent| agent.timeout_seconds).unwrap_or_default();
        let message = format!("Step timed out after {seconds} seconds");
        self.cut(path, &message);
        self.emit(RunEvent::StepFailed { path: path.clone(), execution: Some(last.execution), definite });
        self.goes_wrong(step, path, &message);
    }

    pub(super) fn close_attempt(
        &mut self,
        step: &PlanStep,
        path: &StepPath,
        attempt: &Attempt,
        output: Option<Payload>,
        error: Option<String>,
    ) {
        let Some(performer) = step.performer() else { return };
        let kept = self.data.calls.remove(path).or_else(|| input_of(self.plan, self.data, path));
        let input = kept.unwrap_or_else(Payload::empty);
        self.made.closed.push(ClosedAttempt {
            execution: attempt.execution,
            step: step.id.clone(),
            path: path.clone(),
            agent: performer.clone(),
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

    /// A step has failed for good: so has the sequence around it, or the run.
    pub(super) fn goes_wrong(&mut self, step: &PlanStep, path: &StepPath, message: &str) {
        match path.around() {
            None => {
                self.emit(RunEvent::RunFailed { error: format!("Workflow failed at step '{}': {message}", step.id) });
            }
            Some((block, slot)) => self.slot_ended(&block, slot, Some((step, message))),
        }
    }

    /// Does what can be done now, until nothing follows any more.
    pub(super) fn settle(&mut self) {
        while let Some(path) = self.open.pop() {
            if self.state.status().is_terminal() {
                return;
            }
            if self.made.events.len() >= MAX_EVENTS {
                self.made.unfinished = true;
                return;
            }
            self.look(&path);
        }
    }

    fn is_late(&self, path: &StepPath) -> bool {
        self.state.deadline(path).is_some_and(|deadline| deadline <= self.now)
    }

    fn may_begin(&self) -> bool {
        self.begin && !self.state.is_paused()
    }

    fn look(&mut self, path: &StepPath) {
        let plan = self.plan;
        let Some(step) = plan.at(path).filter(|_| self.state.is_within_reach(path)) else { return };
        if let Some(block) = self.state.block(path) {
            match block.phase {
                BlockPhase::Open => self.work_on(step, path),
                BlockPhase::Succeeded => self.follow(step, path),
                BlockPhase::Failed => {}
            }
            return;
        }
        match self.state.step(path).copied() {
            Some(StepState::Succeeded { .. } | StepState::Passed) => self.follow(step, path),
            Some(StepState::Delayed { until }) if until <= self.now && self.may_begin() => {
                self.emit(RunEvent::StepPassed { path: path.clone() });
                self.open.push(path.clone());
            }
            Some(StepState::Child { attempt, until: Some(until) }) if until <= self.now => {
                self.child_is_late(step, path, &attempt);
            }
            Some(StepState::Listening { attempt, until: Some(until) }) if until <= self.now => {
                self.event_is_late(step, path, &attempt);
            }
            Some(StepState::InFlight(last)) if self.is_late(path) => self.step_is_late(step, path, &last, false),
            Some(StepState::Waiting { last, definite, .. }) if self.is_late(path) => {
                self.step_is_late(step, path, &last, definite);
            }
            Some(StepState::Waiting { retry_at, last, definite }) if retry_at <= self.now && self.may_begin() => {
                self.dispatch(step, path, last.number + 1, last.generation, next_round(&last, definite));
            }
            // A failed step in a live run: the run was resumed.
            Some(StepState::Failed { last: Some(last), definite }) if self.may_begin() => {
                if let Work::Child(child) = &step.work {
                    self.resume_child(child, path, &last);
                    return;
                }
                self.dispatch(step, path, 1, last.generation, next_round(&last, definite));
            }
            Some(StepState::Failed { last: None, .. }) => self.begin(path),
            // Under way, or not due yet.
            _ => {}
        }
    }

    /// A step is done: its successor is begun, or its sequence is over. Whoever looks at everything may look twice, so what
    /// was begun or is over is left alone.
    fn follow(&mut self, step: &PlanStep, path: &StepPath) {
        for read in step.releases() {
            self.data.outputs.remove(read);
        }
        match (step.next, path.around()) {
            (Some(next), _) => {
                let next = path.beside(&self.plan.step(next).id);
                if self.state.step(&next).is_none() && self.state.block(&next).is_none() {
                    self.begin(&next);
                }
            }
            (None, None) => self.complete(path),
            (None, Some((block, slot))) => {
                if self.state.block(&block).is_some_and(|state| state.is_running(slot.number())) {
                    self.slot_ended(&block, slot, None);
                }
            }
        }
    }

    pub(super) fn begin(&mut self, path: &StepPath) {
        if !self.may_begin() {
            return;
        }
        let plan = self.plan;
        let Some(step) = plan.at(path) else { return };
        match &step.work {
            Work::Agent(_) => self.dispatch(step, path, 1, self.state.generation(), 0),
            Work::Block(block) => self.open_block(step, block, path),
            Work::Delay(delay) => self.delay(step, delay, path),
            Work::Child(child) => self.start_child(step, child, path),
            Work::Wait(wait) => self.listen(step, wait, path),
            Work::Check(check) => self.check(step, check, path),
            // Nothing leads there.
            Work::End(_) => {}
        }
    }

    /// A step fails before anything was done for it. Its row says why: a block around it may go on, or say no more than that
    /// it failed.
    pub(super) fn cannot_begin(&mut self, step: &PlanStep, path: &StepPath, message: &str) {
        let message = shorten(message);
        let (execution, generation) = (self.state.seq().next(), self.state.generation());
        let attempt = Attempt { execution, number: 1, generation, round: 0, dispatched_at: self.now };
        self.close_attempt(step, path, &attempt, None, Some(message.clone()));
        self.emit(RunEvent::StepFailed { path: path.clone(), execution: None, definite: true });
        self.goes_wrong(step, path, &message);
    }

    pub(super) fn scope<'s>(&'s self, step: &'s PlanStep, path: &'s StepPath) -> StepScope<'s, 's> {
        StepScope { plan: self.plan, data: self.data, step, path }
    }

    fn dispatch(&mut self, step: &PlanStep, path: &StepPath, attempt: u32, generation: u32, round: u32) {
        let Some(agent) = step.agent() else { return };
        match resolve(agent, self.scope(step, path)) {
            Ok(input) => {
                // It spans all attempts; a resume gives the time anew.
                let timeout = agent.timeout_seconds.filter(|_| self.state.deadline(path).is_none());
                let until = timeout.map(|seconds| after(self.now, seconds));
                self.emit(RunEvent::StepDispatched { path: path.clone(), attempt, generation, round, until });
                self.data.calls.insert(path.clone(), input.clone());
                let attempt = Attempt {
                    execution: self.state.seq(),
                    number: attempt,
                    generation,
                    round,
                    dispatched_at: self.now,
                };
                self.made.calls.push(call(&self.data.run, step, agent, path, &attempt, input));
            }
            Err(message) => self.cannot_begin(step, path, &message),
        }
    }

    fn delay(&mut self, step: &PlanStep, delay: &Delay, path: &StepPath) {
        match delay.until(&self.scope(step, path), self.now) {
            Ok(until) => {
                self.emit(RunEvent::StepDelayed { path: path.clone(), until });
                self.open.push(path.clone());
            }
            Err(problem) => self.cannot_begin(step, path, &format!("Exception during step execution: {problem}")),
        }
    }
}

pub(super) fn resolve(agent: &AgentWork, scope: StepScope<'_, '_>) -> Result<Payload, String> {
    let input = agent.resolve_input(&scope).map_err(|e: ResolveError| e.to_string());
    input
        .and_then(|value| Payload::new(value).map_err(|e| e.to_string()))
        .map_err(|problem| shorten(&format!("Exception during step execution: {problem}")))
}

pub(super) fn call(
    run: &RunId,
    step: &PlanStep,
    agent: &AgentWork,
    path: &StepPath,
    attempt: &Attempt,
    input: Payload,
) -> AgentCall {
    let key = CallKey { run: run.clone(), path: path.clone(), generation: attempt.generation, round: attempt.round };
    AgentCall {
        key,
        execution: attempt.execution,
        step: step.id.clone(),
        agent: agent.agent.clone(),
        input,
        repeated: false,
        on_unknown: agent.retry.as_ref().map(RetryPolicy::on_unknown),
    }
}

/// A new call after a definite answer; the same call, key and bytes, after an unknown outcome.
fn next_round(last: &Attempt, definite: bool) -> u32 {
    if definite { last.round + 1 } else { last.round }
}

/// Messages come from agents: they are cut, and freed of what no store can keep.
pub(super) fn shorten(message: &str) -> String {
    shorten_to(MAX_MESSAGE, message)
}

/// The same, to so many characters.
pub(super) fn shorten_to(most: usize, message: &str) -> String {
    let clean = message.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c });
    let mut short: String = clean.clone().take(most).collect();
    if clean.count() > most {
        short.push('…');
    }
    short
}
