//! Builds the OpenAPI document from the declared routes.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use aide::openapi::{
    Example, Info, License, MediaType, OpenApi, Operation, PathItem, Paths, ReferenceOr, Response, SchemaObject,
    SecurityRequirement, StatusCode, Tag,
};
use domain::access::Access;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    About, Output, body, hidden,
    input::{Draft, Input},
    once,
};
use crate::{
    limits::is_exempt,
    problem::{Code, Occurrence, PROBLEM_JSON, ProblemDocument},
};

/// The document while it is built. Requests and answers have generators of their own, because the same type may look
/// different from the two sides: a member with a default need not be sent, but is always answered.
pub(super) struct DocumentBuilder {
    document: OpenApi,
    requests: SchemaGenerator,
    responses: SchemaGenerator,
}

impl DocumentBuilder {
    pub(super) fn new(title: &str, version: &str, description: &str) -> Self {
        let license = License { name: "MIT OR Apache-2.0".into(), ..License::default() };
        let info = Info {
            title: title.to_owned(),
            version: version.to_owned(),
            description: Some(description.to_owned()),
            license: Some(license),
            ..Info::default()
        };
        let settings = || {
            SchemaSettings::draft2020_12().with(|s| {
                s.definitions_path = "/components/schemas".into();
                s.meta_schema = None;
            })
        };
        Self {
            document: OpenApi { info, paths: Some(Paths::default()), ..OpenApi::default() },
            requests: settings().for_deserialize().into_generator(),
            responses: settings().for_serialize().into_generator(),
        }
    }

    pub(super) fn tag(&mut self, name: &str, description: &str) {
        let description = Some(description.to_owned());
        self.document.tags.push(Tag { name: name.to_owned(), description, ..Tag::default() });
    }

    pub(super) fn operation<In: Input, Out: Output>(
        &mut self,
        method: &Method,
        path: &str,
        access: Access,
        name: &str,
        about: About,
    ) {
        let operation = Operation {
            tags: vec![about.tag.to_owned()],
            summary: Some(about.summary.to_owned()),
            description: Some(about.description.to_owned()),
            operation_id: Some(name.to_owned()),
            security: security(access),
            extensions: required_right(access).into_iter().collect(),
            ..Operation::default()
        };
        let mut problems: BTreeSet<Code> = about.problems.into_iter().chain(refusals(access).iter().copied()).collect();
        // The gate stands before every operation.
        problems.extend([Code::UriTooLong, Code::HeadersTooLarge]);
        // A query is refused even where none is taken.
        problems.insert(Code::ValidationFailed);
        if !is_exempt(path) {
            problems.insert(Code::RateLimited);
        }
        let mut draft = Draft { requests: &mut self.requests, operation, problems };
        In::describe(&mut draft);
        if draft.operation.request_body.is_none() && matches!(*method, Method::POST | Method::PUT) {
            body::describe_none(&mut draft);
        }
        let Draft { mut operation, mut problems, .. } = draft;
        if let (Some(ReferenceOr::Item(body)), Some(example)) = (&mut operation.request_body, about.request) {
            body.content.values_mut().for_each(|media| media.example = Some(example.clone()));
        }
        let responses = &mut operation.responses.get_or_insert_default().responses;
        for (status, mut response) in Out::describe(&mut self.responses) {
            let own = about.responses.iter().find(|(of, _)| *of == status).map(|(_, example)| example);
            if let (200..300, Some(example)) = (status, own.or(about.response.as_ref())) {
                // A stream has an example of its own.
                let without = response.content.values_mut().filter(|media| media.example.is_none());
                without.for_each(|media| media.example = Some(example.clone()));
            }
            responses.insert(StatusCode::Code(status), ReferenceOr::Item(response));
        }
        if once::applies(method, access) {
            problems.extend(once::describe(&mut operation));
        }
        let responses = &mut operation.responses.get_or_insert_default().responses;
        for (status, response) in problem_responses(&mut self.responses, path, &problems) {
            responses.entry(StatusCode::Code(status)).or_insert(ReferenceOr::Item(response));
        }
        self.place(method, path, operation);
    }

    fn place(&mut self, method: &Method, path: &str, operation: Operation) {
        let paths = &mut self.document.paths.get_or_insert_default().paths;
        let item = paths.entry(path.to_owned()).or_insert_with(|| ReferenceOr::Item(PathItem::default()));
        let ReferenceOr::Item(item) = item else { unreachable!("only items are inserted") };
        let slot = match method.as_str() {
            "GET" => &mut item.get,
            "POST" => &mut item.post,
            "PUT" => &mut item.put,
            "DELETE" => &mut item.delete,
            other => panic!("{other} is not supported"),
        };
        assert!(slot.replace(operation).is_none(), "{method} {path} is declared twice");
    }

    /// The finished document.
    pub(super) fn finish(mut self) -> Value {
        let mut schemas = self.requests.take_definitions(true);
        for (name, schema) in self.responses.take_definitions(true) {
            let other = schemas.insert(name.clone(), schema.clone());
            assert!(other.is_none_or(|other| other == schema), "two different schemas are called {name}");
        }
        // Types and texts of our own: the document always has a JSON form.
        let mut document = serde_json::to_value(&self.document).unwrap_or_default();
        prune(&document, &mut schemas);
        document["components"] = json!({"schemas": schemas, "securitySchemes": security_schemes()});
        drop_null_defaults(&mut document);
        hidden::describe(&mut document);
        document.sort_all_objects();
        document
    }
}

/// The ways to be known.
fn security_schemes() -> Value {
    json!({
        "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of this server, a token of the organisation's identity provider, or an API key.",
        },
    })
}

/// How one may be known for an operation.
fn security(access: Access) -> Vec<SecurityRequirement> {
    let rights = match access {
        Access::Public => return Vec::new(),
        Access::Known => Vec::new(),
        Access::Needs(right) => vec![right.as_str().to_owned()],
    };
    ["api_key", "bearer"].map(|scheme| [(scheme.to_owned(), rights.clone())].into_iter().collect()).into()
}

/// What the guard may answer.
fn refusals(access: Access) -> &'static [Code] {
    match access {
        Access::Public => &[],
        Access::Known => &[Code::Unauthenticated, Code::CrossOrigin, Code::UnknownHost, Code::StoreUnavailable],
        Access::Needs(_) => &[
            Code::Unauthenticated,
            Code::Forbidden,
            Code::OutOfScope,
            Code::TokenRestricted,
            Code::CrossOrigin,
            Code::UnknownHost,
            Code::StoreUnavailable,
            Code::AccessUndecided,
        ],
    }
}

/// The right by itself: a list of scopes means something else to some readers of `security`.
fn required_right(access: Access) -> Option<(String, Value)> {
    match access {
        Access::Public | Access::Known => None,
        Access::Needs(right) => Some(("x-required-right".to_owned(), right.as_str().into())),
    }
}

/// One answer per status, with an example for each of its codes.
fn problem_responses(schemas: &mut SchemaGenerator, path: &str, codes: &BTreeSet<Code>) -> BTreeMap<u16, Response> {
    let mut responses: BTreeMap<u16, (Vec<&str>, MediaType)> = BTreeMap::new();
    for code in codes {
        let (titles, media) = responses.entry(code.status()).or_insert_with(|| {
            let json_schema = schemas.subschema_for::<ProblemDocument<'static>>();
            let schema = Some(SchemaObject { json_schema, example: None, external_docs: None });
            (Vec::new(), MediaType { schema, ..MediaType::default() })
        });
        titles.push(code.title());
        let occurrence = Occurrence {
            timestamp: "2026-01-31T12:00:00.000000Z".to_owned(),
            path: path.to_owned(),
            request_id: "0190c0de-0000-7000-8000-00000000000f".to_owned(),
        };
        let value = serde_json::to_value(ProblemDocument::new(*code, code.meaning(), &[], occurrence)).ok();
        let summary = Some(code.title().to_owned());
        let example = Example { summary, value, ..Example::default() };
        media.examples.insert(code.as_str().to_owned(), ReferenceOr::Item(example));
    }
    let response = |(titles, media): (Vec<&str>, MediaType)| {
        let content = [(PROBLEM_JSON.to_owned(), media)].into_iter().collect();
        Response { description: titles.join("; "), content, ..Response::default() }
    };
    responses.into_iter().map(|(status, parts)| (status, response(parts))).collect()
}

/// Drops the schemas to which nothing refers.
fn prune(document: &Value, schemas: &mut Map<String, Value>) {
    let mut used = BTreeSet::new();
    let mut open = vec![document.clone()];
    while let Some(next) = open.pop() {
        let mut found = BTreeSet::new();
        references(&next, &mut found);
        open.extend(found.difference(&used).filter_map(|name| schemas.get(name).cloned()).collect::<Vec<_>>());
        used.extend(found);
    }
    schemas.retain(|name, _| used.contains(name));
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let name =
                members.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"));
            found.extend(name.map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `"default": null` only says that a member may be absent, and says it wrongly where null is not allowed.
fn drop_null_defaults(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("default") == Some(&Value::Null) {
                members.remove("default");
            }
            members.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
