//! A policy as messages keep it. Unlike a `retry_strategy`, it may be anything that a `retry_config` may be: what was taken once
//! is read again.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{BACKOFFS, Backoff, ON_UNKNOWN, OnUnknown, RetryPolicy};
use crate::runs::FailureKind;

#[derive(Serialize, Deserialize)]
struct Stored {
    max_retries: u32,
    initial_delay_ms: u64,
    max_delay_ms: u64,
    multiplier: f64,
    backoff: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    jitter: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_errors: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_statuses: Option<Vec<u16>>,
    on_unknown: String,
}

fn word_of<T: PartialEq>(words: &[(&str, T)], meaning: &T) -> String {
    words.iter().find(|(_, known)| known == meaning).map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}

fn meaning_of<T: Copy, E: Error>(words: &[(&str, T)], word: &str) -> Result<T, E> {
    let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| E::custom(format!("no retry policy says '{word}'")))
}

impl Serialize for RetryPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = Stored {
            max_retries: self.max_retries,
            initial_delay_ms: self.initial_delay_ms(),
            max_delay_ms: self.max_delay_ms(),
            multiplier: self.multiplier,
            backoff: word_of(&BACKOFFS, &self.backoff),
            jitter: self.jitter,
            on_errors: self.on_errors.as_ref().map(|errors| errors.iter().map(|&name| name.to_owned()).collect()),
            on_statuses: self.on_statuses.as_ref().map(|statuses| statuses.to_vec()),
            on_unknown: word_of(&ON_UNKNOWN, &self.on_unknown),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RetryPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        // A kind that a newer program knows does not happen here.
        let known = |name: &String| FailureKind::NAMES.iter().copied().find(|known| known == name);
        Ok(Self {
            max_retries: stored.max_retries,
            initial_delay: Duration::from_millis(stored.initial_delay_ms),
            max_delay: Duration::from_millis(stored.max_delay_ms),
            multiplier: stored.multiplier,
            backoff: meaning_of::<Backoff, D::Error>(&BACKOFFS, &stored.backoff)?,
            jitter: stored.jitter,
            on_errors: stored.on_errors.map(|errors| errors.iter().filter_map(known).collect()),
            on_statuses: stored.on_statuses.map(Into::into),
            on_unknown: meaning_of::<OnUnknown, D::Error>(&ON_UNKNOWN, &stored.on_unknown)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_policy_is_read_again_as_it_was() {
        let strange = RetryPolicy::new(10, 100, 400_000_000_000, 1e300).expect("within the bounds of the old contract");
        let strategy = json!({"type": "linear_backoff", "max_retries": 5, "jitter": true, "max_delay_ms": 7000,
            "retry_on_errors": ["TimeoutError"], "retry_on_status_codes": [429], "on_unknown_outcome": "park"});
        let strategy = RetryPolicy::parse_strategy(&strategy).expect("a strategy");
        for policy in [RetryPolicy::default(), strange, strategy] {
            let text = serde_json::to_string(&policy).expect("it has a form");
            assert_eq!(serde_json::from_str::<RetryPolicy>(&text).expect("it is read again"), policy, "{text}");
        }
    }
}
