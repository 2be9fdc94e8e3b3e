//! JSON Schema: what documents and agents declare about values. The domain only asks; a library answers.

use std::{fmt::Debug, sync::Arc};

use serde_json::Value;

/// The most violations that a check answers; a value may be wrong in every one of its elements.
pub const MAX_VIOLATIONS: usize = 20;

/// The most bytes that a schema may have as JSON.
pub const MAX_SCHEMA_BYTES: usize = 64 << 10;

/// A compiled schema (JSON Schema 2020-12, unless it says otherwise in `$schema`).
pub trait Schema: Debug + Send + Sync {
    /// Everything in which a value differs from the schema, at most [`MAX_VIOLATIONS`]; empty for a value that fits. MUST be a
    /// function of the value alone, and MUST take time linear in its size but for what the schema itself multiplies.
    fn violations(&self, value: &Value) -> Vec<Violation>;
}

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value, as a JSON Pointer; empty for all of it.
    pub pointer: String,
    /// What is wrong, for people. Quotes at most a few dozen characters of the value.
    pub message: String,
}

impl Violation {
    /// Violations in one sentence, for the error of a step or a run.
    pub fn sentence(violations: &[Self]) -> String {
        let told = violations.iter().map(|violation| match violation.pointer.as_str() {
            "" => violation.message.clone(),
            pointer => format!("{} (at {pointer})", violation.message),
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// A document that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidSchema {
    /// Where in the schema, as a JSON Pointer.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

/// Compiles schemas.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Schemas: Send + Sync {
    /// Compiles a schema. MUST refuse what is no schema, what is larger than [`MAX_SCHEMA_BYTES`], and references to anything
    /// outside of it: no schema reaches a network or a disk.
    fn compile(&self, schema: &Value) -> Result<Arc<dyn Schema>, InvalidSchema>;
}

/// Takes any schema and finds nothing wrong with any value: for whoever only wants to know how a document is laid out.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemas;

impl Schemas for NoSchemas {
    fn compile(&self, _schema: &Value) -> Result<Arc<dyn Schema>, InvalidSchema> {
        Ok(Arc::new(Self))
    }
}

impl Schema for NoSchemas {
    fn violations(&self, _value: &Value) -> Vec<Violation> {
        Vec::new()
    }
}
