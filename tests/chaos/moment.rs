//! Points in time. All processes of a chaos run share one machine and its clock, so what the database, the agents and this
//! program wrote down can be compared.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    /// So many microseconds since 1970.
    pub(crate) fn at(micros: i64) -> Self {
        Self(micros)
    }

    /// This one.
    #[expect(clippy::disallowed_methods, reason = "this file owns the clock of the chaos run")]
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// A later one.
    pub(crate) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time since an earlier one; none if that is not earlier.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}
