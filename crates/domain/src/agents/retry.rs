//! How often and how patiently a failed agent call is tried again.

use std::time::Duration;

/// Exponential back-off without jitter (contract, section 6): attempt `k + 1` (k = 1, 2, …) follows a wait of
/// `min(initial_delay * multiplier^(k-1), max_delay)` after the failure of attempt `k`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    max_retries: u32,
    initial_delay: Duration,
    max_delay: Duration,
    multiplier: f64,
}

/// Which member of a retry policy is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetryPolicy {
    /// `max_retries` is above 10.
    #[error("max_retries must be between 0 and 10")]
    MaxRetries,
    /// `initial_delay_ms` is below 100 ms.
    #[error("initial_delay_ms must be at least 100")]
    InitialDelay,
    /// `max_delay_ms` is below one second or below the initial delay.
    #[error("max_delay_ms must be at least 1000 and not below initial_delay_ms")]
    MaxDelay,
    /// `backoff_multiplier` is below 1.
    #[error("backoff_multiplier must be a number of at least 1.0")]
    Multiplier,
}

impl RetryPolicy {
    /// A policy within the bounds of contract 1.6.
    pub fn new(
        max_retries: u32,
        initial_delay_ms: u64,
        max_delay_ms: u64,
        multiplier: f64,
    ) -> Result<Self, InvalidRetryPolicy> {
        if max_retries > 10 {
            return Err(InvalidRetryPolicy::MaxRetries);
        }
        if initial_delay_ms < 100 {
            return Err(InvalidRetryPolicy::InitialDelay);
        }
        if max_delay_ms < 1000 || max_delay_ms < initial_delay_ms {
            return Err(InvalidRetryPolicy::MaxDelay);
        }
        if !multiplier.is_finite() || multiplier < 1.0 {
            return Err(InvalidRetryPolicy::Multiplier);
        }
        let (initial_delay, max_delay) = (Duration::from_millis(initial_delay_ms), Duration::from_millis(max_delay_ms));
        Ok(Self { max_retries, initial_delay, max_delay, multiplier })
    }

    /// How many attempts a step gets. The old name says retries, the old executor counts attempts; zero means one.
    pub fn attempts(&self) -> u32 {
        self.max_retries.max(1)
    }

    /// The wait after the failure of attempt `failed` (from 1).
    pub fn delay_after(&self, failed: u32) -> Duration {
        let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.initial_delay.as_secs_f64() * self.multiplier.powi(exponent);
        // Not `Duration::from_secs_f64`: the product may be infinite.
        if wait >= self.max_delay.as_secs_f64() { self.max_delay } else { Duration::from_secs_f64(wait) }
    }

    /// `max_retries` as given.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// The first wait, in milliseconds.
    pub fn initial_delay_ms(&self) -> u64 {
        millis(self.initial_delay)
    }

    /// The longest wait, in milliseconds.
    pub fn max_delay_ms(&self) -> u64 {
        millis(self.max_delay)
    }

    /// The factor between two waits.
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Default for RetryPolicy {
    /// 3 attempts, 1 s, 30 s, factor 2 (contract 1.6).
    fn default() -> Self {
        Self {
            max_retries: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            multiplier: 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_formula_of_the_old_executor() {
        let policy = RetryPolicy::new(5, 1000, 5000, 2.0).expect("valid");
        let waits: Vec<_> = (1..=4).map(|k| policy.delay_after(k).as_millis()).collect();
        assert_eq!(waits, [1000, 2000, 4000, 5000]);
    }

    #[test]
    fn no_exponent_overflows_the_wait() {
        let policy = RetryPolicy::new(10, 100, 1_000_000, f64::MAX).expect("valid");
        assert_eq!(policy.delay_after(u32::MAX), Duration::from_secs(1000));
    }

    #[test]
    fn zero_retries_still_mean_one_attempt() {
        assert_eq!(RetryPolicy::new(0, 100, 1000, 1.0).expect("valid").attempts(), 1);
    }

    #[test]
    fn every_bound_is_checked() {
        assert_eq!(RetryPolicy::new(11, 100, 1000, 1.0), Err(InvalidRetryPolicy::MaxRetries));
        assert_eq!(RetryPolicy::new(1, 99, 1000, 1.0), Err(InvalidRetryPolicy::InitialDelay));
        assert_eq!(RetryPolicy::new(1, 100, 999, 1.0), Err(InvalidRetryPolicy::MaxDelay));
        assert_eq!(RetryPolicy::new(1, 2000, 1000, 1.0), Err(InvalidRetryPolicy::MaxDelay));
        assert_eq!(RetryPolicy::new(1, 100, 1000, f64::NAN), Err(InvalidRetryPolicy::Multiplier));
    }
}
