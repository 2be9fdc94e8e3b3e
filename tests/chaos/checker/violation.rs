//! What can be violated.

use std::fmt;

/// A guarantee that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    /// The run, and where in it.
    pub(crate) place: String,
    /// What was found.
    pub(crate) what: String,
}

/// Which guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// G1: an accepted run is not in the database.
    LostRun,
    /// G1, G12: a run has not ended though nothing hinders it.
    StuckRun,
    /// What people see of a run is not what its events say.
    WrongStatus,
    /// A completed run has another output than its document makes of its input.
    WrongOutput,
    /// G9: the events of a run are not numbered without gaps.
    Gap,
    /// G3: a step succeeded twice, in events or rows.
    DoubledCompletion,
    /// G3: a step succeeded, and its result is not there.
    LostResult,
    /// G3: a step was dispatched or called after it was known to be done.
    CalledAgain,
    /// G4: equal message ids with different bytes.
    OtherBytes,
    /// A call that no commit has recorded.
    UnrecordedCall,
    /// A step succeeded that was never called.
    InventedResult,
    /// G6: something was begun after a cancellation was acknowledged.
    CalledAfterCancel,
    /// G1, G6: an acknowledged order is not in the history of its run.
    LostOrder,
    /// Nobody was told of the end of a run.
    UntoldEnd,
    /// Somebody was told of an end that is not in the database, or of two under one id.
    InventedEnd,
    /// Somebody got an answer that nobody should ever get.
    WrongAnswer,
    /// A server panicked.
    Panic,
    /// The agents could not write down every call: the rest of the verdict is worth nothing.
    BlindWitness,
}

impl Kind {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LostRun => "lost run",
            Self::StuckRun => "stuck run",
            Self::WrongStatus => "wrong status",
            Self::WrongOutput => "wrong output",
            Self::Gap => "gap in events",
            Self::DoubledCompletion => "doubled completion",
            Self::LostResult => "lost result",
            Self::CalledAgain => "completed step called again",
            Self::OtherBytes => "same message id with other bytes",
            Self::UnrecordedCall => "call that no commit records",
            Self::InventedResult => "result without a call",
            Self::CalledAfterCancel => "call after an acknowledged cancellation",
            Self::LostOrder => "lost order",
            Self::UntoldEnd => "end that nobody was told of",
            Self::InventedEnd => "end that did not happen",
            Self::WrongAnswer => "wrong answer",
            Self::Panic => "panic",
            Self::BlindWitness => "calls that the agents did not write down",
        }
    }
}

impl Violation {
    pub(super) fn new(kind: Kind, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind.name(), self.place, self.what)
    }
}
