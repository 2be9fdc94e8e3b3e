//! Refused requests: every mistake, at its place, at once.

use actix_web::{http::header, test::TestRequest};
use serde_json::json;

use crate::support::Orrery;

const AGENTS: &str = "/api/v1/agents";

fn pair(field: &str, message: &str) -> (String, String) {
    (field.to_owned(), message.to_owned())
}

#[actix_web::test]
async fn all_mistakes_of_a_body_are_answered_at_once() {
    let body = json!({
        "url": "ftp://h",
        "auth_type": "magic",
        "timeout_ms": 999,
        "retry_config": {"max_retries": 11, "initial_delay_ms": 60000, "max_delay_ms": 30000, "jitter": true},
        "circuit_breaker_config": {"failure_rate_threshold": 1.5, "on_open": "later"},
        "max_concurrent_calls": 0,
        "description": 7,
        "nickname": "x",
    });
    let mut found = Orrery::new().post(AGENTS, body).await.mistakes();
    found.sort();
    let expected = [
        pair("body.auth_type", "must be one of: none, bearer, apikey"),
        pair("body.circuit_breaker_config.failure_rate_threshold", "must be at most 1.0"),
        pair("body.circuit_breaker_config.on_open", "must be one of: fail, wait"),
        pair("body.description", "must be a string or null"),
        pair("body.max_concurrent_calls", "must be at least 1"),
        pair("body.name", "is required"),
        pair("body.nickname", "unknown member"),
        pair("body.retry_config.jitter", "unknown member"),
        pair("body.retry_config.max_delay_ms", "must not be below initial_delay_ms"),
        pair("body.retry_config.max_retries", "must be at most 10"),
        pair("body.timeout_ms", "must be at least 1000"),
        pair(
            "body.url",
            "must be an absolute http or https URL with a host, of at most 512 characters, without credentials or a fragment",
        ),
    ];
    assert_eq!(found, expected);
}

#[actix_web::test]
async fn mistakes_of_shape_and_of_rules_are_answered_together() {
    let body = json!({
        "name": "  ", "url": "ftp://h", "timeout_ms": 1_000_000,
        "retry_config": {"initial_delay_ms": 60000, "max_delay_ms": 30000},
    });
    let found = Orrery::new().post(AGENTS, body).await.mistakes();
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["body.timeout_ms", "body.name", "body.url", "body.retry_config.max_delay_ms"]);
}

#[actix_web::test]
async fn mistakes_of_path_query_and_body_are_answered_together() {
    let orrery = Orrery::new();
    let both = orrery.put("/api/v1/agents/new", json!({"timeout_ms": "soon"})).await.mistakes();
    let expected = [
        pair("path.agent_id", "must be a UUID, like 0190c0de-0000-7000-8000-000000000000"),
        pair("body.timeout_ms", "must be an integer"),
    ];
    assert_eq!(both, expected);
    let query = orrery.get("/api/v1/workflows/new/versions?page=0&page_size=500&page=2&sort=x").await;
    let problem = query.problem(422, "validation_failed");
    let mut places: Vec<_> = problem["errors"]
        .as_array()
        .expect("mistakes")
        .iter()
        .map(|e| format!("{} {} {}", e["in"], e["pointer"], e["type"]).replace('"', ""))
        .collect();
    places.sort();
    let expected = [
        "path /workflow_id uuid_parsing",
        "query /page value_error",
        "query /page_size less_than_equal",
        "query /sort extra_forbidden",
    ];
    assert_eq!(places, expected);
}

#[actix_web::test]
async fn an_unknown_member_is_named_with_what_is_known() {
    let answer = Orrery::new().post(AGENTS, json!({"name": "A", "url": "http://h", "a/b~c": 1})).await;
    let problem = answer.problem(422, "validation_failed");
    let mistake = &problem["errors"][0];
    assert_eq!((&mistake["pointer"], &mistake["field"]), (&json!("/a~1b~0c"), &json!("body.a/b~c")));
    assert!(mistake["hint"].as_str().expect("a hint").contains("timeout_ms"), "{mistake}");
}

#[actix_web::test]
async fn malformed_json_is_refused_with_its_place() {
    let answer = Orrery::new().post_text(AGENTS, "{\n  \"name\": oops\n}").await;
    let problem = answer.problem(422, "validation_failed");
    assert_eq!((&problem["error"], &problem["path"]), (&json!("Validation Error"), &json!(AGENTS)));
    let mistake = &problem["errors"][0];
    assert_eq!((&mistake["type"], &mistake["pointer"]), (&json!("json_invalid"), &json!("")));
    assert_eq!(mistake["message"], "JSON decode error: expected value (line 2, column 11)");
    assert_eq!(mistake["field"], "body.12");
}

#[actix_web::test]
async fn what_is_no_text_no_object_or_nothing_is_refused() {
    let orrery = Orrery::new();
    assert_eq!(orrery.post_text(AGENTS, "").await.mistakes(), [pair("body", "is required: a JSON object")]);
    assert_eq!(orrery.post_text(AGENTS, "[]").await.mistakes(), [pair("body", "must be an object")]);
    assert_eq!(orrery.post_text(AGENTS, "null").await.mistakes(), [pair("body", "must be an object")]);
    let found = orrery.post_text(AGENTS, b"{\"name\": \"\xff\"}".to_vec()).await.mistakes();
    assert_eq!(found, [pair("body.10", "the body is not UTF-8")]);
    let twice = orrery.post_text(AGENTS, r#"{"name": "A", "name": "B\u0000", "url": "http://h"}"#).await.mistakes();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0], pair("body.name", "is given more than once"));
}

#[actix_web::test]
async fn a_body_is_json_unless_it_says_otherwise() {
    let orrery = Orrery::new();
    let send = |kind: &'static str| {
        let body = json!({"name": kind, "url": "http://h"}).to_string();
        orrery.send(TestRequest::post().insert_header((header::CONTENT_TYPE, kind)).set_payload(body), AGENTS)
    };
    assert_eq!(orrery.post_text(AGENTS, r#"{"name": "A", "url": "http://h"}"#).await.status, 201);
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        assert_eq!(send(kind).await.status, 201, "{kind}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let problem = send(kind).await.problem(415, "unsupported_media_type");
        assert!(problem["detail"].as_str().expect("a text").contains("Content-Type: application/json"));
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let orrery = Orrery::new();
    let large = |size: usize| json!({"name": "A", "url": "http://h", "description": "x".repeat(size)}).to_string();
    let declared = TestRequest::post().insert_header((header::CONTENT_LENGTH, "2097152")).set_payload(large(2 << 20));
    for answer in [orrery.post_text(AGENTS, large(2 << 20)).await, orrery.send(declared, AGENTS).await] {
        let problem = answer.problem(413, "body_too_large");
        assert_eq!(problem["detail"], "The body is larger than the limit of 1048576 bytes (1 MiB)");
    }
    assert_eq!(orrery.post_text(AGENTS, large((1 << 20) - 100)).await.status, 201);
}

#[actix_web::test]
async fn numbers_mean_what_they_say_however_they_are_spelled() {
    let orrery = Orrery::new();
    let agent = orrery.post_text(AGENTS, r#"{"name": "A", "url": "http://h", "timeout_ms": 5e3}"#).await.expect(201);
    assert_eq!(agent["timeout_ms"], 5000);
    for (number, message) in
        [("5000.5", "must be an integer"), ("1e300", "must be at most 300000"), ("-1", "must be at least 1000")]
    {
        let body = format!(r#"{{"name": "B", "url": "http://h", "timeout_ms": {number}}}"#);
        assert_eq!(orrery.post_text(AGENTS, body).await.mistakes(), [pair("body.timeout_ms", message)], "{number}");
    }
    let found = orrery.get("/api/v1/agents?page=1.5&page_size=ten").await.mistakes();
    assert_eq!(found, [pair("query.page", "must be an integer"), pair("query.page_size", "must be an integer")]);
}

#[actix_web::test]
async fn nulls_are_refused_where_they_mean_nothing() {
    let orrery = Orrery::new();
    let id = orrery.agent("A").await;
    let found = orrery
        .put(&format!("{AGENTS}/{id}"), json!({"url": null, "timeout_ms": null, "status": null}))
        .await
        .mistakes();
    let mut fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["body.status", "body.timeout_ms", "body.url"]);
}

#[actix_web::test]
async fn an_answer_lists_a_hundred_mistakes_and_counts_the_others() {
    let mut body = json!({"name": "A", "url": "http://h"});
    for n in 0..150 {
        body[format!("m{n}")] = json!(n);
    }
    let problem = Orrery::new().post(AGENTS, body).await.problem(422, "validation_failed");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100));
    assert!(problem["detail"].as_str().expect("a text").ends_with("(and 149 more)"));
}

#[actix_web::test]
async fn a_member_of_a_wrong_type_hides_no_mistake_in_another_one() {
    let strategy = json!({"retry_on_status_codes": [99, 503, 600], "jitter": "yes"});
    let body = json!({
        "name": " ", "url": "http://169.254.169.254/", "timeout_ms": -5, "nickname": "x", "retry_strategy": strategy,
        "retry_config": {"initial_delay_ms": 60000, "max_delay_ms": 30000},
    });
    let orrery = Orrery::new();
    let mut found: Vec<_> =
        orrery.post(AGENTS, body.clone()).await.mistakes().into_iter().map(|(field, _)| field).collect();
    found.sort();
    let expected = [
        "body.name",
        "body.nickname",
        "body.retry_config.max_delay_ms",
        "body.retry_strategy.jitter",
        "body.retry_strategy.retry_on_status_codes.0",
        "body.retry_strategy.retry_on_status_codes.2",
        "body.timeout_ms",
        "body.url",
    ];
    assert_eq!(found, expected);
    let id = orrery.agent("A").await;
    let mut found: Vec<_> =
        orrery.put(&format!("{AGENTS}/{id}"), body).await.mistakes().into_iter().map(|(field, _)| field).collect();
    found.sort();
    // The name of an agent is not changed, whatever is said.
    assert_eq!(found, expected[1..]);
}

#[actix_web::test]
async fn a_filter_that_must_not_be_empty_is_no_filter_for_everything() {
    let orrery = Orrery::new();
    let empty = pair("query.agent_name", "must not be empty");
    assert_eq!(orrery.get("/api/v1/dlq?agent_name=&status=").await.mistakes(), [empty]);
    let empty = pair("query.parent_run_id", "must not be empty");
    assert_eq!(orrery.get("/api/v1/runs?parent_run_id=&page=").await.mistakes(), [empty]);
    let all = orrery.post("/api/v1/dlq/bulk-replay", json!({"filter": {}})).await.mistakes();
    assert_eq!(all, [pair("body.filter", "needs at least one member")]);
}

#[actix_web::test]
async fn a_range_of_times_whose_end_is_before_its_start_is_refused() {
    let orrery = Orrery::new();
    let (late, early) = ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z");
    for (path, until, from) in [("runs", "created_before", "created_after"), ("dlq", "failed_before", "failed_after")] {
        let found = orrery.get(&format!("/api/v1/{path}?{from}={late}&{until}={early}")).await.mistakes();
        assert_eq!(found, [pair(&format!("query.{until}"), &format!("must not be before {from}"))]);
        orrery.get(&format!("/api/v1/{path}?{from}={early}&{until}={early}")).await.expect(200);
    }
    for (path, until, from) in [
        ("runs/bulk-cancel", "created_before", "created_after"),
        ("runs/bulk-retry", "created_before", "created_after"),
        ("dlq/bulk-replay", "failed_before", "failed_after"),
    ] {
        let found =
            orrery.post(&format!("/api/v1/{path}"), json!({"filter": {from: late, until: early}})).await.mistakes();
        assert_eq!(found, [pair(&format!("body.filter.{until}"), &format!("must not be before {from}"))]);
    }
}

#[actix_web::test]
async fn what_no_operation_knows_is_refused_by_those_too_that_know_nothing() {
    let orrery = Orrery::new();
    let agent = orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let unknown = |name: &str| [pair(&format!("query.{name}"), "unknown parameter")];
    assert_eq!(orrery.get(&format!("{AGENTS}/{agent}?zz=1")).await.mistakes(), unknown("zz"));
    assert_eq!(orrery.get("/health?zz").await.mistakes(), unknown("zz"));
    let started = orrery.post(&format!("/api/v1/workflows/{workflow}/execute?wait=10"), json!({"input": {}})).await;
    let places: std::collections::BTreeSet<_> = started.mistakes().into_iter().map(|(place, _)| place).collect();
    assert!(places.into_iter().eq(["body.input", "body.input_data", "query.wait"]), "with all other mistakes");
    let ticks = orrery.post("/api/v1/schedules/preview?zz=1&yy=2", json!({"cron": "0 0 * * *"})).await.mistakes();
    assert_eq!(ticks, [pair("query.yy", "unknown parameter"), pair("query.zz", "unknown parameter")]);
}

#[actix_web::test]
async fn a_body_that_nobody_reads_must_say_nothing() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let schedule = json!({"name": "s", "workflow_id": workflow, "cron": "0 0 * * *"});
    let schedule = orrery.post("/api/v1/schedules", schedule).await.expect(201)["id"].as_str().expect("id").to_owned();
    let path = format!("/api/v1/schedules/{schedule}/pause");
    let refused = orrery.post(&path, json!({"reason": "holidays"})).await.mistakes();
    assert_eq!(refused, [pair("body", "must be absent or empty: nothing is known here")]);
    assert_eq!(orrery.get(&format!("/api/v1/schedules/{schedule}")).await.expect(200)["state"], "active");
    for nothing in ["", "{}", "null"] {
        orrery.post_text(&path, nothing).await.expect(200);
    }
}

#[actix_web::test]
async fn numbers_beyond_what_floats_hold_are_refused_and_others_are_kept() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let path = format!("/api/v1/workflows/{}/execute", orrery.workflow("w").await);
    let input = r#"{"input_data": {"a": 18446744073709551615, "b": -9223372036854775808, "c": 18446744073709551617}}"#;
    let run = orrery.post_text(&path, input).await.expect(202);
    let kept = json!({"a": u64::MAX, "b": i64::MIN, "c": 18_446_744_073_709_552_000.0});
    assert_eq!(run["input_data"], kept);
    let refused = orrery.post_text(&path, r#"{"input_data": {"a": 1e400}}"#).await.problem(422, "validation_failed");
    assert_eq!(refused["errors"][0]["type"], "json_invalid", "{refused}");
}
