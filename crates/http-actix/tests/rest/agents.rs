//! Agents.

use serde_json::{Value, json};

use crate::support::Orrery;

const AGENTS: &str = "/api/v1/agents";
const UNKNOWN: &str = "/api/v1/agents/0190c0de-0000-7000-8000-00000000dead";

fn at(id: &Value) -> String {
    format!("{AGENTS}/{}", id.as_str().expect("an id"))
}

#[actix_web::test]
async fn a_new_agent_comes_back_with_the_defaults_and_its_place() {
    let orrery = Orrery::new();
    let answer = orrery.post(AGENTS, json!({"name": "A", "url": "HTTP://Agent:8080"})).await;
    let agent = answer.expect(201);
    assert_eq!(answer.header("location"), at(&agent["id"]));
    let mut expected = json!({
        "name": "A", "url": "http://agent:8080/", "description": null, "auth_type": "none", "auth_config": null,
        "timeout_ms": 30000, "circuit_breaker_config": null, "max_concurrent_calls": null, "status": "active",
        "retry_config": {"max_retries": 3, "initial_delay_ms": 1000, "max_delay_ms": 30000, "backoff_multiplier": 2.0},
        "created_at": "2026-01-31T12:00:00.123456Z", "updated_at": "2026-01-31T12:00:00.123456Z",
        "created_by": "system", "updated_by": null,
    });
    expected["id"] = agent["id"].clone();
    assert_eq!(agent, expected);
    assert_eq!(orrery.get(&at(&agent["id"])).await.expect(200), agent);
}

#[actix_web::test]
async fn a_name_can_be_taken_once_and_stays_taken() {
    let orrery = Orrery::new();
    let id = orrery.agent("A").await;
    let deleted = orrery.delete(&format!("{AGENTS}/{id}")).await.expect(200);
    assert_eq!(deleted["message"], "Agent 'A' deleted successfully");
    assert_eq!(deleted["data"], Value::Null);
    let problem = orrery.post(AGENTS, json!({"name": "A", "url": "http://h"})).await.problem(400, "agent_name_taken");
    assert_eq!(problem["detail"], "Agent with name 'A' already exists: it is deleted, and keeps its name");
    assert_eq!((&problem["error"], &problem["errors"][0]["pointer"]), (&json!("Bad Request"), &json!("/name")));
    orrery.agent("B").await;
    let problem = orrery.post(AGENTS, json!({"name": "B", "url": "http://h"})).await.problem(400, "agent_name_taken");
    assert_eq!(problem["detail"], "Agent with name 'B' already exists");
    // Deleting again changes nothing; the agent stays readable.
    assert_eq!(orrery.delete(&format!("{AGENTS}/{id}")).await.status, 200);
    let agent = orrery.get(&format!("{AGENTS}/{id}")).await.expect(200);
    assert_eq!((&agent["status"], &agent["updated_by"]), (&json!("deleted"), &json!("system")));
}

#[actix_web::test]
async fn secrets_go_in_and_never_come_out() {
    let orrery = Orrery::new();
    let answer = orrery
        .post(
            AGENTS,
            json!({"name": "B", "url": "http://h", "auth_type": "Bearer", "auth_config": {"token": "s3cret"}}),
        )
        .await;
    let bearer = answer.expect(201);
    assert_eq!(bearer["auth_config"], json!({"type": "bearer", "configured": true}));
    let key = json!({"type": "apikey", "key": "s3cret", "header_name": "X-Key"});
    let keyed = orrery.post(AGENTS, json!({"name": "K", "url": "http://h", "auth_config": key})).await.expect(201);
    assert_eq!(keyed["auth_type"], "apikey");
    assert_eq!(keyed["auth_config"], json!({"type": "apikey", "header_name": "X-Key", "configured": true}));
    let changed = orrery.put(&at(&bearer["id"]), json!({"auth_config": {"token": "s3cret2"}})).await;
    let refused = orrery
        .post(
            AGENTS,
            json!({"name": "C", "url": "http://h", "auth_type": "bearer", "auth_config": {"token": "s3cret\n"}}),
        )
        .await;
    assert_eq!(refused.status, 422);
    let listed = orrery.get(AGENTS).await;
    for text in [answer.text(), changed.text(), refused.text(), listed.text()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[actix_web::test]
async fn what_was_read_can_be_sent_back_without_losing_the_secret() {
    let orrery = Orrery::new();
    let new = json!({"name": "B", "url": "http://h", "auth_type": "bearer", "auth_config": {"token": "t"}});
    let mut agent = orrery.post(AGENTS, new).await.expect(201);
    let path = at(&agent["id"]);
    for read_only in ["id", "created_at", "updated_at", "created_by", "updated_by"] {
        agent.as_object_mut().expect("an object").remove(read_only);
    }
    let same = orrery.put(&path, agent.clone()).await.expect(200);
    assert_eq!(same["auth_config"], json!({"type": "bearer", "configured": true}));
    let emptied = orrery.put(&path, json!({"auth_type": "bearer", "auth_config": {"token": ""}})).await.expect(200);
    assert_eq!(emptied["auth_config"], json!({"type": "bearer", "configured": true}));
    let removed = orrery.put(&path, json!({"auth_config": null})).await.expect(200);
    assert_eq!((&removed["auth_type"], &removed["auth_config"]), (&json!("bearer"), &Value::Null));
}

#[actix_web::test]
async fn a_change_touches_what_was_sent_and_nothing_else() {
    let orrery = Orrery::new();
    let breaker = json!({"enabled": false, "failure_threshold": 9, "failure_rate_threshold": 0.25, "timeout_seconds": 5,
        "half_open_max_calls": 1, "window_size_seconds": 60, "on_open": "wait"});
    let new = json!({"name": "A", "url": "http://h", "description": "d", "circuit_breaker_config": breaker,
        "max_concurrent_calls": 7});
    let agent = orrery.post(AGENTS, new).await.expect(201);
    assert_eq!((&agent["circuit_breaker_config"], &agent["max_concurrent_calls"]), (&breaker, &json!(7)));
    orrery.clock.advance(std::time::Duration::from_secs(1));
    let path = at(&agent["id"]);
    let changed = orrery
        .put(
            &path,
            json!({"timeout_ms": 5000, "status": "INACTIVE", "retry_config": {"max_retries": 0}, "name": "other"}),
        )
        .await
        .expect(200);
    let mut expected = agent.clone();
    expected["timeout_ms"] = json!(5000);
    expected["status"] = json!("inactive");
    expected["retry_config"]["max_retries"] = json!(0);
    expected["updated_at"] = json!("2026-01-31T12:00:01.123456Z");
    expected["updated_by"] = json!("system");
    assert_eq!(changed, expected);
    let nothing = json!({"description": null, "circuit_breaker_config": null, "max_concurrent_calls": null});
    let cleared = orrery.put(&path, nothing).await.expect(200);
    for member in ["description", "circuit_breaker_config", "max_concurrent_calls"] {
        assert_eq!(cleared[member], Value::Null, "{member}");
    }
}

#[actix_web::test]
async fn an_unknown_agent_is_not_found_by_any_method() {
    let orrery = Orrery::new();
    for answer in [
        orrery.get(UNKNOWN).await,
        orrery.put(UNKNOWN, json!({})).await,
        orrery.delete(UNKNOWN).await,
        orrery.get(&format!("{UNKNOWN}/health")).await,
    ] {
        let problem = answer.problem(404, "agent_not_found");
        assert_eq!(problem["detail"], "Agent with id '0190c0de-0000-7000-8000-00000000dead' not found");
        assert_eq!(problem["type"], "/docs/errors#agent-not-found");
    }
}

#[actix_web::test]
async fn health_is_an_answer_even_of_a_sick_agent() {
    let orrery = Orrery::new();
    let well = orrery.agent("Well").await;
    let health = orrery.get(&format!("{AGENTS}/{well}/health")).await.expect(200);
    assert_eq!((&health["status"], &health["response_time_ms"]), (&json!("healthy"), &json!(45)));
    assert_eq!(health["agent_card"]["name"], "Well");
    let sick = orrery.agent("Sick").await;
    let health = orrery.get(&format!("{AGENTS}/{sick}/health")).await.expect(200);
    assert_eq!((&health["status"], &health["agent_card"]), (&json!("unhealthy"), &Value::Null));
    assert!(health.get("response_time_ms").is_none(), "null would be shown as \"nullms\"");
}

#[actix_web::test]
async fn what_a_new_agent_lacks_or_has_too_much_is_said() {
    let orrery = Orrery::new();
    let refused = |body: Value| {
        let mut new = json!({"name": "A", "url": "http://h"});
        new.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        async { orrery.post(AGENTS, new).await.mistakes() }
    };
    let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    assert_eq!(
        refused(json!({"auth_config": {}})).await,
        [pair("body.auth_config", "must be null or absent for auth_type 'none'")]
    );
    assert_eq!(
        refused(json!({"auth_type": "bearer", "auth_config": {"key": "k"}})).await,
        [
            pair("body.auth_config.token", "is required for auth_type 'bearer'"),
            pair("body.auth_config.key", "does not apply to auth_type 'bearer'"),
        ]
    );
    assert_eq!(
        refused(json!({"auth_type": "apikey", "auth_config": {"type": "bearer", "key": "", "header_name": "a b"}}))
            .await,
        [
            pair("body.auth_config.type", "must be the same as auth_type"),
            pair("body.auth_config.header_name", "must be the name of an HTTP header, like X-API-Key"),
            pair("body.auth_config.key", "is required for auth_type 'apikey'"),
        ]
    );
    // The old API accepted this, and clients rely on it.
    let bare = orrery.post(AGENTS, json!({"name": "A", "url": "http://h", "auth_type": "bearer"})).await.expect(201);
    assert_eq!(bare["auth_config"], Value::Null);
}
