//! How often something may happen, as settings say it: `100/s,200` is a hundred a second on average, and two hundred at once.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use governor::Quota;

/// A rate cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is 'off', or like '100/s', '30/m' or '100/s,200': so many per second, minute or hour, and so many at once"
)]
pub struct InvalidRate;

/// A rate and how much of it may come at once: a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Unit,
    burst: NonZeroU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    fn duration(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

/// The most per unit; more than any server answers, and still whole nanoseconds apart.
const MOST: u32 = 1_000_000;

impl Rate {
    /// So many a second, so many at once. Zero is the same as one.
    pub fn per_second(count: u32, burst: u32) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { count: at_least_one(count.min(MOST)), unit: Unit::Second, burst: at_least_one(burst) }
    }

    /// The time in which one more comes back.
    pub(super) fn period(self) -> Duration {
        self.unit.duration() / self.count.get()
    }

    /// How many may come at once.
    pub(super) fn burst(self) -> u32 {
        self.burst.get()
    }

    /// The time in which an empty bucket fills.
    pub(super) fn window(self) -> Duration {
        self.period() * self.burst.get()
    }

    pub(super) fn quota(self) -> Quota {
        // A period is at least a microsecond, so there is always a quota.
        let quota = Quota::with_period(self.period()).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
        quota.allow_burst(self.burst)
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (rate, burst) = text.split_once(',').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let (count, unit) = rate.split_once('/').unwrap_or((rate, "s"));
        let number = |text: &str| text.trim().parse::<NonZeroU32>().ok().filter(|n| n.get() <= MOST).ok_or(InvalidRate);
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(InvalidRate),
        };
        let count = number(count)?;
        Ok(Self { count, unit, burst: burst.map_or(Ok(count), number)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{},{}", self.count, self.unit.letter(), self.burst)
    }
}

/// A rate, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<Rate>);

impl RateLimit {
    /// So many a second, so many at once.
    pub fn of(count: u32, burst: u32) -> Self {
        Self(Some(Rate::per_second(count, burst)))
    }

    /// No limit.
    pub fn off() -> Self {
        Self(None)
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        if text.trim() == "off" { Ok(Self(None)) } else { text.parse().map(|rate| Self(Some(rate))) }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => rate.fmt(f),
            None => f.write_str("off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_shown() {
        for (text, shown, period_ms, burst) in [
            ("100/s,200", "100/s,200", 10, 200),
            ("30/m", "30/m,30", 2000, 30),
            ("5", "5/s,5", 200, 5),
            (" 1/h , 3 ", "1/h,3", 3_600_000, 3),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.to_string().as_str(), rate.period().as_millis(), rate.burst()), (shown, period_ms, burst));
            assert_eq!(shown.parse(), Ok(rate));
        }
        assert_eq!("off".parse(), Ok(RateLimit::off()));
        for bad in ["", "0/s", "1/d", "-1/s", "1/s,0", "x", "2000000/s", "1/s,2,3"] {
            assert_eq!(bad.parse::<RateLimit>(), Err(InvalidRate), "{bad}");
        }
    }
}
