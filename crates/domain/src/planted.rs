//! Bugs that are planted on purpose, so that it can be shown that the simulation finds them.
//!
//! Without the feature `planted-bugs` this is a constant `false`, and none of it is in the program. The feature is the
//! simulation's alone: the product does not compile with it.

/// Whether this build has the bugs in it at all.
pub const POSSIBLE: bool = cfg!(feature = "planted-bugs");

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The store takes commits of an executor that is no longer the owner.
    EpochUnchecked,
    /// An answer that comes twice is applied twice.
    CompletionTwice,
    /// The join of a block counts attempts, not steps.
    JoinPerAttempt,
    /// A resumed loop begins with its first iteration.
    ResumeForgetsIterations,
    /// A cancellation takes no number of its own.
    CancelKeepsSequence,
    /// A run that goes on after a pause forgets the calls that were held back.
    UnpauseKeepsHolding,
    /// A run completes without those that follow it whose workflows are still to be looked up.
    FollowUpsNotAwaited,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::EpochUnchecked,
        Self::CompletionTwice,
        Self::JoinPerAttempt,
        Self::ResumeForgetsIterations,
        Self::CancelKeepsSequence,
        Self::UnpauseKeepsHolding,
        Self::FollowUpsNotAwaited,
    ];
}

/// Whether a bug is planted here.
#[cfg(not(feature = "planted-bugs"))]
#[inline]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use planting::{is, plant};

#[cfg(feature = "planted-bugs")]
mod planting {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug in all that this thread does from now on; none takes it out again.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether a bug is planted here.
    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}
