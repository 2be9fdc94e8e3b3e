//! The OpenAPI document once more, in OpenAPI 3.0.3, for programs that do not read 3.1 yet.
//!
//! A pure transformation of the one document, so the two cannot differ in what they describe. Where 3.0 has other words for
//! the same, they are used; what it cannot say is left out and kept, as it was, beside the place in `x-not-in-3.0`. A schema
//! without that member means the same in both. This file knows where the schemas of a document are; `schema` renders one.

mod schema;

use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// Holds what 3.0 cannot say, as 3.1 says it.
const NOT_SAID: &str = "x-not-in-3.0";

/// What the description begins with.
const ABOUT: &str = "The OpenAPI 3.0.3 rendition of `/openapi.json`, which is the document itself. What 3.0 cannot say is left \
                     out, and kept as it was in `x-not-in-3.0`.\n\n";

/// Renders a document of OpenAPI 3.1 in OpenAPI 3.0.3.
pub(super) fn in_3_0(document: &Value) -> Value {
    let mut document = document.clone();
    document["openapi"] = json!("3.0.3");
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        leave_out(info, &["summary"]);
        if let Some(license) = info.get_mut("license").and_then(Value::as_object_mut) {
            leave_out(license, &["identifier"]);
        }
        let description = info.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{ABOUT}{description}");
        info.insert("description".to_owned(), description.into());
    }
    each(document.get_mut("paths"), path_item);
    each(document.get_mut("webhooks"), path_item);
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        each(components.get_mut("schemas"), schema::render);
        each(components.get_mut("responses"), response);
        for described in ["parameters", "headers", "requestBodies"] {
            each(components.get_mut(described), with_schemas);
        }
        leave_out(components, &["pathItems"]);
    }
    if let Some(members) = document.as_object_mut() {
        // What some readers of 3.0 look for.
        if let Some(webhooks) = members.remove("webhooks") {
            members.insert("x-webhooks".to_owned(), webhooks);
        }
        leave_out(members, &["jsonSchemaDialect"]);
    }
    document.sort_all_objects();
    document
}

fn path_item(item: &mut Value) {
    each_item(item.get_mut("parameters"), with_schemas);
    for method in ["get", "put", "post", "delete", "options", "head", "patch", "trace"] {
        if let Some(operation) = item.get_mut(method) {
            render_operation(operation);
        }
    }
}

fn render_operation(operation: &mut Value) {
    each_item(operation.get_mut("parameters"), with_schemas);
    if let Some(body) = operation.get_mut("requestBody") {
        with_schemas(body);
    }
    each(operation.get_mut("responses"), response);
    each(operation.get_mut("callbacks"), |callback| each(Some(callback), path_item));
    // Names of rights are for 3.1 only, unless the scheme is OAuth; `x-required-right` says them here.
    each_item(operation.get_mut("security"), |way| each(Some(way), |rights| *rights = json!([])));
}

fn response(response: &mut Value) {
    each(response.get_mut("headers"), with_schemas);
    with_schemas(response);
}

/// A parameter, a header, a body or an answer: its schema stands in it, or in each kind of content.
fn with_schemas(described: &mut Value) {
    if let Some(schema) = described.get_mut("schema") {
        schema::render(schema);
    }
    each(described.get_mut("content"), |media| {
        if let Some(schema) = media.get_mut("schema") {
            schema::render(schema);
        }
    });
}

fn each(map: Option<&mut Value>, act: impl FnMut(&mut Value)) {
    map.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut).for_each(act);
}

fn each_item(list: Option<&mut Value>, act: impl FnMut(&mut Value)) {
    list.and_then(Value::as_array_mut).into_iter().flatten().for_each(act);
}

/// Takes members out of an object and keeps them as what cannot be said.
fn leave_out(object: &mut Object, names: &[&str]) {
    for name in names {
        if let Some(value) = object.remove(*name) {
            not_said(object, name, value);
        }
    }
}

fn not_said(object: &mut Object, name: &str, value: Value) {
    let kept = object.entry(NOT_SAID).or_insert_with(|| json!({}));
    kept[name] = value;
}
