//! Schemas that documents declare: compiled, or reported at the place within the schema that is wrong.

use std::sync::Arc;

use serde_json::Value;

use super::findings::Findings;
use crate::ports::{Schema, Schemas};

/// Compiles the schema that stands at a place of the document.
pub(super) fn compile_at(
    at: &[&str],
    schema: &Value,
    schemas: &dyn Schemas,
    findings: &mut Findings,
) -> Option<Arc<dyn Schema>> {
    let invalid = match schemas.compile(schema) {
        Ok(compiled) => return Some(compiled),
        Err(invalid) => invalid,
    };
    let inside: Vec<String> =
        invalid.pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let at: Vec<&str> = at.iter().copied().chain(inside.iter().map(String::as_str)).collect();
    findings.error(&at, "invalid_schema", format!("this is no JSON Schema: {}", invalid.message));
    None
}
