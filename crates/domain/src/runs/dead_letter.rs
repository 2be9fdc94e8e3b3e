//! Dead letters: steps whose agent did not do the work in all its attempts, kept for a person to look at and to have it done
//! after all.
//!
//! What is one follows from a run's events alone, so an entry is written with the commit that makes it true. It holds no
//! payload: what was sent, and how each attempt ended, stands in the rows of the attempts.

use std::collections::BTreeSet;

use super::{
    call::{CallIds, CallKey},
    commit::ClosedAttempt,
    decision::Decision,
    event::RunEvent,
};
use crate::{
    agents::AgentName,
    ids::{DeadLetterId, RunId, Seq, StepId, StepPath},
    workflows::Work,
};

/// A step that has failed for good after a call to its agent, as the commit says in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The entry that is added or changed.
    pub id: DeadLetterId,
    /// The step.
    pub step: StepId,
    /// Its place.
    pub path: StepPath,
    /// Its agent.
    pub agent: AgentName,
    /// The attempt that failed last.
    pub execution: Seq,
    /// See [`RunEvent::StepDispatched`].
    pub generation: u32,
    /// See [`RunEvent::StepDispatched`].
    pub round: u32,
    /// Which policy attempt it was.
    pub attempts: u32,
    /// Why it failed.
    pub reason: String,
}

impl DeadLetter {
    /// The ids that went with the last call, which was made for this run.
    pub fn call_ids(&self, run: &RunId) -> CallIds {
        let key = CallKey { run: run.clone(), path: self.path.clone(), generation: self.generation, round: self.round };
        key.ids(&self.step)
    }

    fn of(id: DeadLetterId, closed: &ClosedAttempt) -> Self {
        Self {
            id,
            step: closed.step.clone(),
            path: closed.path.clone(),
            agent: closed.agent.clone(),
            execution: closed.execution,
            generation: closed.generation,
            round: closed.round,
            attempts: closed.attempt,
            reason: closed.error.clone().unwrap_or_default(),
        }
    }
}

/// What a run was started to do after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayOf {
    /// The entry.
    pub entry: DeadLetterId,
    /// The step that had failed, in the other run.
    pub path: StepPath,
}

impl ReplayOf {
    /// The second event of the run.
    pub fn event(&self) -> RunEvent {
        RunEvent::Replays { entry: self.entry, path: self.path.clone() }
    }
}

/// What the state of a run knows about its dead letters, so that a success asks for a change only where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeadSteps {
    /// The steps that have failed for good after a call, and have not succeeded since.
    steps: BTreeSet<StepPath>,
    /// What the run was started to do after all.
    replays: Option<ReplayOf>,
}

impl DeadSteps {
    /// Adds an event.
    pub(super) fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Replays { entry, path } => {
                self.replays = Some(ReplayOf { entry: *entry, path: path.clone() });
            }
            RunEvent::StepFailed { path, execution: Some(_), .. } => {
                self.steps.insert(path.clone());
            }
            RunEvent::StepSucceeded { path, .. } => {
                self.steps.remove(path);
            }
            _ => {}
        }
    }

    /// A step that fails again where it is done after all is the same trouble, not another one.
    fn entry_of(&self, run: &RunId, path: &StepPath) -> DeadLetterId {
        match self.replays.as_ref().filter(|replays| replays.path == *path) {
            Some(replays) => replays.entry,
            None => DeadLetterId::of(run, path),
        }
    }

    /// The entry that goes when the run completes; a block may have put up with it that the step failed again.
    fn done(&self) -> Option<DeadLetterId> {
        let replays = self.replays.as_ref().filter(|replays| !self.steps.contains(&replays.path));
        replays.map(|replays| replays.entry)
    }
}

impl Decision<'_> {
    /// Tells what an event that is about to become true does to the dead letters. Here, and not where steps fail or succeed:
    /// whatever way leads to the event, it is noticed.
    pub(super) fn note_dead_letters(&mut self, event: &RunEvent) {
        let (dead, run, outward) = (self.state.dead(), &self.data.run, &mut self.made.outward);
        match event {
            RunEvent::StepFailed { path, execution: Some(execution), .. } => {
                let is_call = self.plan.at(path).is_some_and(|step| matches!(step.work, Work::Agent(_)));
                let closed = self.made.closed.iter().rfind(|closed| closed.execution == *execution);
                let letter = closed.filter(|_| is_call).map(|closed| DeadLetter::of(dead.entry_of(run, path), closed));
                outward.dead_letters.extend(letter);
            }
            RunEvent::StepSucceeded { path, .. } if dead.steps.contains(path) => {
                outward.resolved.push(dead.entry_of(run, path));
            }
            RunEvent::RunCompleted => outward.resolved.extend(dead.done()),
            _ => {}
        }
    }
}
