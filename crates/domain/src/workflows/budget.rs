//! How much a step's input may hold: a document of a few bytes can refer to the same large output thousands of times.

use serde_json::Value;

use super::reference::ResolveError;

/// The most bytes of a step's input, about as its JSON text would have; as much as one agent's answer may have.
pub const MAX_INPUT_BYTES: usize = 4 << 20;

/// What may still be copied into an input. Spent before anything is copied.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_INPUT_BYTES)
    }
}

impl Budget {
    /// Pays for a value.
    pub(super) fn spend<'a>(&mut self, value: &'a Value) -> Result<&'a Value, ResolveError> {
        self.walk(value).map(|()| value)
    }

    /// Pays for some bytes.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), ResolveError> {
        self.0 = self.0.checked_sub(bytes).ok_or(ResolveError::TooLarge)?;
        Ok(())
    }

    /// Stops as soon as nothing is left, however large the value is.
    fn walk(&mut self, value: &Value) -> Result<(), ResolveError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.spend_bytes(8),
            Value::String(text) => self.spend_bytes(text.len() + 3),
            Value::Array(items) => {
                self.spend_bytes(2)?;
                items.iter().try_for_each(|item| self.walk(item))
            }
            Value::Object(members) => {
                self.spend_bytes(2)?;
                members.iter().try_for_each(|(key, member)| {
                    self.spend_bytes(key.len() + 4)?;
                    self.walk(member)
                })
            }
        }
    }
}
