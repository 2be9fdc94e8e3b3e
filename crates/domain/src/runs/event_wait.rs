//! What a store knows of a step that waits for an event.

use crate::ids::StepPath;

/// An event that a step of a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWait {
    /// The event's name.
    pub event: String,
    /// What tells the run from others that wait for such an event; may be empty.
    pub correlation: String,
    /// The step.
    pub path: StepPath,
}
