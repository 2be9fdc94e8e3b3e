//! The clocks of processes. In the product they are steered by the store's time; here the steering has an error, which for one
//! of them may be ten minutes, and which jumps. What no clock does is to go backwards within a process.
//!
//! The lease needs no clock of this kind: who is dead is told by counters, over time spans that are measured alike everywhere.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use adapters_memory::VirtualClock;
use domain::{Timestamp, ports::Clock};
use fastrand::Rng;

/// How wrong a clock may be.
const WORST: Duration = Duration::from_mins(10);

/// How wrong the others are.
const USUAL: Duration = Duration::from_millis(300);

/// The clock of one process.
pub(crate) struct SkewedClock {
    store_time: VirtualClock,
    error_millis: AtomicI64,
    latest: Mutex<Timestamp>,
}

impl SkewedClock {
    pub(crate) fn new(store_time: VirtualClock, error_millis: i64) -> Self {
        let latest = Mutex::new(Timestamp::MIN_UTC);
        Self { store_time, error_millis: AtomicI64::new(error_millis), latest }
    }

    /// Steers it, well or badly.
    pub(crate) fn steer(&self, error_millis: i64) {
        self.error_millis.store(error_millis, Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let error = chrono::TimeDelta::milliseconds(self.error_millis.load(Ordering::Relaxed));
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = (*latest).max(self.store_time.now() + error);
        *latest
    }
}

/// How wrong a well-steered clock is.
pub(crate) fn usual_error(rng: &mut Rng) -> i64 {
    within(rng, USUAL)
}

/// How wrong a badly steered one is.
pub(crate) fn worst_error(rng: &mut Rng) -> i64 {
    within(rng, WORST)
}

fn within(rng: &mut Rng, most: Duration) -> i64 {
    let most = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
    rng.i64(-most..=most)
}
