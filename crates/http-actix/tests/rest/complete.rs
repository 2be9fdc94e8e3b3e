//! The description of the API leaves nothing out that a reader needs: words, examples, every status of a refusal, and who may call.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::assert_valid;

/// What anybody may ask for.
const PUBLIC: [&str; 4] = ["get /", "get /health", "get /health/ready", "post /api/v1/auth/login"];

/// Whom nobody counts.
const UNCOUNTED: [&str; 3] = ["get /health", "get /health/ready", "get /metrics"];

/// Everything that is missing, one sentence each.
fn gaps(document: &Value) -> Vec<String> {
    let mut gaps = Vec::new();
    let schemes: BTreeSet<_> = members(&document["components"]["securitySchemes"]).map(|(name, _)| name).collect();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            let name = format!("{method} {path}");
            let mut said = |what: String| gaps.push(format!("{name}: {what}"));
            for text in ["summary", "description", "operationId"] {
                if operation[text].as_str().is_none_or(str::is_empty) {
                    said(format!("no {text}"));
                }
            }
            security(&name, operation, &schemes, &mut said);
            inputs(path, operation, &mut said);
            answers(operation, &mut said);
            for status in expected(&name, operation) {
                if operation["responses"][status].is_null() {
                    said(format!("does not tell of {status}"));
                }
            }
        }
    }
    gaps
}

fn security(name: &str, operation: &Value, schemes: &BTreeSet<&String>, said: &mut impl FnMut(String)) {
    let ways = items(&operation["security"]);
    if PUBLIC.contains(&name) {
        if !ways.is_empty() {
            said("asks for credentials".to_owned());
        }
        return;
    }
    let known: BTreeSet<_> = ways.iter().flat_map(|way| members(way).map(|(scheme, _)| scheme)).collect();
    if known != *schemes {
        said(format!("may be called by {known:?} of {schemes:?}"));
    }
    // Whoever reads the list of scopes as something else still finds the right.
    let scopes = ways.first().and_then(|way| members(way).next()).map(|(_, scopes)| scopes[0].clone());
    if scopes != Some(operation["x-required-right"].clone()) {
        said("tells another right in its security than in x-required-right".to_owned());
    }
}

fn inputs(path: &str, operation: &Value, said: &mut impl FnMut(String)) {
    let parameters = items(&operation["parameters"]);
    for parameter in parameters {
        if parameter["description"].as_str().is_none_or(str::is_empty) {
            said(format!("no words about the parameter {}", parameter["name"]));
        }
        if !parameter["schema"].is_object() {
            said(format!("no schema of the parameter {}", parameter["name"]));
        }
    }
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        if !parameters.iter().any(|p| p["name"] == name && p["in"] == "path" && p["required"] == true) {
            said(format!("no parameter {name}"));
        }
    }
    for (kind, media) in members(&operation["requestBody"]["content"]) {
        check_media(&format!("a request of {kind}"), media, said);
    }
}

fn answers(operation: &Value, said: &mut impl FnMut(String)) {
    for (status, response) in members(&operation["responses"]) {
        if response["description"].as_str().is_none_or(str::is_empty) {
            said(format!("no words about {status}"));
        }
        let is_refusal = status.as_str() >= "400";
        if is_refusal && response["content"].get("application/problem+json").is_none() && status != "503" {
            said(format!("{status} is no problem document"));
        }
        for (kind, media) in members(&response["content"]) {
            check_media(&format!("{status} of {kind}"), media, said);
            for (code, example) in members(&media["examples"]).filter(|_| kind == "application/problem+json") {
                let value = &example["value"];
                if value["code"] != **code || !value["status"].as_u64().is_some_and(|told| status.parse() == Ok(told)) {
                    said(format!("the example {code} of {status} is of another code or status"));
                }
            }
        }
        for (header, described) in members(&response["headers"]) {
            if described["description"].as_str().is_none_or(str::is_empty) || !described["schema"].is_object() {
                said(format!("no words about the header {header} of {status}"));
            }
        }
    }
}

fn check_media(what: &str, media: &Value, said: &mut impl FnMut(String)) {
    if !media["schema"].is_object() {
        said(format!("no schema of {what}"));
    }
    if media["example"].is_null() && members(&media["examples"]).next().is_none() {
        said(format!("no example of {what}"));
    }
}

/// The refusals that nothing of the kind goes without.
fn expected(name: &str, operation: &Value) -> Vec<&'static str> {
    let takes_input = operation["requestBody"].is_object() || !items(&operation["parameters"]).is_empty();
    let of_each = [
        (true, &["414", "431", "500"][..]),
        (!UNCOUNTED.contains(&name), &["429"]),
        (!PUBLIC.contains(&name), &["401", "403", "503"]),
        (takes_input, &["422"]),
        (operation["requestBody"].is_object(), &["400", "408", "413", "415"]),
        (name.contains('{'), &["404"]),
    ];
    of_each.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, statuses)| statuses.iter().copied()).collect()
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_description_leaves_nothing_out() {
    let gaps = gaps(&http_actix::openapi_document());
    assert!(gaps.is_empty(), "{gaps:#?}");
}

#[test]
fn every_example_of_a_refusal_and_of_an_answer_fits_its_schema() {
    let mut checked = 0;
    for (_, item) in members(&http_actix::openapi_document()["paths"]) {
        for (_, operation) in members(item) {
            let bodies = members(&operation["responses"]).map(|(_, response)| response);
            for (_, media) in bodies.chain([&operation["requestBody"]]).flat_map(|body| members(&body["content"])) {
                let several = members(&media["examples"]).map(|(_, example)| &example["value"]);
                for example in several.chain(Some(&media["example"]).filter(|example| !example.is_null())) {
                    assert_valid(&media["schema"], example);
                    checked += 1;
                }
            }
            for parameter in items(&operation["parameters"]) {
                let one = Some(&parameter["example"]).filter(|example| !example.is_null());
                for example in one.into_iter().chain(items(&parameter["schema"]["examples"])) {
                    assert_valid(&parameter["schema"], example);
                }
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

/// What is larger than a type can hold would pass the schema and could not be read.
#[test]
fn every_integer_that_is_taken_has_its_bounds() {
    let document = http_actix::openapi_document();
    let operations = members(&document["paths"]).flat_map(|(_, item)| members(item));
    let mut open: Vec<_> =
        operations.flat_map(|(_, operation)| [&operation["parameters"], &operation["requestBody"]]).collect();
    let (mut seen, mut integers) = (BTreeSet::new(), 0);
    while let Some(value) = open.pop() {
        let is_integer = value["type"] == "integer" || items(&value["type"]).iter().any(|name| name == "integer");
        assert!(!is_integer || value["maximum"].is_number(), "{value}");
        integers += usize::from(is_integer);
        if let Some(name) = value["$ref"].as_str().and_then(|target| target.rsplit('/').next())
            && seen.insert(name.to_owned())
        {
            open.push(&document["components"]["schemas"][name]);
        }
        open.extend(
            items(value)
                .iter()
                .chain(members(value).filter(|(name, _)| !name.starts_with("example")).map(|(_, member)| member)),
        );
    }
    assert!(integers > 20, "{integers}");
}

#[test]
fn whatever_is_taken_away_is_missed() {
    let sound = http_actix::openapi_document();
    let execute = "/paths/~1api~1v1~1workflows~1{workflow_id}~1execute/post";
    let json_of = |status: &str, kind: &str| format!("{execute}/responses/{status}/content/application~1{kind}");
    for (object, member) in [
        (execute.to_owned(), "summary"),
        (execute.to_owned(), "description"),
        (execute.to_owned(), "security"),
        (execute.to_owned(), "parameters"),
        (format!("{execute}/requestBody/content/application~1json"), "example"),
        (json_of("202", "json"), "example"),
        (json_of("422", "problem+json"), "examples"),
        (json_of("422", "problem+json"), "schema"),
        (format!("{execute}/responses"), "404"),
        (format!("{execute}/responses"), "429"),
        (format!("{execute}/responses/202/headers/Location"), "description"),
        (format!("{execute}/parameters/0"), "description"),
    ] {
        let mut document = sound.clone();
        let removed = document.pointer_mut(&object).and_then(Value::as_object_mut).and_then(|m| m.remove(member));
        assert!(removed.is_some(), "{object} has no {member}");
        assert!(!gaps(&document).is_empty(), "nobody misses {member} of {object}");
    }
    let mut document = sound.clone();
    document["paths"]["/health"]["get"]["security"] = json!([{"api_key": []}]);
    assert_eq!(gaps(&document), ["get /health: asks for credentials"]);
}
