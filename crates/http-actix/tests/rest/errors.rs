//! Everything around the routes: unknown paths, wrong methods, ids, failures of the store and of the server.

use std::sync::Arc;

use actix_web::{http::Method, test::TestRequest};
use domain::ports::StoreError;
use serde_json::json;

use crate::support::{BrokenAgents, Orrery, World, workflow};

fn broken(error: fn() -> StoreError) -> Orrery {
    Orrery::within(World { agents: Some(Arc::new(BrokenAgents(error))), ..World::default() })
}

const ONE: &str = "/api/v1/agents/0190c0de-0000-7000-8000-000000000001";

#[actix_web::test]
async fn an_unknown_path_is_a_problem_document() {
    let orrery = Orrery::new();
    for path in ["/nowhere", "/api/v1/agents/x/y/z", "/api/v2/agents", "/nowhere/"] {
        let problem = orrery.get(path).await.problem(404, "not_found");
        assert_eq!((&problem["detail"], &problem["path"]), (&json!("Not Found"), &json!(path)));
    }
}

#[actix_web::test]
async fn a_wrong_method_names_the_right_ones() {
    let orrery = Orrery::new();
    let answer = orrery.delete("/api/v1/agents").await;
    let problem = answer.problem(405, "method_not_allowed");
    assert_eq!(problem["detail"], "Method Not Allowed");
    assert_eq!(answer.header("allow"), "POST, GET");
    let head = orrery.send(TestRequest::default().method(Method::HEAD), "/api/v1/agents").await;
    assert_eq!(head.status, 200, "what answers GET answers HEAD");
    let head = orrery.send(TestRequest::default().method(Method::HEAD), "/api/v1/workflows/validate").await;
    assert_eq!((head.status.as_u16(), head.header("allow")), (405, "POST"));
    orrery.post("/docs", json!({})).await.problem(405, "method_not_allowed");
}

#[actix_web::test]
async fn one_slash_too_many_is_redirected_with_the_query() {
    let orrery = Orrery::new();
    let answer = orrery.get("/api/v1/runs/?status=FAILED&page=2").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/api/v1/runs?status=FAILED&page=2"));
    let answer = orrery.post("/api/v1/agents/", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/api/v1/agents"));
    assert_eq!(orrery.get("//evil.example/").await.status, 404);
}

#[actix_web::test]
async fn a_correlation_id_is_echoed_or_made() {
    let orrery = Orrery::new();
    let with = |id: &str| TestRequest::get().insert_header(("X-Correlation-ID", id));
    assert_eq!(orrery.send(with("my-id-1"), "/health").await.header("x-correlation-id"), "my-id-1");
    assert_eq!(orrery.send(with("my-id-2"), "/nowhere").await.header("x-correlation-id"), "my-id-2");
    let long = "x".repeat(500);
    for made in [orrery.get("/health").await, orrery.send(with(&long), "/health").await] {
        assert_eq!(made.header("x-correlation-id").len(), 36);
    }
    let (one, two) = (orrery.get("/nowhere").await, orrery.get("/nowhere").await);
    assert_ne!(one.json()["request_id"], two.json()["request_id"]);
}

#[actix_web::test]
async fn a_store_that_is_away_is_said_to_come_back() {
    let answer = broken(|| StoreError::Unavailable("postgres://user:pw@host refused".into())).get(ONE).await;
    let problem = answer.problem(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(problem["detail"], "Database service is temporarily unavailable");
    assert!(!answer.text().contains("postgres"));
}

#[actix_web::test]
async fn a_key_that_this_process_lacks_is_nobodys_fault_and_may_come() {
    let answer = broken(|| StoreError::Locked("the credential of 'a', under the key 'k2'".into())).get(ONE).await;
    let problem = answer.problem(503, "store_unavailable");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("key that this process lacks")));
    assert!(!answer.text().contains("k2"));
}

#[actix_web::test]
async fn the_server_s_own_fault_tells_no_internals() {
    let answer = broken(|| StoreError::Corrupt("row 7 of agents".into())).get(ONE).await;
    let problem = answer.problem(500, "internal_error");
    assert_eq!(problem["detail"], "An unexpected error occurred. Please try again later.");
    assert!(!answer.text().contains("row 7"));
}

#[actix_web::test]
async fn somebody_who_was_quicker_is_a_conflict() {
    let orrery = broken(|| StoreError::Conflict("agent"));
    let problem = orrery.delete(ONE).await.problem(409, "concurrent_change");
    assert_eq!(problem["error"], "Conflict");
}

#[actix_web::test]
async fn a_panic_is_one_request_s_misfortune() {
    let orrery = broken(|| unreachable!("the list of names is asked for"));
    let answer = orrery.post("/api/v1/workflows", workflow("w")).await;
    answer.problem(500, "internal_error");
    assert!(!answer.text().contains("panics"));
    assert_eq!(orrery.get("/health").await.status, 200);
}

#[actix_web::test]
async fn a_body_that_does_not_unpack_is_told_in_a_sentence() {
    let request = || TestRequest::post().insert_header(("content-type", "application/json"));
    let packed = request().insert_header(("content-encoding", "gzip")).set_payload("no gzip at all");
    let problem = Orrery::new().send(packed, "/api/v1/agents").await.problem(400, "bad_request");
    assert_eq!(
        problem["detail"],
        "The body cannot be read: it is no sound 'gzip', which its Content-Encoding says it is"
    );
}
