//! The description of the API.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Orrery, assert_valid};

const OPERATIONS: [&str; 87] = [
    "DELETE /api/v1/agents/{agent_id}",
    "DELETE /api/v1/api-keys/{key_id}",
    "DELETE /api/v1/dlq/{dlq_id}",
    "DELETE /api/v1/schedules/{schedule_id}",
    "DELETE /api/v1/users/{user_id}",
    "DELETE /api/v1/webhooks/{webhook_id}",
    "DELETE /api/v1/workflows/{workflow_id}",
    "DELETE /api/v1/workflows/{workflow_id}/versions/{version}",
    "GET /",
    "GET /api/v1/agents",
    "GET /api/v1/agents/{agent_id}",
    "GET /api/v1/agents/{agent_id}/health",
    "GET /api/v1/api-keys",
    "GET /api/v1/api-keys/{key_id}",
    "GET /api/v1/audit-logs",
    "GET /api/v1/auth/me",
    "GET /api/v1/dlq",
    "GET /api/v1/dlq/{dlq_id}",
    "GET /api/v1/runs",
    "GET /api/v1/runs/events",
    "GET /api/v1/runs/{run_id}",
    "GET /api/v1/runs/{run_id}/events",
    "GET /api/v1/runs/{run_id}/logs",
    "GET /api/v1/runs/{run_id}/steps",
    "GET /api/v1/schedules",
    "GET /api/v1/schedules/{schedule_id}",
    "GET /api/v1/schedules/{schedule_id}/next",
    "GET /api/v1/schedules/{schedule_id}/runs",
    "GET /api/v1/tasks/self",
    "GET /api/v1/tasks/self/input",
    "GET /api/v1/users",
    "GET /api/v1/users/{user_id}",
    "GET /api/v1/webhooks",
    "GET /api/v1/webhooks/{webhook_id}",
    "GET /api/v1/webhooks/{webhook_id}/deliveries",
    "GET /api/v1/workflows",
    "GET /api/v1/workflows/{workflow_id}",
    "GET /api/v1/workflows/{workflow_id}/versions",
    "GET /api/v1/workflows/{workflow_id}/versions/{version}",
    "GET /api/v1/workflows/{workflow_id}/versions/{version}/diff/{other}",
    "GET /health",
    "GET /health/ready",
    "GET /metrics",
    "POST /api/v1/agents",
    "POST /api/v1/api-keys",
    "POST /api/v1/api-keys/{key_id}/rotate",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/password",
    "POST /api/v1/auth/revoke",
    "POST /api/v1/auth/token",
    "POST /api/v1/dlq/bulk-replay",
    "POST /api/v1/dlq/{dlq_id}/replay",
    "POST /api/v1/events",
    "POST /api/v1/runs/bulk-cancel",
    "POST /api/v1/runs/bulk-retry",
    "POST /api/v1/runs/{run_id}/cancel",
    "POST /api/v1/runs/{run_id}/events",
    "POST /api/v1/runs/{run_id}/pause",
    "POST /api/v1/runs/{run_id}/rerun",
    "POST /api/v1/runs/{run_id}/retry",
    "POST /api/v1/runs/{run_id}/skip",
    "POST /api/v1/runs/{run_id}/unpause",
    "POST /api/v1/schedules",
    "POST /api/v1/schedules/preview",
    "POST /api/v1/schedules/{schedule_id}/pause",
    "POST /api/v1/schedules/{schedule_id}/resume",
    "POST /api/v1/schedules/{schedule_id}/trigger",
    "POST /api/v1/tasks/self/events",
    "POST /api/v1/tasks/self/report",
    "POST /api/v1/users",
    "POST /api/v1/webhooks",
    "POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    "POST /api/v1/webhooks/{webhook_id}/disable",
    "POST /api/v1/webhooks/{webhook_id}/enable",
    "POST /api/v1/webhooks/{webhook_id}/rotate-secret",
    "POST /api/v1/webhooks/{webhook_id}/test",
    "POST /api/v1/workflows",
    "POST /api/v1/workflows/validate",
    "POST /api/v1/workflows/{workflow_id}/execute",
    "POST /api/v1/workflows/{workflow_id}/rollback",
    "POST /api/v1/workflows/{workflow_id}/test",
    "PUT /api/v1/agents/{agent_id}",
    "PUT /api/v1/schedules/{schedule_id}",
    "PUT /api/v1/users/{user_id}",
    "PUT /api/v1/webhooks/{webhook_id}",
    "PUT /api/v1/workflows/{workflow_id}",
    "PUT /api/v1/workflows/{workflow_id}/versions/{version}",
];

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let operations = item.as_object().expect("operations").iter();
            operations.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

#[test]
fn every_route_is_described() {
    let document = http_actix::openapi_document();
    let mut described: Vec<_> = operations(&document).into_iter().map(|(name, _)| name).collect();
    described.sort();
    assert_eq!(described, OPERATIONS);
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn every_operation_has_words_examples_and_its_problems() {
    let document = http_actix::openapi_document();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for member in ["summary", "description", "operationId"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member}");
        }
        assert!(ids.insert(operation["operationId"].to_string()), "{name}: an id is used twice");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        let responses = operation["responses"].as_object().expect("responses");
        assert!(responses.contains_key("500"), "{name}");
        // What credentials are worth is read from the store.
        let (expects_store, logs_in) = (operation.get("security").is_some(), name == "POST /api/v1/auth/login");
        assert_eq!(responses.contains_key("503"), expects_store || logs_in || name == "GET /health/ready", "{name}");
        assert_eq!(responses.contains_key("401"), expects_store || logs_in, "{name}");
        assert_eq!(responses.contains_key("403"), expects_store, "{name}");
        // Those too that take no body look whether one was sent.
        assert_eq!(responses.contains_key("413"), name.starts_with("POST ") || name.starts_with("PUT "), "{name}");
        assert!(responses.contains_key("404") || !name.contains('{'), "{name}");
        assert!(responses.contains_key("422") || !(name.contains('{') || name.starts_with('P')), "{name}");
    }
}

#[test]
fn every_example_fits_its_schema() {
    let document = http_actix::openapi_document();
    for (name, operation) in operations(&document) {
        let body = &operation["requestBody"]["content"]["application/json"];
        if !body.is_null() {
            assert!(!body["example"].is_null(), "{name} has no example of a request");
            assert_valid(&body["schema"], &body["example"]);
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            for media in response["content"].as_object().into_iter().flat_map(|content| content.values()) {
                let example = Some(&media["example"]).filter(|example| !example.is_null());
                let examples =
                    media["examples"].as_object().into_iter().flat_map(|all| all.values().map(|e| &e["value"]));
                let all: Vec<_> = example.into_iter().chain(examples).collect();
                assert!(!all.is_empty() || status == "503", "{name} has no example of {status}");
                for example in all {
                    assert_valid(&media["schema"], example);
                }
            }
        }
    }
}

#[actix_web::test]
async fn every_example_of_a_request_passes_the_door() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let document = http_actix::openapi_document();
    for (name, operation) in operations(&document) {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        if example.is_null() {
            continue;
        }
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let id = "0190c0de-0000-7000-8000-000000000001";
        let path = path.replace("{version}", "1");
        let path =
            path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect::<Vec<_>>().join("/");
        let mut example = example.clone();
        // What is to be run must be there.
        if let Some(id) = example.get_mut("workflow_id") {
            *id = workflow.clone().into();
        }
        let answer = match method {
            "POST" => orrery.post(&path, example).await,
            _ => orrery.put(&path, example).await,
        };
        assert_ne!(answer.status, 422, "{name}: {}", answer.text());
    }
}

#[test]
fn nothing_is_described_that_nobody_refers_to_and_nothing_is_missing() {
    let document = http_actix::openapi_document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for name in schemas.keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name}");
    }
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name}");
    }
    assert!(!text.contains("\"default\":null"));
}

#[test]
fn the_document_is_the_same_every_time() {
    let (one, two) = (http_actix::openapi_document(), http_actix::openapi_document());
    assert_eq!(one.to_string(), two.to_string());
    assert!(one.to_string().starts_with(r#"{"components":"#), "members are sorted");
}

#[actix_web::test]
async fn the_server_serves_the_document() {
    let orrery = Orrery::new();
    let answer = orrery.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.expect(200), http_actix::openapi_document());
}
