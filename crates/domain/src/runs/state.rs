//! The state of a run: the fold of its events.

use std::collections::BTreeMap;

use super::event::{EventRecord, RunEvent};
use crate::{
    Timestamp,
    ids::{PlanHash, Seq, StepPath},
};

/// The status of a run, as people and old programs know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Accepted; no step has been dispatched.
    Pending,
    /// Under way.
    Running,
    /// Every step succeeded.
    Completed,
    /// A step failed for good.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl RunStatus {
    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads [`RunStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|s| s.as_str() == text)
    }

    /// Whether nothing more happens, short of an explicit resume.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// One attempt of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the event that dispatched it; names its row.
    pub execution: Seq,
    /// Which policy attempt, from 1.
    pub number: u32,
    /// See [`RunEvent::StepDispatched`].
    pub generation: u32,
    /// See [`RunEvent::StepDispatched`].
    pub round: u32,
    /// When it was dispatched.
    pub dispatched_at: Timestamp,
}

/// Where a step that has been touched stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// A call may be under way.
    InFlight(Attempt),
    /// The last attempt failed; the next is due at a time.
    Waiting {
        /// The attempt that failed.
        last: Attempt,
        /// Whether its answer was definite.
        definite: bool,
        /// When the next one is due.
        retry_at: Timestamp,
    },
    /// Done; the output lies in the attempt's row.
    Succeeded {
        /// The attempt.
        execution: Seq,
    },
    /// Failed for good.
    Failed {
        /// The last attempt; none where no call was made.
        last: Option<Attempt>,
        /// Whether its answer was definite.
        definite: bool,
    },
}

/// The events of a run do not make sense together: the store lost or changed some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history of the run is corrupt: {0}")]
pub struct CorruptHistory(pub String);

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    plan: PlanHash,
    seq: Seq,
    status: RunStatus,
    steps: BTreeMap<StepPath, StepState>,
    /// The step that was touched last; with steps in sequence, everything before it has succeeded.
    current: Option<StepPath>,
    paused: bool,
    error: Option<String>,
    finished_at: Option<Timestamp>,
}

impl RunState {
    /// Folds the stored events of a run.
    pub fn fold(history: &[EventRecord]) -> Result<Self, CorruptHistory> {
        let mut numbered =
            history.iter().flat_map(|record| record.numbered().map(move |(number, event)| (number, record.at, event)));
        let Some((first, _, RunEvent::Started { plan })) = numbered.next() else {
            return Err(CorruptHistory("it does not begin with its start".into()));
        };
        let mut state = Self::started(*plan, first);
        for (number, at, event) in numbered {
            if number != state.seq.next() {
                return Err(CorruptHistory(format!("event {number} follows event {}", state.seq)));
            }
            state.apply(at, event);
        }
        Ok(state)
    }

    pub(super) fn started(plan: PlanHash, first: Seq) -> Self {
        Self {
            plan,
            seq: first,
            status: RunStatus::Pending,
            steps: BTreeMap::new(),
            current: None,
            paused: false,
            error: None,
            finished_at: None,
        }
    }

    /// Adds the next event.
    pub fn apply(&mut self, at: Timestamp, event: &RunEvent) {
        self.seq = self.seq.next();
        match event {
            // Only ever the first event, which makes the state.
            RunEvent::Started { plan } => self.plan = *plan,
            RunEvent::StepDispatched { path, attempt, generation, round } => {
                let attempt = Attempt {
                    execution: self.seq,
                    number: *attempt,
                    generation: *generation,
                    round: *round,
                    dispatched_at: at,
                };
                self.status = RunStatus::Running;
                self.current = Some(path.clone());
                self.steps.insert(path.clone(), StepState::InFlight(attempt));
            }
            RunEvent::StepSucceeded { path, execution } => {
                self.steps.insert(path.clone(), StepState::Succeeded { execution: *execution });
            }
            RunEvent::StepAdopted { path, execution } => {
                self.current = Some(path.clone());
                self.steps.insert(path.clone(), StepState::Succeeded { execution: *execution });
            }
            RunEvent::StepRetryScheduled { path, definite, retry_at, .. } => {
                if let Some(StepState::InFlight(last)) = self.steps.get(path).copied() {
                    self.steps
                        .insert(path.clone(), StepState::Waiting { last, definite: *definite, retry_at: *retry_at });
                }
            }
            RunEvent::StepFailed { path, definite, .. } => {
                let last = self.steps.get(path).and_then(StepState::last_attempt);
                self.current = Some(path.clone());
                self.steps.insert(path.clone(), StepState::Failed { last, definite: *definite });
            }
            RunEvent::RunCompleted => self.finish(RunStatus::Completed, None, at),
            RunEvent::RunFailed { error } => self.finish(RunStatus::Failed, Some(error.clone()), at),
            RunEvent::RunCancelled { reason, .. } => {
                self.finish(RunStatus::Cancelled, reason.as_ref().map(|reason| format!("Cancelled: {reason}")), at);
            }
            RunEvent::RunPaused { .. } => self.paused = true,
            RunEvent::RunUnpaused { .. } => self.paused = false,
            RunEvent::RunResumed { .. } => {
                self.status = RunStatus::Pending;
                self.error = None;
                self.finished_at = None;
                // Whatever was cut or waiting is dispatched anew: as the same call where its outcome is unknown.
                if let Some(step) = self.current.as_ref().and_then(|path| self.steps.get_mut(path)) {
                    *step = step.given_up();
                }
            }
        }
    }

    fn finish(&mut self, status: RunStatus, error: Option<String>, at: Timestamp) {
        self.status = status;
        self.paused = false;
        self.error = error;
        self.finished_at = Some(at);
    }

    /// The plan that the run is pinned to.
    pub fn plan(&self) -> PlanHash {
        self.plan
    }

    /// The number of the last event.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The run's status.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Whether nothing new is to be begun.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Why it failed or was cancelled.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// When it reached its terminal status.
    pub fn finished_at(&self) -> Option<Timestamp> {
        self.finished_at
    }

    /// Where a step stands; none while it has not been touched.
    pub fn step(&self, path: &StepPath) -> Option<&StepState> {
        self.steps.get(path)
    }

    /// The steps that have been touched.
    pub fn steps(&self) -> impl Iterator<Item = (&StepPath, &StepState)> {
        self.steps.iter()
    }

    /// The step that was touched last.
    pub fn current(&self) -> Option<&StepPath> {
        self.current.as_ref()
    }

    /// Calls that may be under way.
    pub fn in_flight(&self) -> impl Iterator<Item = (&StepPath, &Attempt)> {
        // With steps in sequence only the current one can be.
        let current = self.current.as_ref().and_then(|path| self.steps.get_key_value(path));
        current.into_iter().filter_map(|(path, step)| match step {
            StepState::InFlight(attempt) => Some((path, attempt)),
            StepState::Waiting { .. } | StepState::Succeeded { .. } | StepState::Failed { .. } => None,
        })
    }

    /// When the run next wants to be woken by time alone.
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self.current.as_ref().and_then(|path| self.steps.get(path)) {
            Some(StepState::Waiting { retry_at, .. }) if !self.status.is_terminal() && !self.paused => Some(*retry_at),
            Some(
                StepState::Waiting { .. }
                | StepState::InFlight(_)
                | StepState::Succeeded { .. }
                | StepState::Failed { .. },
            )
            | None => None,
        }
    }
}

impl StepState {
    fn given_up(self) -> Self {
        match self {
            Self::InFlight(last) => Self::Failed { last: Some(last), definite: false },
            Self::Waiting { last, definite, .. } => Self::Failed { last: Some(last), definite },
            Self::Succeeded { .. } | Self::Failed { .. } => self,
        }
    }

    /// The attempt that was made last and did not succeed.
    pub fn last_attempt(&self) -> Option<Attempt> {
        match self {
            Self::InFlight(attempt) | Self::Waiting { last: attempt, .. } => Some(*attempt),
            Self::Failed { last, .. } => *last,
            Self::Succeeded { .. } => None,
        }
    }
}
