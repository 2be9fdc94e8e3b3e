//! The audit log over HTTP: what each request leaves in it, and how it is read.

use serde_json::{Value, json};

use crate::support::{Orrery, workflow};

const LOG: &str = "/api/v1/audit-logs";

async fn items(orrery: &Orrery, query: &str) -> Vec<Value> {
    let page = orrery.get(&format!("{LOG}?page_size=100{query}")).await.expect(200);
    assert!(page.get("next_cursor").is_none(), "{page}");
    page["items"].as_array().expect("items").clone()
}

/// Action and kind of thing of each row, oldest first.
async fn told(orrery: &Orrery, query: &str) -> Vec<(String, String)> {
    let text = |row: &Value, member: &str| row[member].as_str().expect("a text").to_owned();
    let rows = items(orrery, query).await;
    rows.iter().rev().map(|row| (text(row, "action"), text(row, "entity_type"))).collect()
}

fn did(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(action, kind)| ((*action).to_owned(), (*kind).to_owned())).collect()
}

#[actix_web::test]
async fn every_change_of_an_agent_tells_its_members_and_no_secret() {
    let orrery = Orrery::new();
    let new = json!({"name": "A", "url": "http://a/", "auth_type": "bearer", "auth_config": {"token": "s3cret"}});
    let agent = orrery.post("/api/v1/agents", new).await.expect(201);
    let path = format!("/api/v1/agents/{}", agent["id"].as_str().expect("an id"));
    let change = json!({"timeout_ms": 5000, "auth_config": {"token": "0ther"}});
    orrery.put(&path, change).await.expect(200);
    orrery.delete(&path).await.expect(200);
    assert_eq!(told(&orrery, "").await, did(&[("create", "agent"), ("update", "agent"), ("delete", "agent")]));
    let rows = items(&orrery, "").await;
    assert_eq!(rows[1]["changes"]["timeout_ms"], json!({"before": 30000, "after": 5000}));
    assert_eq!(rows[1]["changes"]["auth_config"], json!({"before": "***", "after": "***"}));
    assert_eq!(rows[0]["changes"], json!({"status": {"before": "active", "after": "deleted"}}));
    assert_eq!((&rows[0]["entity_id"], &rows[0]["entity_name"]), (&agent["id"], &json!("A")));
    let all = Value::from(rows).to_string();
    assert!(!all.contains("s3cret") && !all.contains("0ther"), "{all}");
}

#[actix_web::test]
async fn every_change_of_a_workflow_and_its_versions_is_told() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    let path = format!("/api/v1/workflows/{id}");
    let mut next = workflow("w");
    next.as_object_mut().expect("an object").remove("name");
    next["steps"]["one"]["input_mapping"] = json!({"y": "${workflow.input.x}"});
    orrery.put(&path, next).await.expect(200);
    let status = json!({"status": "deprecated"});
    orrery.put(&format!("{path}/versions/1"), status).await.expect(200);
    orrery.post(&format!("{path}/rollback"), json!({"version": 1})).await.expect(201);
    orrery.delete(&format!("{path}/versions/1")).await.expect(200);
    orrery.delete(&path).await.expect(200);
    let actions = ["create", "update", "change_status", "roll_back", "delete_version", "delete"];
    let expected: Vec<_> = actions.into_iter().map(|action| (action, "workflow")).collect();
    assert_eq!(told(&orrery, "&entity_type=workflow").await, did(&expected));
    let rows = items(&orrery, &format!("&entity_id={id}")).await;
    assert_eq!(rows.len(), 6, "all of them are about the workflow");
    let update = &rows[4]["changes"];
    assert_eq!(update["version"], json!({"before": 1, "after": 2}));
    let places = update["document"]["changed"].to_string();
    assert!(places.contains("/steps/one/input_mapping/y"), "{places}");
}

#[actix_web::test]
async fn every_change_of_a_run_is_told_and_what_was_refused_is_not() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    let path = format!("/api/v1/runs/{run}");
    orrery.post(&format!("{path}/pause"), json!({})).await.expect(202);
    orrery.post(&format!("{path}/unpause"), json!({})).await.expect(202);
    orrery.post(&format!("{path}/events"), json!({"event": "go", "data": {"card": "4711"}})).await.expect(202);
    orrery.post(&format!("{path}/cancel"), json!({"reason": "no need"})).await.expect(200);
    orrery.post(&format!("{path}/cancel"), json!({})).await.problem(400, "run_not_cancellable");
    orrery.post(&format!("{path}/retry"), json!({})).await.expect(202);
    orrery.post(&format!("{path}/retry"), json!({})).await.problem(400, "run_not_retryable");
    let actions = ["execute", "pause", "unpause", "raise_event", "cancel", "retry"];
    let expected: Vec<_> = actions.into_iter().map(|action| (action, "run")).collect();
    assert_eq!(told(&orrery, &format!("&entity_type=run&entity_id={run}")).await, did(&expected));
    let rows = items(&orrery, &format!("&entity_id={run}")).await;
    assert_eq!(rows[5]["entity_name"], "w");
    assert_eq!(rows[5]["changes"]["workflow_version"], json!({"after": 1}));
    assert_eq!(rows[1]["changes"]["reason"], json!({"after": "no need"}));
    assert_eq!(rows[0]["changes"]["status"], json!({"before": "CANCELLED", "after": "PENDING"}));
    assert!(!Value::from(rows).to_string().contains("4711"), "payloads are not told");
}

#[actix_web::test]
async fn one_request_for_many_runs_leaves_a_row_for_each_that_is_changed() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let (one, two) = (orrery.run(&workflow).await, orrery.run(&workflow).await);
    orrery.post(&format!("/api/v1/runs/{one}/cancel"), json!({})).await.expect(200);
    let wanted = json!({"run_ids": [one, two], "dry_run": true});
    orrery.post("/api/v1/runs/bulk-cancel", wanted.clone()).await.expect(200);
    assert_eq!(items(&orrery, "&action=cancel").await.len(), 1, "a dry run changes nothing");
    orrery.post("/api/v1/runs/bulk-cancel", json!({"run_ids": [one, two]})).await.expect(200);
    let rows = items(&orrery, "&action=cancel").await;
    assert_eq!((rows.len(), &rows[0]["entity_id"]), (2, &json!(two)));
    assert!(rows[0]["bulk_id"].is_string() && rows[1]["bulk_id"].is_null());
}

#[actix_web::test]
async fn a_dead_letter_that_is_replayed_and_one_that_is_deleted_are_told() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    let letter = orrery.fails(&run, "HTTP 503");
    orrery.post(&format!("/api/v1/dlq/{letter}/replay"), json!({})).await.expect(202);
    orrery.delete(&format!("/api/v1/dlq/{letter}")).await.expect(200);
    let told = told(&orrery, &format!("&entity_id={letter}")).await;
    assert_eq!(told, did(&[("replay", "dead_letter"), ("delete", "dead_letter")]));
    assert_eq!(items(&orrery, "&action=execute").await.len(), 2, "the new run is a start like any other");
}

#[actix_web::test]
async fn the_log_is_read_page_by_page_and_narrowed() {
    let orrery = Orrery::new();
    for name in ["A", "B", "C"] {
        orrery.agent(name).await;
        orrery.clock.advance(std::time::Duration::from_mins(1));
    }
    let first = orrery.get(&format!("{LOG}?page_size=2")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = orrery.get(&format!("{LOG}?page_size=2&cursor={cursor}")).await.expect(200);
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items");
        items.iter().map(|row| row["entity_name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!((names(&first), names(&second)), (vec!["C".into(), "B".into()], vec!["A".into()]));
    assert!(second.get("next_cursor").is_none());
    let after = first["items"][1]["created_at"].as_str().expect("a time");
    assert_eq!(items(&orrery, &format!("&created_after={after}")).await.len(), 2);
    assert_eq!(items(&orrery, "&user=system").await.len(), 3);
    assert_eq!(items(&orrery, "&user=nobody").await.len(), 0);
}

#[actix_web::test]
async fn what_is_asked_wrongly_is_refused_with_its_place() {
    let orrery = Orrery::new();
    for (query, place) in [
        ("cursor=7", "query.cursor"),
        ("action=dance", "query.action"),
        ("entity_type=planet", "query.entity_type"),
        ("page_size=101", "query.page_size"),
        ("created_after=yesterday", "query.created_after"),
        ("page=2", "query.page"),
    ] {
        assert_eq!(orrery.get(&format!("{LOG}?{query}")).await.mistakes()[0].0, place, "{query}");
    }
}
