//! The description of the API in OpenAPI 3.0.3: it leaves nothing out, and takes what the document itself takes.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::support::Orrery;

const NOT_SAID: &str = "x-not-in-3.0";

/// Keywords that only 3.1 has.
const ONLY_3_1: [&str; 14] = [
    "$defs",
    "$schema",
    "const",
    "contains",
    "contentEncoding",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedProperties",
];

fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let named = paths.flat_map(|(path, item)| {
        let operations = item.as_object().expect("operations").iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    named.collect()
}

/// What must be the same in both: all of an operation but its schemas and its scopes.
fn without_schemas(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.remove("schema").is_some() {
                members.insert("schema".to_owned(), "there is one".into());
            }
            if let Some(Value::Array(ways)) = members.get_mut("security") {
                let ways = ways.iter_mut().filter_map(Value::as_object_mut);
                ways.flat_map(serde_json::Map::values_mut).for_each(|rights| *rights = json!([]));
            }
            let examples = |name: &String| name == "example" || name == "examples";
            members.iter_mut().filter(|(name, _)| !examples(name)).for_each(|(_, member)| without_schemas(member));
        }
        Value::Array(items) => items.iter_mut().for_each(without_schemas),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_operation_parameter_and_answer_of_the_document_is_in_it() {
    let (document, rendition) = (http_actix::openapi_document(), http_actix::openapi_document_3_0());
    assert_eq!(rendition["openapi"], "3.0.3");
    let (mut one, mut other) = (operations(&document), operations(&rendition));
    assert!(one.len() > 50);
    one.iter_mut().chain(&mut other).for_each(|(_, operation)| without_schemas(operation));
    assert_eq!(one.iter().map(|(name, _)| name).collect::<Vec<_>>(), other.iter().map(|(n, _)| n).collect::<Vec<_>>());
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        assert_eq!(one, other, "{name}");
    }
    let names = |document: &Value| -> BTreeSet<String> {
        document["components"]["schemas"].as_object().expect("schemas").keys().cloned().collect()
    };
    assert_eq!(names(&document), names(&rendition));
    assert_eq!(document["components"]["securitySchemes"], rendition["components"]["securitySchemes"]);
    assert_eq!(document["tags"], rendition["tags"]);
}

#[test]
fn it_says_nothing_in_words_that_3_0_does_not_have() {
    let rendition = http_actix::openapi_document_3_0();
    for operation in operations(&rendition).iter().map(|(_, operation)| operation) {
        let ways = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
        assert!(ways.flat_map(serde_json::Map::values).all(|scopes| scopes == &json!([])));
    }
    for (name, schema) in rendition["components"]["schemas"].as_object().expect("schemas") {
        check_words(schema, name);
    }
}

fn check_words(schema: &Value, at: &str) {
    let Some(members) = schema.as_object() else { panic!("{at} is no object: {schema}") };
    assert!(!members.contains_key("$ref") || members.len() == 1, "{at}: something stands beside a reference");
    for (name, value) in members {
        assert!(!ONLY_3_1.contains(&name.as_str()), "{at}: {name}");
        match (name.as_str(), value) {
            ("properties", Value::Object(inner)) => {
                for (name, inner) in inner {
                    check_words(inner, &format!("{at}/{name}"));
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(inner)) => {
                for inner in inner {
                    check_words(inner, at);
                }
            }
            ("items" | "not", inner) | ("additionalProperties", inner @ Value::Object(_)) => check_words(inner, at),
            ("type", value) => assert!(value.is_string() && value != "null", "{at}: {value}"),
            ("nullable", _) => assert!(members.contains_key("type"), "{at}: nullable without a type says nothing"),
            ("exclusiveMinimum" | "exclusiveMaximum", value) => assert!(value.is_boolean(), "{at}: {name}"),
            _ => {}
        }
    }
    assert!(members.get("type").is_none_or(|name| name != "array") || members.contains_key("items"), "{at}");
}

/// A validator of what 3.0 means: JSON Schema as it was in draft 4, and `nullable`.
fn as_3_0(rendition: &Value, schema: &Value) -> Validator {
    let mut root = schema.clone();
    root["components"] = rendition["components"].clone();
    null_among_types(&mut root);
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(false);
    options.build(&root).expect("a schema of draft 4")
}

fn null_among_types(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("nullable") == Some(&Value::Bool(true)) && members.get("type").is_some_and(Value::is_string)
            {
                members["type"] = json!([members["type"], "null"]);
            }
            members.values_mut().for_each(null_among_types);
        }
        Value::Array(items) => items.iter_mut().for_each(null_among_types),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The value with one thing changed, for each thing in it.
fn changed(value: &Value) -> Vec<Value> {
    let mut all: Vec<_> = [json!(null), json!("?"), json!(-1), json!([null]), json!({"?": 1})].into();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let with = |other: Value| {
                    let mut members = members.clone();
                    members.insert(name.clone(), other);
                    Value::Object(members)
                };
                all.extend(changed(member).into_iter().map(with));
                let mut without = members.clone();
                without.remove(name);
                all.push(Value::Object(without));
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                all.extend(changed(first).into_iter().map(|other| json!([other])));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    all
}

#[test]
fn it_takes_what_the_document_takes_and_refuses_what_it_refuses() {
    let (document, rendition) = (http_actix::openapi_document(), http_actix::openapi_document_3_0());
    let (mut taken, mut refused) = (0, 0);
    for ((name, one), (_, other)) in operations(&document).iter().zip(&operations(&rendition)) {
        let bodies = |operation: &Value| {
            let responses =
                operation["responses"].as_object().into_iter().flatten().map(|(_, response)| response.clone());
            let all = std::iter::once(operation["requestBody"].clone()).chain(responses);
            all.map(|described| described["content"]["application/json"].clone()).collect::<Vec<_>>()
        };
        for (one, other) in bodies(one).iter().zip(&bodies(other)) {
            if one["example"].is_null() || other.to_string().contains(NOT_SAID) {
                continue;
            }
            let mut root = one["schema"].clone();
            root["components"] = document["components"].clone();
            let first = jsonschema::options().should_validate_formats(false).build(&root).expect("a schema");
            let second = as_3_0(&rendition, &other["schema"]);
            assert!(second.is_valid(&one["example"]), "{name}: {}", one["example"]);
            for value in changed(&one["example"]) {
                assert_eq!(first.is_valid(&value), second.is_valid(&value), "{name}: {value}");
                *(if first.is_valid(&value) { &mut taken } else { &mut refused }) += 1;
            }
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} were taken and {refused} refused");
}

#[actix_web::test]
async fn the_server_serves_it() {
    let answer = Orrery::new().get("/openapi-3.0.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.expect(200), http_actix::openapi_document_3_0());
}
