//! Where one step of a run stands.

use crate::{Timestamp, ids::Seq};

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
    /// Waits for a time.
    Delayed {
        /// The time.
        until: Timestamp,
    },
    /// Waits for a run that it has started. A round above 0 says that the run has been resumed.
    Child {
        /// The attempt.
        attempt: Attempt,
        /// When the run has to be done.
        until: Option<Timestamp>,
    },
    /// Waits for an event.
    Listening {
        /// The attempt.
        attempt: Attempt,
        /// How long.
        until: Option<Timestamp>,
    },
    /// Done; the output lies in the attempt's row.
    Succeeded {
        /// The attempt.
        execution: Seq,
    },
    /// Done without a call.
    Passed,
    /// Failed for good.
    Failed {
        /// The last attempt; none where no call was made.
        last: Option<Attempt>,
        /// Whether its answer was definite.
        definite: bool,
    },
}

impl StepState {
    pub(super) fn given_up(self) -> Self {
        match self {
            Self::InFlight(last) => Self::Failed { last: Some(last), definite: false },
            Self::Waiting { last, definite, .. } => Self::Failed { last: Some(last), definite },
            Self::Child { attempt, .. } => Self::Failed { last: Some(attempt), definite: true },
            // It waits anew.
            Self::Listening { .. } => Self::Failed { last: None, definite: true },
            // It goes on waiting for the same time.
            Self::Delayed { .. } | Self::Passed | Self::Succeeded { .. } | Self::Failed { .. } => self,
        }
    }

    pub(super) fn due(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { retry_at: due, .. } | Self::Delayed { until: due } => Some(due),
            Self::Child { until, .. } | Self::Listening { until, .. } => until,
            Self::InFlight(_) | Self::Passed | Self::Succeeded { .. } | Self::Failed { .. } => None,
        }
    }

    /// The attempt that was made last and did not succeed.
    pub fn last_attempt(&self) -> Option<Attempt> {
        match self {
            Self::InFlight(attempt) | Self::Waiting { last: attempt, .. } | Self::Child { attempt, .. } => {
                Some(*attempt)
            }
            Self::Failed { last, .. } => *last,
            Self::Listening { .. } | Self::Delayed { .. } | Self::Passed | Self::Succeeded { .. } => None,
        }
    }
}
