//! The kinds of JSON values, as sets.

use std::fmt;

use serde_json::Value;

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(1 << 1);
    /// Numbers without a fraction.
    pub(super) const WHOLE: Self = Self(1 << 2);
    pub(super) const NUMBER: Self = Self(Self::WHOLE.0 | (1 << 3));
    pub(super) const TEXT: Self = Self(1 << 4);
    pub(super) const LIST: Self = Self(1 << 5);
    pub(super) const OBJECT: Self = Self(1 << 6);
    pub(super) const ANY: Self = Self(0x7f);
    /// What can stand in the midst of a text.
    pub(super) const SPLICED: Self = Self(Self::TEXT.0 | Self::NUMBER.0 | Self::BOOLEAN.0);

    /// The kind of a value. A whole number is every kind of number, because drafts differ on what `1.0` is.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::TEXT,
            Value::Array(_) => Self::LIST,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// What the keyword `type` says; none where it says nothing that is known here.
    pub(super) fn named(keyword: &Value) -> Option<Self> {
        match keyword {
            Value::String(name) => Self::name(name),
            Value::Array(names) => {
                let kinds: Option<Vec<Self>> = names.iter().map(|name| Self::name(name.as_str()?)).collect();
                kinds.map(|kinds| kinds.into_iter().fold(Self::NONE, Self::or))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    fn name(name: &str) -> Option<Self> {
        match name {
            "null" => Some(Self::NULL),
            "boolean" => Some(Self::BOOLEAN),
            "integer" => Some(Self::WHOLE),
            "number" => Some(Self::NUMBER),
            "string" => Some(Self::TEXT),
            "array" => Some(Self::LIST),
            "object" => Some(Self::OBJECT),
            _ => None,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn meet(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    pub(super) fn are_all(self, other: Self) -> bool {
        self.and(other) == self
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (Self::OBJECT, "an object"),
            (Self::LIST, "a list"),
            (Self::TEXT, "a text"),
            (Self::NUMBER, "a number"),
            (Self::BOOLEAN, "a boolean"),
            (Self::NULL, "null"),
        ];
        let said: Vec<&str> = words.iter().filter(|(kind, _)| self.meet(*kind)).map(|(_, word)| *word).collect();
        f.write_str(if said.is_empty() { "nothing" } else { "" })?;
        let whole = self.meet(Self::NUMBER) && !self.meet(Self(1 << 3));
        f.write_str(&said.join(" or ").replace("a number", if whole { "a whole number" } else { "a number" }))
    }
}
