//! How two values differ, part by part.

use serde_json::Value;

use crate::{console::plain, source::below};

/// How much of a value is shown.
const SHOWN: usize = 160;

/// One part that is not the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Which part, as a JSON Pointer.
    pub(crate) pointer: String,
    /// What is there; none if nothing is.
    pub(crate) from: Option<Value>,
    /// What is wanted; none if nothing is.
    pub(crate) to: Option<Value>,
}

/// All parts that differ. Null says the same as nothing.
pub(crate) fn differences(pointer: &str, there: &Value, wanted: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(pointer, there, wanted, &mut found);
    found
}

/// The same for a value that may say more than what is wanted.
pub(crate) fn missing(pointer: &str, there: &Value, wanted: &Value) -> Vec<Difference> {
    let (Some(there_members), Some(wanted_members)) = (there.as_object(), wanted.as_object()) else {
        return differences(pointer, there, wanted);
    };
    let named = wanted_members.iter().filter(|(_, value)| !value.is_null());
    named
        .flat_map(|(name, value)| {
            differences(&below(pointer, name), there_members.get(name).unwrap_or(&Value::Null), value)
        })
        .collect()
}

fn compare(pointer: &str, there: &Value, wanted: &Value, found: &mut Vec<Difference>) {
    match (there, wanted) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, from) in before {
                compare(&below(pointer, name), from, after.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, to) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare(&below(pointer, name), &Value::Null, to, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (number, (from, to)) in before.iter().zip(after).enumerate() {
                compare(&below(pointer, &number.to_string()), from, to, found);
            }
        }
        _ if is_same(there, wanted) => {}
        _ => {
            let said = |value: &Value| (!value.is_null()).then(|| value.clone());
            found.push(Difference { pointer: pointer.to_owned(), from: said(there), to: said(wanted) });
        }
    }
}

/// Numbers are compared by what they say: a store may keep `1` as `1.0`.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.as_i64().is_none() || other.as_i64().is_none()) && one.as_f64() == other.as_f64()
        }
        _ => one == other,
    }
}

impl Difference {
    /// In a line.
    pub(crate) fn line(&self) -> String {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("~ {}: {} → {}", self.pointer, shown(from), shown(to)),
            (None, Some(to)) => format!("+ {}: {}", self.pointer, shown(to)),
            (Some(from), None) => format!("- {}: {}", self.pointer, shown(from)),
            (None, None) => format!("~ {}", self.pointer),
        }
    }
}

fn shown(value: &Value) -> String {
    let text = plain(&value.to_string());
    if text.chars().count() <= SHOWN {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(there: &Value, wanted: &Value) -> Vec<String> {
        differences("", there, wanted).iter().map(Difference::line).collect()
    }

    #[test]
    fn differences_are_told_part_by_part() {
        let there = json!({"a": 1, "b": {"c": "x", "gone": true}, "l": [1, 2], "m": [1]});
        let wanted = json!({"a": 1.0, "b": {"c": "y", "new": [1]}, "l": [1, 3], "m": [1, 2], "n": null});
        assert_eq!(
            lines(&there, &wanted),
            ["~ /b/c: \"x\" → \"y\"", "- /b/gone: true", "+ /b/new: [1]", "~ /l/1: 2 → 3", "~ /m: [1] → [1,2]"]
        );
    }

    #[test]
    fn null_says_the_same_as_nothing() {
        assert!(lines(&json!({"a": null}), &json!({"b": null})).is_empty());
    }

    #[test]
    fn of_a_value_that_may_say_more_only_what_is_named_counts() {
        let there = json!({"type": "fixed_delay", "max_retries": 3, "jitter": false});
        assert!(missing("/r", &there, &json!({"type": "fixed_delay", "jitter": null})).is_empty());
        assert_eq!(missing("/r", &there, &json!({"max_retries": 4}))[0].line(), "~ /r/max_retries: 3 → 4");
    }

    proptest::proptest! {
        #[test]
        fn nothing_differs_from_itself(text in ".{0,40}", number: i64, float in -1e9..1e9f64) {
            let value = json!({"t": text, "n": number, "f": float, "l": [text, number, {"x": float}]});
            proptest::prop_assert!(differences("", &value, &value).is_empty());
        }

        #[test]
        fn large_whole_numbers_are_not_taken_for_each_other(number in 9_007_199_254_740_993..i64::MAX) {
            proptest::prop_assert_eq!(differences("", &json!(number), &json!(number - 1)).len(), 1);
        }
    }
}
