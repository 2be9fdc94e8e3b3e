//! JSON Schema for the domain, by the crate `jsonschema`. Nothing here reads a file or a network: a schema that refers to
//! anything but itself is refused.

use std::{fmt, sync::Arc};

use domain::ports::{InvalidSchema, MAX_SCHEMA_BYTES, MAX_VIOLATIONS, Schema, Schemas, Violation};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// The longest message of a violation, in characters: messages quote the value, which may be megabytes.
const MAX_MESSAGE: usize = 200;

/// Compiles schemas with `jsonschema`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonSchemas;

struct Compiled(Validator);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled schema")
    }
}

impl Schemas for JsonSchemas {
    fn compile(&self, schema: &Value) -> Result<Arc<dyn Schema>, InvalidSchema> {
        let invalid = |message: String| InvalidSchema { pointer: String::new(), message };
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Err(invalid("a JSON Schema is an object, true or false".to_owned()));
        }
        let bytes = schema.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            return Err(invalid(format!("the schema has {bytes} bytes, more than the limit of {MAX_SCHEMA_BYTES}")));
        }
        // The engine without look-around and back references takes linear time, whatever the pattern.
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        options.should_validate_formats(true).build(schema).map(|validator| Arc::new(Compiled(validator)) as _).map_err(
            |error| InvalidSchema { pointer: error.instance_path().as_str().to_owned(), message: shorten(&error) },
        )
    }
}

impl Schema for Compiled {
    fn violations(&self, value: &Value) -> Vec<Violation> {
        // The quick answer first: nearly every value fits.
        if self.0.is_valid(value) {
            return Vec::new();
        }
        let found = self.0.iter_errors(value).take(MAX_VIOLATIONS);
        found.map(|e| Violation { pointer: e.instance_path().as_str().to_owned(), message: shorten(&e) }).collect()
    }
}

fn shorten(error: &ValidationError<'_>) -> String {
    let message = error.to_string();
    match message.char_indices().nth(MAX_MESSAGE) {
        None => message,
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violations(schema: &Value, value: &Value) -> Vec<Violation> {
        JsonSchemas.compile(schema).expect("a schema").violations(value)
    }

    #[test]
    fn every_violation_is_told_with_its_place() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {"n": {"type": "integer"}}});
        let found = violations(&schema, &json!({"n": "x"}));
        let places: Vec<_> = found.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!((places.contains(&"/n"), places.contains(&""), found.len()), (true, true, 2), "{found:?}");
        assert_eq!(violations(&schema, &json!({"a": 1, "n": 2})), []);
    }

    #[test]
    fn the_2020_12_vocabulary_is_known() {
        let schema = json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false});
        assert_eq!(violations(&schema, &json!(["x"])), []);
        assert_eq!(violations(&schema, &json!(["x", 1])).len(), 1);
        assert_eq!(violations(&json!({"format": "date"}), &json!("no date")).len(), 1);
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        let refused = JsonSchemas.compile(&json!({"properties": {"a": {"type": "text"}}})).expect_err("no type");
        assert!(refused.pointer.starts_with("/properties/a"), "{refused:?}");
        for schema in [json!(1), json!("{}"), json!(null), json!({"pattern": "("}), json!({"x": "y".repeat(70_000)})] {
            assert!(JsonSchemas.compile(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_schema_refers_to_nothing_but_itself() {
        let inside = json!({"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}});
        assert_eq!(violations(&inside, &json!({"a": "x"})).len(), 1);
        for elsewhere in ["http://127.0.0.1:1/schema.json", "file:///etc/hostname", "other.json"] {
            assert!(JsonSchemas.compile(&json!({"$ref": elsewhere})).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn many_and_long_violations_stay_short() {
        let schema = json!({"items": {"type": "string"}});
        let found = violations(&schema, &Value::from_iter(vec![json!({"a": "x".repeat(5000)}); 1000]));
        assert_eq!(found.len(), MAX_VIOLATIONS);
        assert!(found.iter().all(|violation| violation.message.chars().count() <= MAX_MESSAGE + 1));
    }

    #[test]
    fn no_pattern_takes_long() {
        let schema = json!({"pattern": "^(a+)+$"});
        assert_eq!(violations(&schema, &json!(format!("{}b", "a".repeat(100_000)))).len(), 1);
    }
}
