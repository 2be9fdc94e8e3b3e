//! Time and chance, so that nothing else reads a clock or draws a number.

use uuid::Uuid;

use crate::Timestamp;

/// The time that decisions are stamped with.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The current time. MUST NOT go backwards within a process.
    fn now(&self) -> Timestamp;
}

/// The source of new identifiers.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new UUID. MUST be unique; SHOULD be a version 7, so that ids sort by creation.
    fn unique(&self) -> Uuid;
}
