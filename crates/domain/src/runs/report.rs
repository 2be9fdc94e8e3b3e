//! What an agent says itself about a call, with the token that the call carried.
//!
//! A report counts while the outcome of its call is open: while the call is under way, and while it waits to be repeated
//! because nobody knows what came of it. The call is the same as long as its key is; what is said about any other changes
//! nothing.

use super::{
    call::{CallFailure, CallKey, CallOutcome, FailureKind},
    decision::{Decision, shorten_to},
    event::RunEvent,
    inbox::Reported,
    state::RunState,
    step_state::{Attempt, StepState},
};
use crate::{Timestamp, agents::RetryPolicy, ids::StepPath};

/// The longest message about how a call is getting on, in characters.
const MAX_PROGRESS: usize = 500;

/// How often an agent is heard about one call: each time is an event of the run.
const MAX_SAID: u32 = 200;

/// The least time between two messages that are kept.
const PROGRESS_EVERY: chrono::TimeDelta = chrono::TimeDelta::seconds(1);

/// What an agent says about a call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What it has said last.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// How many messages were kept.
    pub said: u32,
}

impl Progress {
    /// Whether another message would be kept.
    fn takes_another(&self, now: Timestamp) -> bool {
        self.said < MAX_SAID && now - self.at >= PROGRESS_EVERY
    }
}

/// Where a call stands, for the agent that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Its answer is waited for.
    Working(Attempt),
    /// Nobody knows what came of it, and it is to be repeated.
    Uncertain(Attempt),
    /// It has ended: the step is done, given up, or at another call.
    Over,
}

impl RunState {
    /// Where a call stands.
    pub fn task(&self, key: &CallKey) -> TaskState {
        let is_it = |attempt: &Attempt| (attempt.generation, attempt.round) == (key.generation, key.round);
        if self.status().is_terminal() {
            return TaskState::Over;
        }
        match self.step(&key.path) {
            Some(StepState::InFlight(attempt)) if is_it(attempt) => TaskState::Working(*attempt),
            Some(StepState::Waiting { last, definite: false, .. }) if is_it(last) => TaskState::Uncertain(*last),
            Some(
                StepState::InFlight(_)
                | StepState::Waiting { .. }
                | StepState::Delayed { .. }
                | StepState::Child { .. }
                | StepState::Listening { .. }
                | StepState::Succeeded { .. }
                | StepState::Passed
                | StepState::Failed { .. },
            )
            | None => TaskState::Over,
        }
    }
}

impl Decision<'_> {
    pub(super) fn key(&self, path: StepPath, generation: u32, round: u32) -> CallKey {
        CallKey { run: self.data.run.clone(), path, generation, round }
    }

    /// As if the call itself had answered.
    pub(super) fn reported(&mut self, key: &CallKey, outcome: Reported, retry: &RetryPolicy) {
        match self.state.task(key) {
            TaskState::Working(_) => self.made.answered.push(key.path.clone()),
            // The row of the last attempt is written; what is reported belongs to one of its own, which makes no call.
            TaskState::Uncertain(_) => self.emit(RunEvent::StepReported { path: key.path.clone() }),
            TaskState::Over => return,
        }
        let outcome = match outcome {
            Reported::Completed { output } => CallOutcome::Completed(output),
            Reported::Failed { error } => {
                let message = format!("Task state: failed: {error}");
                CallOutcome::Failed(CallFailure::definite(FailureKind::Task, message))
            }
        };
        let taken = self.call_ended(key, outcome, retry);
        debug_assert!(taken.is_ok(), "the call is under way");
    }

    /// For people; what is said too often is not kept.
    pub(super) fn progressed(&mut self, key: &CallKey, message: &str) {
        let is_under_way = matches!(self.state.task(key), TaskState::Working(_));
        let before = self.state.progress(&key.path);
        if is_under_way && before.is_none_or(|before| before.takes_another(self.now)) {
            let message = shorten_to(MAX_PROGRESS, message);
            self.emit(RunEvent::StepProgressed { path: key.path.clone(), message });
        }
    }
}
