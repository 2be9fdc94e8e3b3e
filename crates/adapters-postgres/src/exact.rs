//! JSON text that `jsonb` would not give back, byte for byte.
//!
//! `jsonb` keeps a number's decimal value and not its spelling: `1e16` comes back as an integer, `-0.0` without its sign.
//! And a column that holds `null` cannot be told from one that the old system left unset. The few texts of that kind are
//! kept in a second column; all others are in the `jsonb` column alone.

use domain::payload::Payload;
use serde_json::Value;

use crate::{codec::parsed, failure::Outcome};

/// The text, where a `jsonb` column alone would not do.
pub(crate) fn beyond_jsonb(canonical: &str) -> Option<&str> {
    (canonical == "null" || has_odd_number(canonical.as_bytes())).then_some(canonical)
}

/// Whether there is an exponent, or a negative number that begins with a zero, outside of strings.
fn has_odd_number(text: &[u8]) -> bool {
    let (mut in_string, mut escaped, mut before) = (false, false, b' ');
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'e' if before.is_ascii_digit() => return true,
                b'0' if before == b'-' => return true,
                _ => {}
            }
        }
        before = byte;
    }
    false
}

/// A payload from its two columns; absent where both are, or where the old system wrote `null`.
pub(crate) fn payload(text: Option<String>, json: Option<Value>) -> Outcome<Option<Payload>> {
    match (text, json) {
        (Some(text), _) => Ok(Some(Payload::from_stored(text))),
        (None, None | Some(Value::Null)) => Ok(None),
        (None, Some(value)) => parsed("payload", Payload::new(value)).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_jsonb_spells_otherwise_are_found() {
        for odd in ["1e16", "-0.0", "[1.5e-7]", r#"{"a":[-0.5]}"#, "null", r#"{"a\"":1e300}"#] {
            assert_eq!(beyond_jsonb(odd), Some(odd));
        }
    }

    #[test]
    fn ordinary_json_is_left_to_jsonb() {
        for plain in ["{}", "0", "-1", "0.1", "[true,false,null]", r#"{"1e5":"-0 2e3 \" 7e7"}"#, r#"["\\",10]"#] {
            assert_eq!(beyond_jsonb(plain), None, "{plain}");
        }
    }
}
