//! How often and how patiently a failed agent call is tried again.
//!
//! An agent has a `retry_config`, whose meaning is the old system's; it, or a step, may have a `retry_strategy` instead, which
//! says more. Both are a [`RetryPolicy`].

mod stored;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::runs::{CallFailure, FailureKind};

/// What follows a failed attempt. By default exponential back-off without jitter (contract, section 6): attempt `k + 1`
/// (k = 1, 2, …) follows a wait of `min(initial_delay * multiplier^(k-1), max_delay)` after the failure of attempt `k`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    max_retries: u32,
    initial_delay: Duration,
    max_delay: Duration,
    multiplier: f64,
    backoff: Backoff,
    jitter: bool,
    /// The kinds of failures that another attempt follows, statuses aside; none means all.
    on_errors: Option<Arc<[&'static str]>>,
    /// The HTTP statuses that another attempt follows; none means all.
    on_statuses: Option<Arc<[u16]>>,
    on_unknown: OnUnknown,
}

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backoff {
    /// Each is a multiple of the one before.
    Exponential,
    /// The k-th is k times the first.
    Linear,
    /// All are the first.
    Fixed,
    /// There are none.
    Immediate,
}

/// The words for [`Backoff`], in documents.
const BACKOFFS: [(&str, Backoff); 4] = [
    ("exponential_backoff", Backoff::Exponential),
    ("linear_backoff", Backoff::Linear),
    ("fixed_delay", Backoff::Fixed),
    ("immediate", Backoff::Immediate),
];

/// What follows a call of which nobody knows whether the agent did the work (G4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// The same call again, with the same message id and the same bytes.
    Retry,
    /// The step fails for good.
    Fail,
    /// The run is paused, for a person to decide: let it go on, skip the step with an output, or cancel.
    Park,
}

/// The words for [`OnUnknown`], in documents.
const ON_UNKNOWN: [(&str, OnUnknown); 3] =
    [("retry", OnUnknown::Retry), ("fail", OnUnknown::Fail), ("park", OnUnknown::Park)];

/// The most attempts that a strategy may grant.
const MAX_ATTEMPTS: u64 = 100;

/// The longest wait that a strategy may ask for, in milliseconds: a day.
const MAX_WAIT_MS: u64 = 86_400_000;

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

/// Its one float is a number.
impl Eq for RetryPolicy {}

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
        Ok(Self { max_retries, initial_delay, max_delay, multiplier, ..Self::default() })
    }

    /// How many attempts a step gets. The old name says retries, the old executor counts attempts; zero means one.
    pub fn attempts(&self) -> u32 {
        self.max_retries.max(1)
    }

    /// The wait after the failure of attempt `failed` (from 1). `chance` decides the jitter, up to a tenth more or less: equal
    /// for equal attempts, so that whoever decides it again decides the same.
    pub fn delay_after(&self, failed: u32, chance: u64) -> Duration {
        let first = self.initial_delay.as_secs_f64();
        let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = match self.backoff {
            Backoff::Exponential => first * self.multiplier.powi(exponent),
            Backoff::Linear => first * f64::from(failed),
            Backoff::Fixed => first,
            Backoff::Immediate => return Duration::ZERO,
        };
        // Not `Duration::from_secs_f64`: the product may be infinite.
        let wait = wait.min(self.max_delay.as_secs_f64());
        // 32 bits are chance enough, and are a float without loss.
        let share = f64::from(u32::try_from(chance >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        Duration::from_secs_f64(if self.jitter { wait * (0.9 + 0.2 * share) } else { wait })
    }

    /// Whether another attempt may follow such a failure at all. The two lists do not meddle with each other: one is about
    /// HTTP statuses, the other about everything else.
    pub fn covers(&self, failure: &CallFailure) -> bool {
        match (failure.kind, &self.on_statuses, &self.on_errors) {
            (FailureKind::Status(status), Some(statuses), _) => statuses.contains(&status),
            (kind, _, Some(errors)) => errors.contains(&kind.as_str()),
            (_, _, None) => true,
        }
    }

    /// What follows a call whose outcome is unknown.
    pub fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    /// Reads a `retry_strategy`. Answers every mistake, with the member in which it is.
    pub fn parse_strategy(strategy: &Value) -> Result<Self, Vec<StrategyMistake>> {
        let Some(members) = strategy.as_object() else {
            return Err(vec![StrategyMistake { member: None, message: "must be an object".to_owned() }]);
        };
        let mut reader = Reader { members, mistakes: Vec::new() };
        let policy = reader.policy();
        if reader.mistakes.is_empty() { Ok(policy) } else { Err(reader.mistakes) }
    }

    /// The `retry_strategy` that [`RetryPolicy::parse_strategy`] reads again.
    pub fn strategy(&self) -> Value {
        let word = |words: &[(&str, Backoff)]| {
            words.iter().find(|(_, b)| *b == self.backoff).map(|(word, _)| (*word).to_owned())
        };
        let mut strategy = json!({
            "type": word(&BACKOFFS),
            "max_retries": self.max_retries,
            "initial_delay_ms": self.initial_delay_ms(),
            "max_delay_ms": self.max_delay_ms(),
            "backoff_multiplier": self.multiplier,
            "jitter": self.jitter,
        });
        if let Some(errors) = &self.on_errors {
            strategy["retry_on_errors"] = json!(&**errors);
        }
        if let Some(statuses) = &self.on_statuses {
            strategy["retry_on_status_codes"] = json!(&**statuses);
        }
        if let Some((word, _)) = ON_UNKNOWN.iter().find(|(_, on)| *on == self.on_unknown && *on != OnUnknown::Retry) {
            strategy["on_unknown_outcome"] = json!(word);
        }
        strategy
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
            backoff: Backoff::Exponential,
            jitter: false,
            on_errors: None,
            on_statuses: None,
            on_unknown: OnUnknown::Retry,
        }
    }
}

/// What is wrong with a `retry_strategy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyMistake {
    /// The member; none where it is the whole.
    pub member: Option<String>,
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub message: String,
}

struct Reader<'a> {
    members: &'a Map<String, Value>,
    mistakes: Vec<StrategyMistake>,
}

impl Reader<'_> {
    fn policy(&mut self) -> RetryPolicy {
        const KNOWN: [&str; 9] = [
            "type",
            "max_retries",
            "initial_delay_ms",
            "max_delay_ms",
            "backoff_multiplier",
            "jitter",
            "retry_on_errors",
            "retry_on_status_codes",
            "on_unknown_outcome",
        ];
        for (member, value) in self.members {
            if !value.is_null() && !KNOWN.contains(&member.as_str()) {
                self.mistake(member, format!("has no meaning here; known are {}", KNOWN.join(", ")));
            }
        }
        let default = RetryPolicy::default();
        let first = self.whole("initial_delay_ms", 0, MAX_WAIT_MS, default.initial_delay_ms());
        let longest = self.whole("max_delay_ms", 0, MAX_WAIT_MS, default.max_delay_ms().max(first));
        if longest < first {
            self.mistake("max_delay_ms", "must not be below initial_delay_ms".to_owned());
        }
        let attempts = self.whole("max_retries", 0, MAX_ATTEMPTS, u64::from(default.max_retries));
        RetryPolicy {
            max_retries: u32::try_from(attempts).unwrap_or_default(),
            initial_delay: Duration::from_millis(first),
            max_delay: Duration::from_millis(longest),
            multiplier: self.multiplier(default.multiplier),
            backoff: self.word("type", &BACKOFFS, Backoff::Exponential),
            jitter: self.flag("jitter"),
            on_errors: self.errors(),
            on_statuses: self.statuses(),
            on_unknown: self.word("on_unknown_outcome", &ON_UNKNOWN, OnUnknown::Retry),
        }
    }

    fn mistake(&mut self, member: &str, message: String) {
        self.mistakes.push(StrategyMistake { member: Some(member.to_owned()), message });
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn whole(&mut self, name: &str, least: u64, most: u64, default: u64) -> u64 {
        let Some(value) = self.member(name) else { return default };
        if let Some(number) = value.as_u64().filter(|number| (least..=most).contains(number)) {
            return number;
        }
        self.mistake(name, format!("must be a whole number from {least} to {most}"));
        default
    }

    fn multiplier(&mut self, default: f64) -> f64 {
        let Some(value) = self.member("backoff_multiplier") else { return default };
        if let Some(number) = value.as_f64().filter(|number| (1.0..=1_000_000.0).contains(number)) {
            return number;
        }
        self.mistake("backoff_multiplier", "must be a number from 1 to 1000000".to_owned());
        default
    }

    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> T {
        let Some(value) = self.member(name) else { return default };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| value.as_str() == Some(word)) {
            return *meaning;
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.mistake(name, format!("must be one of {}", words.join(", ")));
        default
    }

    fn flag(&mut self, name: &str) -> bool {
        let Some(value) = self.member(name) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.mistake(name, "must be true or false".to_owned());
            false
        })
    }

    fn errors(&mut self) -> Option<Arc<[&'static str]>> {
        let value = self.member("retry_on_errors")?;
        let known = |item: &Value| FailureKind::NAMES.iter().copied().find(|name| item.as_str() == Some(name));
        let errors = value.as_array().and_then(|items| items.iter().map(known).collect::<Option<Arc<[_]>>>());
        if errors.is_none() {
            self.mistake("retry_on_errors", format!("must be a list of these: {}", FailureKind::NAMES.join(", ")));
        }
        errors
    }

    fn statuses(&mut self) -> Option<Arc<[u16]>> {
        let value = self.member("retry_on_status_codes")?;
        let status = |item: &Value| {
            item.as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| (100..=599).contains(code))
        };
        let statuses = value.as_array().and_then(|items| items.iter().map(status).collect::<Option<Arc<[_]>>>());
        if statuses.is_none() {
            self.mistake("retry_on_status_codes", "must be a list of HTTP statuses, 100 to 599".to_owned());
        }
        statuses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_formula_of_the_old_executor() {
        let policy = RetryPolicy::new(5, 1000, 5000, 2.0).expect("valid");
        let waits: Vec<_> = (1..=4).map(|k| policy.delay_after(k, 7).as_millis()).collect();
        assert_eq!(waits, [1000, 2000, 4000, 5000]);
    }

    #[test]
    fn no_exponent_overflows_the_wait() {
        let policy = RetryPolicy::new(10, 100, 1_000_000, f64::MAX).expect("valid");
        assert_eq!(policy.delay_after(u32::MAX, 0), Duration::from_secs(1000));
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

    fn strategy(members: &Value) -> RetryPolicy {
        RetryPolicy::parse_strategy(members).expect("a strategy")
    }

    fn failure(kind: FailureKind) -> CallFailure {
        CallFailure::definite(kind, "x")
    }

    #[test]
    fn waits_grow_as_the_type_says() {
        let waits = |kind: &str| {
            let policy = strategy(
                &json!({"type": kind, "initial_delay_ms": 500, "max_delay_ms": 1700, "backoff_multiplier": 3}),
            );
            (1..=4).map(|k| policy.delay_after(k, 0).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits("exponential_backoff"), [500, 1500, 1700, 1700]);
        assert_eq!(waits("linear_backoff"), [500, 1000, 1500, 1700]);
        assert_eq!(waits("fixed_delay"), [500, 500, 500, 500]);
        assert_eq!(waits("immediate"), [0, 0, 0, 0]);
    }

    #[test]
    fn what_is_said_is_read_again() {
        let said = json!({"type": "linear_backoff", "max_retries": 5, "initial_delay_ms": 500, "max_delay_ms": 30000,
            "backoff_multiplier": 2.0, "jitter": true, "retry_on_errors": ["TimeoutError"],
            "retry_on_status_codes": [429, 503], "on_unknown_outcome": "park"});
        assert_eq!(strategy(&said).strategy(), said);
        assert_eq!(strategy(&json!({})), RetryPolicy::default());
    }

    #[test]
    fn every_mistake_is_named() {
        let wrong = json!({"type": "never", "max_retries": -1, "initial_delay_ms": 9, "max_delay_ms": 8,
            "backoff_multiplier": 0.5, "jitter": 1, "retry_on_errors": ["Oops"], "retry_on_status_codes": [99],
            "on_unknown_outcome": 7, "more": 1});
        let mistakes = RetryPolicy::parse_strategy(&wrong).expect_err("all wrong");
        let mut named: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.member.as_deref()).collect();
        named.sort_unstable();
        assert_eq!(
            named,
            [
                "backoff_multiplier",
                "jitter",
                "max_delay_ms",
                "max_retries",
                "more",
                "on_unknown_outcome",
                "retry_on_errors",
                "retry_on_status_codes",
                "type"
            ]
        );
        assert_eq!(RetryPolicy::parse_strategy(&json!(1)).expect_err("no object")[0].member, None);
    }

    #[test]
    fn the_list_of_statuses_is_about_statuses_and_that_of_errors_about_the_rest() {
        let statuses = strategy(&json!({"retry_on_status_codes": [503]}));
        assert!(statuses.covers(&failure(FailureKind::Status(503))));
        assert!(!statuses.covers(&failure(FailureKind::Status(500))));
        assert!(statuses.covers(&failure(FailureKind::Timeout)));
        let errors = strategy(&json!({"retry_on_errors": ["TimeoutError"]}));
        assert!(errors.covers(&failure(FailureKind::Timeout)));
        assert!(!errors.covers(&failure(FailureKind::Task)));
        assert!(!errors.covers(&failure(FailureKind::Status(503))));
        let both = strategy(&json!({"retry_on_errors": [], "retry_on_status_codes": [503]}));
        assert!(both.covers(&failure(FailureKind::Status(503))));
        assert!(!both.covers(&failure(FailureKind::Timeout)));
        assert!(RetryPolicy::default().covers(&failure(FailureKind::Status(500))));
    }

    proptest::proptest! {
        #[test]
        fn jitter_moves_a_wait_by_a_tenth_at_most_and_always_alike(failed in 1u32..50, chance: u64) {
            let plain = strategy(&json!({"initial_delay_ms": 1000}));
            let jittery = strategy(&json!({"initial_delay_ms": 1000, "jitter": true}));
            let (wait, moved) = (plain.delay_after(failed, chance), jittery.delay_after(failed, chance));
            proptest::prop_assert!(moved >= wait.mul_f64(0.899) && moved <= wait.mul_f64(1.101));
            proptest::prop_assert_eq!(moved, jittery.delay_after(failed, chance));
        }
    }
}
