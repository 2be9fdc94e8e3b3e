//! How much waits in a queue, and since when: what tells people that nobody works on it.

use crate::Timestamp;

/// The most that a [`Backlog`] counts: who is told of so many does not need to know of more, and counting costs.
pub const MAX_BACKLOG: u64 = 10_000;

/// What waits in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many; at most [`MAX_BACKLOG`].
    pub waiting: u64,
    /// Since when the one that has waited longest waits; none where nothing does.
    pub oldest: Option<Timestamp>,
}
