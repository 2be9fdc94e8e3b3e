//! The real clock and the real source of ids. The only file that reads either.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::{
    Timestamp,
    ports::{Clock, IdGenerator},
};
use uuid::Uuid;

/// The system's clock, kept from going backwards.
#[derive(Default)]
pub(crate) struct SystemClock {
    latest: AtomicI64,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else has to use")]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let latest = self.latest.fetch_max(now, Ordering::Relaxed).max(now);
        Timestamp::from_timestamp_micros(latest).unwrap_or(Timestamp::MAX_UTC)
    }
}

/// UUIDs of version 7, which sort by creation.
pub(crate) struct SystemIds;

impl IdGenerator for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else has to use")]
    fn unique(&self) -> Uuid {
        Uuid::now_v7()
    }
}
