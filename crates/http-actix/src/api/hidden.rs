//! Answers for those who see statuses and no data.
//!
//! A member that holds a payload says so in the schema of its type (`x-payload`), which also makes it appear in the description
//! of the API. Here, and nowhere else, these members become null, and `payloads_hidden` tells that they did.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Marks a member's schema.
const PAYLOAD: &str = "x-payload";

/// Tells that members next to it were hidden.
const MARKER: &str = "payloads_hidden";

/// The schemas of answers, made once per type and process. Pure, so that sharing them shares no state.
static SCHEMAS: LazyLock<RwLock<HashMap<TypeId, Arc<Value>>>> = LazyLock::new(RwLock::default);

/// Hides the payloads of an answer of this type.
pub(super) fn hide<T: JsonSchema + 'static>(answer: &mut Value) {
    let known = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).map(Arc::clone);
    let schema = known.unwrap_or_else(|| {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = Arc::new(settings.into_generator().into_root_schema_for::<T>().to_value());
        let mut schemas = SCHEMAS.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(schemas.entry(TypeId::of::<T>()).or_insert(schema))
    });
    hide_in(&schema, &schema, answer);
}

fn hide_in(root: &Value, schema: &Value, value: &mut Value) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
        && let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer))
    {
        hide_in(root, target, value);
    }
    for combined in ["allOf", "anyOf", "oneOf"] {
        let schemas = schema.get(combined).and_then(Value::as_array);
        schemas.into_iter().flatten().for_each(|schema| hide_in(root, schema, value));
    }
    match value {
        Value::Object(members) => hide_members(root, schema, members),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    hide_in(root, schema, item);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn hide_members(root: &Value, schema: &Value, members: &mut Map<String, Value>) {
    let (known, others) = (schema.get("properties"), schema.get("additionalProperties"));
    let mut hidden = false;
    for (name, member) in members.iter_mut() {
        let Some(schema) = known.and_then(|known| known.get(name)).or(others) else { continue };
        if is_payload(schema) {
            hidden = true;
            *member = Value::Null;
        } else {
            hide_in(root, schema, member);
        }
    }
    if hidden {
        members.insert(MARKER.to_owned(), Value::Bool(true));
    }
}

fn is_payload(schema: &Value) -> bool {
    schema.get(PAYLOAD) == Some(&Value::Bool(true))
}

/// Describes in a schema of an answer, and in all below it, what hiding does: members with payloads may be null, and there may be a
/// marker.
pub(super) fn describe(schema: &mut Value) {
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut)
        && members.values().any(is_payload)
    {
        members.values_mut().filter(|member| is_payload(member)).for_each(allow_null);
        let description =
            "Present, and true, where members that hold data are null because the caller must not see data.";
        members.insert(MARKER.to_owned(), json!({"type": "boolean", "description": description}));
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(describe),
        Value::Array(items) => items.iter_mut().for_each(describe),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn allow_null(schema: &mut Value) {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        schema["type"] = json!([kind, "null"]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        status: &'static str,
        #[schemars(extend("x-payload" = true))]
        data: Option<String>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Outer {
        #[serde(flatten)]
        top: Inner,
        list: Vec<Inner>,
        maybe: Option<Inner>,
        by_name: BTreeMap<String, Inner>,
    }

    #[test]
    fn payloads_are_hidden_wherever_they_lie_and_statuses_are_not() {
        let inner = || Inner { status: "FAILED", data: Some("secret".to_owned()) };
        let by_name = BTreeMap::from([("one".to_owned(), inner())]);
        let outer = Outer { top: inner(), list: vec![inner()], maybe: Some(inner()), by_name };
        let mut answer = serde_json::to_value(outer).expect("it has a JSON form");
        hide::<Outer>(&mut answer);
        let hidden = json!({"status": "FAILED", "data": null, "payloads_hidden": true});
        let mut expected = json!({"list": [hidden], "maybe": hidden, "by_name": {"one": hidden}});
        for (name, member) in hidden.as_object().into_iter().flatten() {
            expected[name] = member.clone();
        }
        assert_eq!(answer, expected);
    }
}
