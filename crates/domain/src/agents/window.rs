//! The calls of the last while, counted in slots of time: what a breaker looks back at.
//!
//! Counts instead of one entry for each call, as the old system kept them: what executors tell each other stays small however
//! many calls an agent gets. A call counts until the whole slot that it ended in has left the window, so for up to a thirtieth
//! of the window longer than the window says.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many slots a window has.
const SLOTS: i64 = 30;

/// Some calls, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The agent answered.
    pub successes: u32,
    /// It did not.
    pub failures: u32,
}

impl Tally {
    /// All of them.
    pub fn total(self) -> u32 {
        self.successes.saturating_add(self.failures)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.successes = self.successes.saturating_add(other.successes);
        self.failures = self.failures.saturating_add(other.failures);
    }
}

/// The slots of a window that hold calls, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// The length of a slot, in milliseconds.
    slot: i64,
    /// Each with its number since 1970.
    slots: VecDeque<(i64, Tally)>,
}

impl Window {
    /// Counts calls that ended now, in a window of so many seconds. Another length than before starts a new window.
    pub(super) fn add(&mut self, tally: Tally, seconds: u32, now: Timestamp) {
        self.forget_old(seconds, now);
        let number = now.timestamp_millis().div_euclid(self.slot);
        // Whoever tells of calls with a clock that is a little behind adds to the newest slot.
        match self.slots.back_mut().filter(|(last, _)| *last >= number) {
            Some((_, counted)) => counted.add(tally),
            None => self.slots.push_back((number, tally)),
        }
    }

    /// The calls within the window.
    pub(super) fn tally(&self, seconds: u32, now: Timestamp) -> Tally {
        let mut sum = Tally::default();
        if self.slot == slot_of(seconds) {
            let oldest = self.oldest(now);
            self.slots.iter().filter(|(number, _)| *number >= oldest).for_each(|(_, tally)| sum.add(*tally));
        }
        sum
    }

    fn forget_old(&mut self, seconds: u32, now: Timestamp) {
        if self.slot != slot_of(seconds) {
            *self = Self { slot: slot_of(seconds), slots: VecDeque::new() };
        }
        let oldest = self.oldest(now);
        while self.slots.front().is_some_and(|(number, _)| *number < oldest) {
            self.slots.pop_front();
        }
    }

    /// The oldest slot of which a part is within the window.
    fn oldest(&self, now: Timestamp) -> i64 {
        (now.timestamp_millis() - self.slot * SLOTS).div_euclid(self.slot)
    }
}

fn slot_of(seconds: u32) -> i64 {
    (i64::from(seconds) * 1000 / SLOTS).max(1)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    const FAILURE: Tally = Tally { successes: 0, failures: 1 };

    #[test]
    fn another_length_starts_a_new_window() {
        let (mut window, now) = (Window::default(), Timestamp::UNIX_EPOCH);
        window.add(FAILURE, 60, now);
        assert_eq!(window.tally(30, now), Tally::default());
        window.add(FAILURE, 30, now);
        assert_eq!(window.tally(30, now), FAILURE);
    }

    proptest! {
        #[test]
        fn calls_within_the_window_count_and_those_long_before_do_not(
            waits in prop::collection::vec(0_i64..20_000, 1..80), seconds in 1_u32..120,
        ) {
            let (mut window, mut now, mut ends) = (Window::default(), Timestamp::UNIX_EPOCH, vec![]);
            for wait in waits {
                now += TimeDelta::milliseconds(wait);
                window.add(FAILURE, seconds, now);
                ends.push(now);
            }
            let length = TimeDelta::seconds(i64::from(seconds));
            let within = |longest: TimeDelta| ends.iter().filter(|end| now - **end <= longest).count();
            let counted = window.tally(seconds, now).failures as usize;
            prop_assert!(counted >= within(length) && counted <= within(length + length / 29));
            prop_assert!(window.slots.len() <= 32);
        }
    }
}
