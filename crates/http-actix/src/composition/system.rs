//! The real clock and the real source of ids. The only file that reads either.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    Timestamp,
    ports::{Clock, IdGenerator},
};
use uuid::Uuid;

/// The system's clock, carried on by the monotonic one where it is set back: it neither goes backwards nor stands still.
pub(crate) struct SystemClock {
    /// A moment, and what time it was, in microseconds since 1970.
    anchor: Mutex<(Instant, i64)>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { anchor: Mutex::new((Instant::now(), 0)) }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else has to use")]
    fn now(&self) -> Timestamp {
        let told = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let carried = anchor.1.saturating_add(micros(anchor.0.elapsed()));
        let now = micros(told).max(carried);
        if now > carried {
            *anchor = (Instant::now(), now);
        }
        Timestamp::from_timestamp_micros(now).unwrap_or(Timestamp::MAX_UTC)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// UUIDs of version 7, which sort by creation.
pub(crate) struct SystemIds;

impl IdGenerator for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else has to use")]
    fn unique(&self) -> Uuid {
        Uuid::now_v7()
    }
}
