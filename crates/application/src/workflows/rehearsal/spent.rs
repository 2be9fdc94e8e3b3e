//! What a rehearsal may cost. It is made for whoever asks, on a machine that runs the workflows of others: everything in it that a
//! document can multiply has a bound here.

use domain::{
    Timestamp,
    ports::Clock,
    runs::{ClosedAttempt, Transition},
};

/// The most attempts that a rehearsal makes.
pub const MAX_ATTEMPTS: usize = 20_000;

/// The most events that it makes. Blocks and delays make no attempts, and loops in loops many of them.
pub const MAX_EVENTS: usize = 100_000;

/// The most bytes of inputs and outputs that it makes.
const MAX_BYTES: usize = 64 << 20;

/// The longest that it computes, in seconds of the clock on the wall.
const MAX_SECONDS: i64 = 10;

/// What a rehearsal has cost so far.
pub(super) struct Spent<'a> {
    clock: &'a dyn Clock,
    began: Timestamp,
    attempts: usize,
    events: usize,
    bytes: usize,
}

impl<'a> Spent<'a> {
    pub(super) fn nothing(clock: &'a dyn Clock, began: Timestamp) -> Self {
        Self { clock, began, attempts: 0, events: 0, bytes: 0 }
    }

    /// One transition more. The engine bounds each.
    pub(super) fn add(&mut self, made: &Transition) {
        self.events += made.events.len();
        self.attempts += made.calls.len() + made.outward.children.len() + made.outward.waits.len();
        self.bytes += made.calls.iter().map(|call| call.input.text().len()).sum::<usize>();
        self.bytes += made.closed.iter().map(bytes_of).sum::<usize>();
    }

    /// The limit that is passed, if one is: in a sentence.
    pub(super) fn excess(&self) -> Option<String> {
        let limit = if self.attempts > MAX_ATTEMPTS {
            format!("{MAX_ATTEMPTS} attempts")
        } else if self.events > MAX_EVENTS {
            format!("{MAX_EVENTS} events")
        } else if self.bytes > MAX_BYTES {
            format!("{} MiB of inputs and outputs", MAX_BYTES >> 20)
        } else if (self.clock.now() - self.began).num_seconds() >= MAX_SECONDS {
            format!("{MAX_SECONDS} seconds")
        } else {
            return None;
        };
        Some(format!("The rehearsal was given up after {limit}"))
    }
}

/// What an attempt holds.
pub(super) fn bytes_of(closed: &ClosedAttempt) -> usize {
    closed.input.text().len() + closed.output.as_ref().map_or(0, |output| output.text().len())
}
