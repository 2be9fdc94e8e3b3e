//! What the guard in the door leaves behind: names in rows, ids in answers, counters, and doors at which nobody is asked.

use std::sync::Arc;

use actix_web::test::TestRequest;
use application::access::TrustedGate;
use domain::access::Role;
use serde_json::json;

use crate::{
    callers::{self, Callers, presenting},
    support::Orrery,
};

async fn behind_callers() -> (Orrery, String) {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    (orrery.behind(Callers), workflow)
}

#[actix_web::test]
async fn what_is_done_bears_the_name_of_who_did_it() {
    let (orrery, workflow) = behind_callers().await;
    let start =
        presenting(TestRequest::post(), &callers::key_of(Role::Operator)).set_json(json!({"input_data": {"a": 1}}));
    let run = orrery.send(start, &format!("/api/v1/workflows/{workflow}/execute")).await.expect(202);
    assert_eq!(run["triggered_by"], "key:operator");
    let register = presenting(TestRequest::post(), &callers::key_of(Role::Admin));
    let agent = json!({"name": "B", "url": "http://b"});
    let agent = orrery.send(register.set_json(agent), "/api/v1/agents").await.expect(201);
    assert_eq!((&agent["created_by"], &agent["updated_by"]), (&json!("key:admin"), &json!(null)));
    let change = presenting(TestRequest::put(), &callers::key_of(Role::Admin)).set_json(json!({"description": "x"}));
    let path = format!("/api/v1/agents/{}", agent["id"].as_str().expect("an id"));
    let agent = orrery.send(change, &path).await.expect(200);
    assert_eq!((&agent["created_by"], &agent["updated_by"]), (&json!("key:admin"), &json!("key:admin")));
}

#[actix_web::test]
async fn one_id_names_a_request_in_its_problem_and_its_correlation() {
    let (orrery, _) = behind_callers().await;
    let answer = orrery.get("/api/v1/runs").await;
    assert_eq!(answer.problem(401, "unauthenticated")["request_id"], answer.header("x-correlation-id"));
    let named = TestRequest::get().insert_header(("x-correlation-id", "mine"));
    let answer = orrery.send(named, "/api/v1/runs").await;
    assert_eq!(answer.header("x-correlation-id"), "mine");
    assert_ne!(
        answer.problem(401, "unauthenticated")["request_id"],
        "mine",
        "nobody chooses what the log calls a request"
    );
}

#[actix_web::test]
async fn a_key_counts_in_either_header_and_two_that_differ_count_for_nothing() {
    let (orrery, _) = behind_callers().await;
    let key = callers::key_of(Role::Viewer);
    let bearer = ("Authorization", format!("Bearer {key}"));
    for request in [
        TestRequest::get().insert_header(("X-API-Key", key.as_str())),
        TestRequest::get().insert_header(bearer.clone()),
        TestRequest::get().insert_header(bearer.clone()).insert_header(("X-API-Key", key.as_str())),
    ] {
        orrery.send(request, "/api/v1/runs").await.expect(200);
    }
    for request in [
        TestRequest::get().insert_header(bearer).insert_header(("X-API-Key", callers::key_of(Role::Admin))),
        TestRequest::get().append_header(("X-API-Key", key.as_str())).append_header(("X-API-Key", key.as_str())),
        TestRequest::get().insert_header(("Authorization", format!("Basic {key}"))),
        TestRequest::get().insert_header(("X-API-Key", "x".repeat(20_000))),
    ] {
        orrery.send(request, "/api/v1/runs").await.problem(401, "unauthenticated");
    }
}

#[actix_web::test]
async fn refusals_are_counted_with_their_reason_and_denials_with_what_is_missing() {
    let (orrery, _) = behind_callers().await;
    for (text, _) in callers::WORTHLESS {
        orrery.send(presenting(TestRequest::get(), text), "/api/v1/runs").await.problem(401, "unauthenticated");
    }
    orrery.get("/api/v1/runs").await.problem(401, "unauthenticated");
    let viewer = presenting(TestRequest::delete(), &callers::key_of(Role::Viewer));
    orrery.send(viewer, "/api/v1/agents/0190c0de-0000-7000-8000-000000000001").await.problem(403, "forbidden");
    let metrics = orrery.send(presenting(TestRequest::get(), &callers::key_of(Role::Admin)), "/metrics").await.text();
    for (_, refused) in callers::WORTHLESS {
        let series = format!("orrery_auth_refusals_total{{reason=\"{}\"}}", refused.code());
        assert!(metrics.contains(&series), "{series}");
    }
    assert!(metrics.contains("orrery_auth_refusals_total{reason=\"missing\"}"));
    assert!(metrics.contains("orrery_auth_denials_total{missing=\"agents:write\"}"));
}

#[actix_web::test]
async fn at_a_trusted_door_who_presents_nothing_has_its_role_and_what_is_presented_counts() {
    let orrery = Orrery::new().behind(TrustedGate::new(Role::Viewer, Arc::new(Callers)));
    orrery.get("/api/v1/runs").await.expect(200);
    orrery.post("/api/v1/agents", json!({"name": "B", "url": "http://b"})).await.problem(403, "forbidden");
    let forged = presenting(TestRequest::get(), "ork_forged");
    orrery.send(forged, "/api/v1/runs").await.problem(401, "unauthenticated");
    let admin = presenting(TestRequest::post(), &callers::key_of(Role::Admin));
    orrery.send(admin.set_json(json!({"name": "B", "url": "http://b"})), "/api/v1/agents").await.expect(201);
}

#[actix_web::test]
async fn a_page_of_a_stranger_cannot_use_a_door_at_which_nobody_is_asked() {
    let orrery = Orrery::new();
    let agent = |name: &str, origin: &str| {
        let request = TestRequest::post().insert_header(("Host", "127.0.0.1:8000")).insert_header(("Origin", origin));
        request.set_json(json!({"name": name, "url": "http://b"}))
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1:3000"] {
        orrery.send(agent("B", origin), "/api/v1/agents").await.problem(403, "cross_origin");
    }
    orrery.send(agent("B", "http://127.0.0.1:8000"), "/api/v1/agents").await.expect(201);
    let reading = TestRequest::get().insert_header(("Origin", "https://evil.example"));
    orrery.send(reading, "/api/v1/agents").await.expect(200);
    // Who presents a key was meant: no page can do that unless it knows the key.
    let guarded = orrery.behind(Callers);
    let request = presenting(agent("C", "https://ui.example"), &callers::key_of(Role::Admin));
    guarded.send(request, "/api/v1/agents").await.expect(201);
}

#[actix_web::test]
async fn where_nobody_is_asked_a_request_under_a_strangers_name_is_refused() {
    let orrery = Orrery::new();
    let under = |host: &'static str| TestRequest::get().insert_header(("Host", host));
    for host in ["evil.example:8000", "orrery", "127.0.0.1.evil.example"] {
        // The page's own origin is the same name: only that gives it away.
        let origin = format!("http://{host}");
        let request = under(host).insert_header(("Origin", origin.as_str()));
        orrery.send(request, "/api/v1/agents").await.problem(403, "unknown_host");
        let request = TestRequest::post().insert_header(("Host", host)).insert_header(("Origin", origin));
        let request = request.set_json(json!({"name": "B", "url": "http://b"}));
        orrery.send(request, "/api/v1/agents").await.problem(403, "unknown_host");
    }
    for host in ["127.0.0.1:8000", "[::1]:8000", "localhost:8000"] {
        orrery.send(under(host), "/api/v1/agents").await.expect(200);
    }
    let guarded = orrery.behind(Callers);
    let request = presenting(under("evil.example"), &callers::key_of(Role::Viewer));
    guarded.send(request, "/api/v1/agents").await.expect(200);
}
