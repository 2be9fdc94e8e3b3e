//! Which places are still to be filled. A place is given when a row is inserted and is visible when its transaction is over, so
//! rows become visible in another order than that of their places; and some never do, because their transactions fail.
//!
//! A place that is skipped is waited for until every transaction that may have it is over, and a little longer: between
//! getting a place and being numbered itself, a transaction that writes nothing else has a moment.

use domain::{Timestamp, audit::Place};
use serde_json::Value;

use crate::{
    codec::parsed,
    failure::{Failure, Outcome},
};

/// How long a place is waited for at least, in seconds.
const PATIENCE: i64 = 60;

/// Places that were skipped together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gap {
    from: Place,
    to: Place,
    /// All transactions that may have them are numbered below this.
    below: u64,
    /// When they were skipped, in seconds.
    at: i64,
}

/// All places that are waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Open(Vec<Gap>);

/// What one look at the table has shown.
pub(super) struct Look<'a> {
    /// Rows that were waited for, sorted by their places.
    pub(super) late: &'a [Place],
    /// Rows after all others, sorted by their places.
    pub(super) new: &'a [Place],
    /// Before the look, all transactions numbered below this were over.
    pub(super) over: u64,
    /// After the look, the next transaction was numbered so.
    pub(super) next: u64,
    /// Whether there may be more than was looked at.
    pub(super) is_cut: bool,
}

impl Open {
    pub(super) fn read(stored: Value) -> Outcome<Self> {
        let gaps: Vec<(Place, Place, u64, i64)> = parsed("open place", serde_json::from_value(stored))?;
        Ok(Self(gaps.into_iter().map(|(from, to, below, at)| Gap { from, to, below, at }).collect()))
    }

    pub(super) fn stored(&self) -> Outcome<Value> {
        let gaps: Vec<_> = self.0.iter().map(|gap| (gap.from, gap.to, gap.below, gap.at)).collect();
        serde_json::to_value(gaps).map_err(|error| Failure::Unstorable(error.to_string()))
    }

    pub(super) fn ranges(&self) -> Vec<(Place, Place)> {
        self.0.iter().map(|gap| (gap.from, gap.to)).collect()
    }

    /// What is to be waited for after a look; up to `settled` everything was looked at before.
    pub(super) fn after(self, look: &Look<'_>, settled: Place, now: Timestamp) -> Self {
        let now = now.timestamp();
        let is_over = |gap: &Gap| !look.is_cut && gap.below <= look.over && now - gap.at >= PATIENCE;
        let waiting = self.0.into_iter().filter(|gap| !is_over(gap)).flat_map(|gap| without(&gap, look.late));
        let mut gaps: Vec<Gap> = waiting.collect();
        let mut next = settled + 1;
        for place in look.new {
            if next < *place {
                gaps.push(Gap { from: next, to: *place - 1, below: look.next, at: now });
            }
            next = *place + 1;
        }
        Self(gaps)
    }
}

/// A gap without the places that have been filled.
fn without(gap: &Gap, filled: &[Place]) -> Vec<Gap> {
    let (mut rest, mut from) = (Vec::new(), gap.from);
    for place in filled.iter().copied().filter(|place| (gap.from..=gap.to).contains(place)) {
        if from < place {
            rest.push(Gap { from, to: place - 1, ..gap.clone() });
        }
        from = place + 1;
    }
    if from <= gap.to {
        rest.push(Gap { from, ..gap.clone() });
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).expect("a time")
    }

    fn look<'a>(late: &'a [Place], new: &'a [Place], over: u64, next: u64) -> Look<'a> {
        Look { late, new, over, next, is_cut: false }
    }

    #[test]
    fn places_that_are_skipped_are_waited_for_until_they_are_filled() {
        let open = Open::default().after(&look(&[], &[2, 5, 6], 10, 20), 0, at(0));
        assert_eq!(open.ranges(), [(1, 1), (3, 4)]);
        let open = open.after(&look(&[3], &[8], 10, 30), 6, at(1));
        assert_eq!(open.ranges(), [(1, 1), (4, 4), (7, 7)]);
        let open = open.after(&look(&[1, 4, 7], &[], 10, 30), 8, at(2));
        assert_eq!(open.ranges(), []);
    }

    #[test]
    fn a_place_is_given_up_once_all_that_may_have_it_are_over_and_some_time_has_passed() {
        let open = Open::default().after(&look(&[], &[2], 10, 20), 0, at(0));
        for (over, second) in [(19, 1000), (20, 59)] {
            let waiting = open.clone().after(&look(&[], &[], over, 99), 2, at(second));
            assert_eq!(waiting.ranges(), [(1, 1)], "{over} {second}");
        }
        let cut = Look { is_cut: true, ..look(&[], &[], 20, 99) };
        assert_eq!(open.clone().after(&cut, 2, at(60)).ranges(), [(1, 1)]);
        assert_eq!(open.after(&look(&[], &[], 20, 99), 2, at(60)).ranges(), []);
    }

    #[test]
    fn what_is_stored_comes_back() {
        let open = Open::default().after(&look(&[], &[9], 10, 20), 0, at(7));
        assert_eq!(Open::read(open.stored().expect("storable")).expect("sound"), open);
    }
}
