//! Values of members as the old executor takes them: lists of steps, numbers, words.

use serde_json::Value;

use super::Reader;
use crate::agents::{RetryPolicy, StrategyMistake};

impl Reader<'_> {
    pub(super) fn ids(&mut self, at: &[&str], value: Option<&Value>, least: usize, most: usize) -> Option<Vec<String>> {
        let name = at.last().copied().unwrap_or_default();
        let Some(items) = value.and_then(Value::as_array) else {
            let message =
                format!("'{name}' must be a list of at least {least} step id{}", if least == 1 { "" } else { "s" });
            self.error(at, "steps_missing", message);
            return None;
        };
        if !(least..=most).contains(&items.len()) {
            let message = format!("'{name}' has {} steps; there must be {least} to {most} ({name})", items.len());
            self.error(at, "step_count", message);
            if items.is_empty() || items.len() > most {
                return None;
            }
        }
        let ids: Option<Vec<String>> = items.iter().map(|id| id.as_str().map(str::to_owned)).collect();
        if ids.is_none() {
            self.error(at, "not_a_step_id", format!("'{name}' must hold ids of steps"));
        }
        self.doubled(at, ids.as_deref().unwrap_or_default());
        ids
    }

    /// Results have the names of their steps: of two with the same name one is lost.
    fn doubled(&mut self, at: &[&str], ids: &[String]) {
        let name = at.last().copied().unwrap_or_default();
        for (number, id) in ids.iter().enumerate().filter(|(number, id)| ids[..*number].contains(id)) {
            let number = number.to_string();
            let place: Vec<&str> = at.iter().copied().chain([number.as_str()]).collect();
            let message = format!("'{name}' names step '{id}' twice, and one result would replace the other");
            self.refuse(&place, "step_named_twice", message);
            self.findings.hint("give the second one a step of its own, or repeat the step in a loop");
        }
    }

    /// A whole number from 1, perhaps as a float or a text, as the old executor takes it.
    #[expect(clippy::option_option, reason = "a wrong number, none at all, and one are three things")]
    pub(super) fn count(&mut self, at: &[&str], value: Option<&Value>, most: u32) -> Option<Option<u32>> {
        let Some(value) = value else { return Some(None) };
        let number = match value {
            Value::String(text) => text.trim().parse::<f64>().ok(),
            other => other.as_f64(),
        };
        let number = number.filter(|number| number.fract() == 0.0 && *number >= 1.0 && *number <= f64::from(u32::MAX));
        let name = at.last().copied().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds were checked")]
        let number = number.map(|number| number as u32);
        match number {
            Some(number) if number <= most => Some(Some(number)),
            Some(number) => {
                self.error(at, "limit", format!("{number} is more than the limit of {most} ({name})"));
                None
            }
            None => {
                self.error(at, "not_a_count", format!("'{name}' must be a whole number from 1"));
                None
            }
        }
    }

    #[expect(clippy::option_option, reason = "as for counts")]
    pub(super) fn seconds(&mut self, at: &[&str], value: Option<&Value>) -> Option<Option<u32>> {
        self.count(at, value, u32::MAX)
    }

    /// How long the step may take.
    #[expect(clippy::option_option, reason = "as for counts")]
    pub(super) fn timeout(&mut self) -> Option<Option<u32>> {
        self.seconds(&["timeout_seconds"], self.member("timeout_seconds"))
    }

    /// What follows a failed attempt, in place of what the agent says.
    #[expect(clippy::option_option, reason = "as for counts")]
    pub(super) fn retry_strategy(&mut self) -> Option<Option<RetryPolicy>> {
        let Some(strategy) = self.member("retry_strategy") else { return Some(None) };
        match RetryPolicy::parse_strategy(strategy) {
            Ok(policy) => Some(Some(policy)),
            Err(mistakes) => {
                for StrategyMistake { member, message } in mistakes {
                    let at: Vec<&str> = ["retry_strategy"].into_iter().chain(member.as_deref()).collect();
                    let name = at.last().copied().unwrap_or_default();
                    self.error(&at, "invalid_retry_strategy", format!("'{name}' {message}"));
                }
                None
            }
        }
    }

    /// The meaning of a word; the first is meant where there is none.
    pub(super) fn one_of<T: Copy>(&mut self, at: &[&str], value: Option<&Value>, words: &[(&str, T)]) -> Option<T> {
        let Some(value) = value else { return words.first().map(|(_, meaning)| *meaning) };
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let name = at.last().copied().unwrap_or_default();
            let words: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            self.error(at, "unknown_word", format!("'{name}' must be one of {}", words.join(", ")));
        }
        found.map(|(_, meaning)| *meaning)
    }
}
