//! Callers who see statuses and no data.

use serde_json::Value;

use crate::{
    callers::{self, BLIND},
    rights::{Furnished, operations},
};

/// Every member that the description marks, and whether its marker is beside it.
fn payloads<'a>(value: &'a Value, names: &[String], found: &mut Vec<(&'a str, &'a Value, bool)>) {
    match value {
        Value::Object(members) => {
            let marked = members.get("payloads_hidden") == Some(&Value::Bool(true));
            for (name, member) in members {
                if names.contains(name) {
                    found.push((name, member, marked));
                } else {
                    payloads(member, names, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| payloads(item, names, found)),
        _ => {}
    }
}

/// The names of all members that hold data.
fn names() -> Vec<String> {
    fn collect(value: &Value, names: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            let payloads = properties.iter().filter(|(_, schema)| schema["x-payload"] == true);
            names.extend(payloads.map(|(name, _)| name.clone()));
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| collect(member, names)),
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    collect(&http_actix::openapi_document(), &mut names);
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_members_that_hold_data_are_known() {
    let known = ["correlation", "detail", "error_message", "failure_reason", "input", "input_data", "output_data"];
    assert_eq!(names(), known);
}

#[test]
fn nothing_of_any_form_is_answered_that_is_not_marked() {
    fn look(value: &Value, at: &str, unmarked: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (name, schema) in properties {
                let form = ["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"];
                let any = schema.as_bool() == Some(true) || form.iter().all(|keyword| schema.get(keyword).is_none());
                if any && schema.get("x-payload").is_none() {
                    unmarked.push(format!("{at}.{name}"));
                }
            }
        }
        if let Value::Object(members) = value {
            members.iter().for_each(|(name, member)| look(member, name, unmarked));
        }
    }
    let document = http_actix::openapi_document();
    // What only requests are made of may have any form.
    let mut answered = std::collections::BTreeSet::new();
    let mut open: Vec<Value> = Vec::new();
    for item in document["paths"].as_object().expect("paths").values() {
        open.extend(item.as_object().expect("operations").values().map(|operation| operation["responses"].clone()));
    }
    while let Some(next) = open.pop() {
        let text = next.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default().to_owned();
            if answered.insert(name.clone()) {
                open.push(document["components"]["schemas"][&name].clone());
            }
        }
    }
    let mut unmarked = Vec::new();
    for name in &answered {
        look(&document["components"]["schemas"][name], name, &mut unmarked);
    }
    // Not data: what a workflow's author has written, what an agent tells of itself, and the audit log, which masks data itself.
    let definitions = ["WorkflowData.", "VersionChange.", "AgentHealth.agent_card", "AuditLogEntry.changes"];
    unmarked.retain(|place| !definitions.iter().any(|known| place.starts_with(known)));
    assert!(unmarked.is_empty(), "{unmarked:#?}");
}

#[actix_web::test]
async fn nobody_searches_errors_that_are_hidden_from_them() {
    let furnished = Furnished::new().await;
    let searches = "/api/v1/runs?error_contains=secret";
    furnished.get(searches, BLIND).await.problem(403, "out_of_scope");
    let seen = furnished.get(searches, &callers::key_of(domain::access::Role::Admin)).await.expect(200);
    assert_eq!(seen["total"], 1);
    for name in ["POST /api/v1/runs/bulk-cancel", "POST /api/v1/runs/bulk-retry"] {
        let operation = operations().into_iter().find(|operation| operation.name == name).expect("it is declared");
        let body = serde_json::json!({"filter": {"error_contains": "secret"}, "dry_run": true});
        let path = furnished.path(&operation);
        furnished.send(&operation, &path, body, Some(BLIND)).await.problem(403, "out_of_scope");
    }
}

#[actix_web::test]
async fn data_is_hidden_in_every_answer_that_has_some_and_statuses_are_not() {
    let names = names();
    let mut with_data = Vec::new();
    for operation in operations().iter().filter(|operation| operation.right.is_some()) {
        let seen = Furnished::new().await.call(operation, Some(&callers::key_of(domain::access::Role::Admin))).await;
        let hidden = Furnished::new().await.call(operation, Some(BLIND)).await;
        if !seen.status.is_success() || !seen.header("content-type").starts_with("application/json") {
            continue;
        }
        if operation.right == Some(domain::access::Right::AccessManage) && hidden.status == 403 {
            // Who sees no data gives nobody sight of it.
            hidden.problem(403, "out_of_scope");
            continue;
        }
        assert_eq!(seen.status, hidden.status, "{}", operation.name);
        let (seen, hidden) = (seen.json(), hidden.json());
        let (mut data, mut blanks) = (Vec::new(), Vec::new());
        payloads(&seen, &names, &mut data);
        payloads(&hidden, &names, &mut blanks);
        // The name of a member says nothing where the description does not mark it: a card's `detail`.
        if blanks.iter().any(|(_, _, marked)| *marked) {
            assert!(
                blanks.iter().all(|(_, value, marked)| value.is_null() && *marked),
                "{}: {hidden:#}",
                operation.name
            );
            if data.iter().all(|(_, value, _)| value.is_null()) {
                // It has nothing to hide here: the message of a tick whose run was started.
                continue;
            }
            assert_eq!(seen["status"], hidden["status"]);
            with_data.push(operation.name.clone());
        }
        assert!(!hidden.to_string().contains("secret reason"), "{}: {hidden:#}", operation.name);
    }
    for expected in [
        "GET /api/v1/runs",
        "GET /api/v1/runs/{run_id}",
        "GET /api/v1/runs/{run_id}/steps",
        "GET /api/v1/dlq",
        "GET /api/v1/dlq/{dlq_id}",
        "POST /api/v1/dlq/{dlq_id}/replay",
        "POST /api/v1/runs/{run_id}/retry",
        "POST /api/v1/workflows/{workflow_id}/execute",
    ] {
        assert!(with_data.iter().any(|name| name == expected), "{expected} is not among {with_data:#?}");
    }
}
