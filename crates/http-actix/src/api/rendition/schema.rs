//! One schema: JSON Schema 2020-12 in, the Schema Object of OpenAPI 3.0.3 out.

use serde_json::{Value, json};

use super::{Object, each, each_item, not_said};

/// The keywords of 3.0 that are the same in both, and those that are made here. `x-` stands for itself.
const SAID: [&str; 34] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];

/// Renders a schema and all in it.
pub(super) fn render(schema: &mut Value) {
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        Value::Object(members) => render_members(members),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
}

fn render_members(schema: &mut Object) {
    if schema.contains_key("$ref") && schema.len() == 1 {
        return;
    }
    constant(schema);
    example(schema);
    exclusive(schema, "minimum", "exclusiveMinimum", |limit, exclusive| limit <= exclusive);
    exclusive(schema, "maximum", "exclusiveMaximum", |limit, exclusive| limit >= exclusive);
    each(schema.get_mut("properties"), render);
    for list in ["allOf", "anyOf", "oneOf"] {
        each_item(schema.get_mut(list), render);
    }
    for one in ["items", "not"] {
        if let Some(inner) = schema.get_mut(one) {
            render(inner);
        }
    }
    // Here a boolean stays one.
    if let Some(others @ Value::Object(_)) = schema.get_mut("additionalProperties") {
        render(others);
    }
    types(schema);
    reference(schema);
    if schema.get("type").is_some_and(|name| name == "array") {
        schema.entry("items").or_insert_with(|| json!({}));
    }
    leave_out_unknown(schema);
}

fn constant(schema: &mut Object) {
    if let Some(value) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([value]));
    }
}

/// There is room for one.
fn example(schema: &mut Object) {
    let Some(examples) = schema.remove("examples") else { return };
    if let Some(first) = examples.get(0) {
        schema.insert("example".to_owned(), first.clone());
    }
    if examples.get(1).is_some() {
        not_said(schema, "examples", examples);
    }
}

/// A limit that is excluded is a limit and a mark in 3.0. Of two limits the tighter one counts.
fn exclusive(schema: &mut Object, limit: &str, exclusive: &str, is_looser: fn(f64, f64) -> bool) {
    let Some(excluded) = schema.remove(exclusive) else { return };
    let both = schema.get(limit).and_then(Value::as_f64).zip(excluded.as_f64());
    if both.is_none_or(|(limit, excluded)| is_looser(limit, excluded)) {
        schema.insert(limit.to_owned(), excluded);
        schema.insert(exclusive.to_owned(), true.into());
    }
}

/// 3.0 has one type for a schema, and no type of null. `nullable` counts only beside a `type` (3.0.3, section 4.7.24.1), so what
/// has no single type becomes a choice.
fn types(schema: &mut Object) {
    let names = match schema.remove("type") {
        None => return,
        Some(Value::Array(names)) => names,
        Some(one) => vec![one],
    };
    let nullable = names.iter().any(|name| name == "null");
    let others: Vec<_> = names.into_iter().filter(|name| name != "null").collect();
    match others.as_slice() {
        [] => {
            // Nothing but null: of the values of any type, this one.
            schema.insert("type".to_owned(), "object".into());
            schema.insert("enum".to_owned(), json!([null]));
        }
        [one] => {
            schema.insert("type".to_owned(), one.clone());
        }
        several => {
            let choice =
                json!({"anyOf": several.iter().map(|name| one_of_several(name, nullable)).collect::<Vec<_>>()});
            also(schema, choice);
            return;
        }
    }
    if nullable {
        schema.insert("nullable".to_owned(), true.into());
    }
}

fn one_of_several(name: &Value, nullable: bool) -> Value {
    let mut choice = json!({"type": name});
    if name == "array" {
        choice["items"] = json!({});
    }
    if nullable {
        choice["nullable"] = true.into();
    }
    choice
}

/// What stands beside a reference is ignored in 3.0.
fn reference(schema: &mut Object) {
    if let Some(target) = schema.remove("$ref") {
        also(schema, json!({"$ref": target}));
    }
}

fn also(schema: &mut Object, other: Value) {
    match schema.entry("allOf").or_insert_with(|| json!([])) {
        Value::Array(all) => all.insert(0, other),
        all => *all = json!([other]),
    }
}

fn leave_out_unknown(schema: &mut Object) {
    let is_unknown = |name: &&String| !name.starts_with("x-") && !SAID.contains(&name.as_str());
    let unknown: Vec<_> = schema.keys().filter(is_unknown).cloned().collect();
    for name in unknown {
        if let Some(value) = schema.remove(&name) {
            not_said(schema, &name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(mut schema: Value) -> Value {
        render(&mut schema);
        schema
    }

    #[test]
    fn null_among_the_types_is_a_mark() {
        assert_eq!(
            rendered(json!({"type": ["string", "null"], "maxLength": 9})),
            json!({"type": "string", "nullable": true, "maxLength": 9})
        );
        let nothing = json!({"type": "object", "nullable": true, "enum": [null]});
        assert_eq!(rendered(json!({"type": "null"})), nothing);
        assert_eq!(
            rendered(json!({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]})),
            json!({"anyOf": [{"$ref": "#/x"}, nothing]})
        );
    }

    #[test]
    fn several_types_are_a_choice() {
        assert_eq!(
            rendered(json!({"type": ["integer", "array", "null"], "anyOf": [true]})),
            json!({"anyOf": [{}], "allOf": [{"anyOf": [
                {"type": "integer", "nullable": true},
                {"type": "array", "items": {}, "nullable": true},
            ]}]})
        );
    }

    #[test]
    fn what_stands_beside_a_reference_still_counts() {
        assert_eq!(
            rendered(json!({"$ref": "#/x", "description": "It."})),
            json!({"allOf": [{"$ref": "#/x"}], "description": "It."})
        );
        assert_eq!(rendered(json!({"$ref": "#/x"})), json!({"$ref": "#/x"}));
    }

    #[test]
    fn other_words_for_the_same() {
        assert_eq!(rendered(json!({"const": "a"})), json!({"enum": ["a"]}));
        assert_eq!(rendered(json!({"exclusiveMinimum": 0})), json!({"minimum": 0, "exclusiveMinimum": true}));
        assert_eq!(rendered(json!({"maximum": 3, "exclusiveMaximum": 5})), json!({"maximum": 3}));
        assert_eq!(rendered(json!({"examples": ["a"]})), json!({"example": "a"}));
        let object = json!({"properties": {"const": false}, "additionalProperties": false});
        assert_eq!(rendered(object), json!({"properties": {"const": {"not": {}}}, "additionalProperties": false}));
    }

    #[test]
    fn what_cannot_be_said_is_left_out_and_kept() {
        let schema = json!({"type": "array", "prefixItems": [{"type": "null"}], "examples": [[1], [2]]});
        let kept = json!({"prefixItems": [{"type": "null"}], "examples": [[1], [2]]});
        assert_eq!(rendered(schema), json!({"type": "array", "items": {}, "example": [1], "x-not-in-3.0": kept}));
        let schema = json!({"items": {"patternProperties": {"a": true}}, "x-payload": true});
        let kept = json!({"x-not-in-3.0": {"patternProperties": {"a": true}}});
        assert_eq!(rendered(schema), json!({"items": kept, "x-payload": true}));
    }
}
