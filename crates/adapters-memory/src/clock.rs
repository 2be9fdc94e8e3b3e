//! A clock that stands still until it is told to move.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{Timestamp, ports::Clock};

/// A clock that is moved by hand, in microseconds; clones show the same time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    micros: Arc<AtomicI64>,
}

impl VirtualClock {
    /// A clock that shows a time, cut to the microsecond.
    pub fn new(start: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(start.timestamp_micros())) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let moved = |micros: i64| Some(micros.saturating_add(by));
        // The closure never refuses, so there is nothing to learn from the result.
        let _ = self.micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Sets the clock to a time; an earlier one than it shows changes nothing, because a clock never goes backwards.
    pub fn set(&self, to: Timestamp) {
        self.micros.fetch_max(to.timestamp_micros(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_timestamp_micros(self.micros.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time_and_it_never_goes_backwards() {
        let start = Timestamp::from_timestamp(1_700_000_000, 0).expect("a time");
        let clock = VirtualClock::new(start);
        let other = clock.clone();
        clock.advance(Duration::from_millis(1500));
        other.set(start);
        assert_eq!((other.now() - start).num_milliseconds(), 1500);
    }
}
