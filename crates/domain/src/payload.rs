//! JSON payloads as shared bytes in one canonical form.
//!
//! A payload is checked once, at the door, for what every store must be able to keep; after that it is only shared.
//! The canonical form (keys sorted, no blanks) survives a round trip through any JSON column, so that a repeated agent
//! call repeats the same bytes. It is parsed lazily, at most once, and only when a reference looks inside.

use std::{fmt, sync::Arc, sync::OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The deepest nesting that is accepted; below the 128 levels at which JSON parsers stop, so that what is kept parses again.
pub const MAX_DEPTH: usize = 120;

/// Why a JSON value cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    /// Text that no JSON column of PostgreSQL can hold.
    #[error("text contains the character U+0000, which cannot be stored")]
    NulCharacter,
    /// Nested more than [`MAX_DEPTH`] levels.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not JSON at all.
    #[error("not valid JSON: {0}")]
    Malformed(String),
}

/// A JSON value, shared, canonical and storable.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    text: Box<str>,
    value: OnceLock<Value>,
}

impl Payload {
    /// Makes a payload of a value; the parsed form is kept.
    pub fn new(mut value: Value) -> Result<Self, NotStorable> {
        check(&value, 0)?;
        value.sort_all_objects();
        let text = value.to_string().into_boxed_str();
        Ok(Self(Arc::new(Inner { text, value: OnceLock::from(value) })))
    }

    /// Reads JSON text from outside.
    pub fn parse(text: &[u8]) -> Result<Self, NotStorable> {
        Self::new(serde_json::from_slice(text).map_err(|e| NotStorable::Malformed(e.to_string()))?)
    }

    /// Takes back text that [`Payload::text`] once gave to a store.
    pub fn from_stored(text: String) -> Self {
        Self(Arc::new(Inner { text: text.into_boxed_str(), value: OnceLock::new() }))
    }

    /// The empty object.
    pub fn empty() -> Self {
        Self::from_stored("{}".to_owned())
    }

    /// The value null.
    pub fn null() -> Self {
        Self::from_stored("null".to_owned())
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The parsed value; `null` if a store gave back text that is not JSON.
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| serde_json::from_str(&self.0.text).unwrap_or(Value::Null))
    }
}

fn check(value: &Value, depth: usize) -> Result<(), NotStorable> {
    if depth > MAX_DEPTH {
        return Err(NotStorable::TooDeep);
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => check_text(text),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            check_text(key)?;
            check(member, depth + 1)
        }),
    }
}

fn check_text(text: &str) -> Result<(), NotStorable> {
    if text.contains('\0') { Err(NotStorable::NulCharacter) } else { Ok(()) }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}
impl Eq for Payload {}

/// Inside of other JSON a payload is its text, so that no JSON column changes it.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from_stored)
    }
}

impl fmt::Debug for Payload {
    /// Says only the size: payloads do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_equal_text_whatever_the_order_of_their_members() {
        let a = Payload::parse(br#"{ "b": 1, "a": {"d": 2, "c": [1, 2]} }"#).expect("storable");
        let b = Payload::parse(br#"{"a":{"c":[1,2],"d":2},"b":1}"#).expect("storable");
        assert_eq!(a.text(), b.text());
        assert_eq!(a.text(), r#"{"a":{"c":[1,2],"d":2},"b":1}"#);
    }

    #[test]
    fn what_a_store_cannot_keep_is_refused_at_the_door() {
        assert_eq!(Payload::new(json!({"a": "x\0y"})), Err(NotStorable::NulCharacter));
        assert_eq!(Payload::new(json!({"x\0y": 1})), Err(NotStorable::NulCharacter));
        let deep = (0..=MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(Payload::new(deep), Err(NotStorable::TooDeep));
        assert!(matches!(Payload::parse(b"{"), Err(NotStorable::Malformed(_))));
    }

    #[test]
    fn the_deepest_value_that_is_kept_parses_again() {
        let deep = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
        let kept = Payload::new(deep.clone()).expect("storable");
        assert_eq!(*Payload::from_stored(kept.text().to_owned()).value(), deep);
    }

    proptest::proptest! {
        #[test]
        fn the_canonical_text_parses_back_to_the_same_text(text in "[a-z\\[\\]{}:,\"0-9.e-]{0,40}") {
            if let Ok(payload) = Payload::parse(text.as_bytes()) {
                proptest::prop_assert_eq!(Payload::parse(payload.text().as_bytes()).expect("canonical"), payload);
            }
        }
    }
}
