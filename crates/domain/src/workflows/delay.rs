//! How long a step of type `delay` waits.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    budget::Budget,
    plan::Delay,
    reference::{Scope, Template},
};
use crate::Timestamp;

/// Ten years: more than that is a mistake.
const MAX_SECONDS: f64 = 10.0 * 365.0 * 86_400.0;

impl Delay {
    /// The time until which it waits, or why there is none.
    pub fn until(&self, scope: &dyn Scope, now: Timestamp) -> Result<Timestamp, String> {
        match self {
            Self::Seconds(template) => {
                let value = resolved("seconds", template, scope)?;
                let seconds = value
                    .as_f64()
                    .filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds))
                    .ok_or_else(|| format!("'seconds' must be a number from 0 to {MAX_SECONDS}, not {value}"))?;
                Ok(now + milliseconds(seconds))
            }
            Self::Until(template) => {
                let value = resolved("until", template, scope)?;
                let time = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
                time.map(|time| time.with_timezone(&Utc))
                    .ok_or_else(|| format!("'until' must be a time in RFC 3339 with its zone, not {value}"))
            }
        }
    }

    /// The value that is resolved, and the member that it stands in.
    pub(super) fn template(&self) -> (&'static str, &Template) {
        match self {
            Self::Seconds(template) => ("seconds", template),
            Self::Until(template) => ("until", template),
        }
    }
}

fn resolved(field: &str, template: &Template, scope: &dyn Scope) -> Result<Value, String> {
    template.resolve(field, scope, &mut Budget::default()).map_err(|problem| problem.to_string())
}

#[expect(clippy::cast_possible_truncation, reason = "the bound was checked: ten years are few milliseconds")]
fn milliseconds(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1000.0).round() as i64)
}
