//! Changes of the description of which it is known whether they break clients.

use serde_json::{Value, json};

/// A change, and the rule of oasdiff that must name it; none where nobody is broken.
pub(super) struct Planted {
    pub(super) what: &'static str,
    pub(super) rule: Option<&'static str>,
    pub(super) change: fn(&mut Value),
}

const fn breaks(what: &'static str, rule: &'static str, change: fn(&mut Value)) -> Planted {
    Planted { what, rule: Some(rule), change }
}

const fn harmless(what: &'static str, change: fn(&mut Value)) -> Planted {
    Planted { what, rule: None, change }
}

pub(super) const ALL: [Planted; 16] = [
    breaks("an operation is removed", "api-removed-without-deprecation", |d| {
        remove(&mut d["paths"]["/api/v1/dlq"], "get");
    }),
    breaks("a path is removed", "api-path-removed-without-deprecation", |d| {
        remove(&mut d["paths"], "/api/v1/runs/{run_id}");
    }),
    breaks("a request needs a new member", "new-required-request-property", |d| {
        let schema = schema(d, "CreateWorkflow");
        schema["properties"]["planted"] = json!({"type": "string"});
        push(&mut schema["required"], "planted");
    }),
    breaks("a member of a request becomes required", "request-property-became-required", |d| {
        push(&mut schema(d, "CreateWorkflow")["required"], "description");
    }),
    breaks("a member of a request is removed", "request-property-removed", |d| {
        remove(&mut schema(d, "CreateWorkflow")["properties"], "description");
    }),
    breaks("a required member of an answer is removed", "response-required-property-removed", |d| {
        let schema = schema(d, "Agent");
        remove(&mut schema["properties"], "status");
        drop_text(&mut schema["required"], "status");
    }),
    breaks("a member of an answer that may be absent is removed", "response-optional-property-removed", |d| {
        remove(&mut schema(d, "Problem")["properties"], "required_right");
    }),
    breaks("fewer values are taken", "request-property-enum-value-removed", |d| {
        drop_text(&mut schema(d, "CreateWorkflow")["properties"]["status"]["enum"], "draft");
    }),
    breaks("a parameter becomes required", "request-parameter-became-required", |d| {
        parameter(d, "status")["required"] = json!(true);
    }),
    breaks("a parameter is removed", "request-parameter-removed", |d| {
        let parameters = d["paths"]["/api/v1/runs"]["get"]["parameters"].as_array_mut().expect("parameters");
        parameters.retain(|parameter| parameter["name"] != "status");
    }),
    breaks("a member of an answer may be absent", "response-property-became-optional", |d| {
        drop_text(&mut schema(d, "Run")["required"], "status");
    }),
    breaks("a member of an answer may be null", "response-property-became-nullable", |d| {
        schema(d, "Run")["properties"]["status"]["type"] = json!(["string", "null"]);
    }),
    harmless("an operation is added", |d| {
        let answer = json!({"description": "OK"});
        d["paths"]["/api/v1/planted"] = json!({"get": {"operationId": "planted", "responses": {"200": answer}}});
    }),
    harmless("a member that may be absent is added to a request", |d| {
        schema(d, "CreateWorkflow")["properties"]["planted"] = json!({"type": "string"});
    }),
    harmless("a member is added to an answer", |d| {
        let schema = schema(d, "Agent");
        schema["properties"]["planted"] = json!({"type": "string"});
        push(&mut schema["required"], "planted");
    }),
    harmless("words change", |d| schema(d, "Agent")["description"] = json!("Planted.")),
];

fn schema<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut document["components"]["schemas"][name]
}

/// A parameter of the list of runs.
fn parameter<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    let parameters = document["paths"]["/api/v1/runs"]["get"]["parameters"].as_array_mut();
    parameters
        .into_iter()
        .flatten()
        .find(|parameter| parameter["name"] == name)
        .expect("the list of runs has this parameter")
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().and_then(|members| members.remove(name)).expect("there is such a member");
}

fn push(list: &mut Value, text: &str) {
    list.as_array_mut().expect("a list").push(text.into());
}

fn drop_text(list: &mut Value, text: &str) {
    list.as_array_mut().expect("a list").retain(|item| item != text);
}
