//! What one client may take from the others, and where agents may be.

use std::net::SocketAddr;

use actix_web::{http::Method, test::TestRequest};
use http_actix::limits::{Cors, Limits};
use serde_json::json;

use crate::support::{Orrery, World};

#[actix_web::test]
async fn a_url_that_no_agent_is_called_under_is_refused_where_it_is_registered() {
    let orrery = Orrery::new();
    let id = orrery.agent("A").await;
    for host in
        ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:10.0.0.1]", "[fe80::1]", "metadata.google.internal"]
    {
        let url = format!("http://{host}/latest");
        let body = json!({"name": "B", "url": url, "timeout_ms": 5000, "retry_config": {"initial_delay_ms": 5000, "max_delay_ms": 1000}});
        let told = orrery.post("/api/v1/agents", body).await.mistakes();
        // Beside the other mistakes, not after them.
        let fields: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["body.url", "body.retry_config.max_delay_ms"], "{told:?}");
        assert!(told[0].1.starts_with(&format!("{host} is not called: it is ")), "{told:?}");
        let told = orrery.put(&format!("/api/v1/agents/{id}"), json!({"url": url})).await.mistakes();
        assert_eq!(told[0].0, "body.url");
    }
}

#[actix_web::test]
async fn a_private_url_is_registered_only_where_private_networks_are_allowed() {
    let orrery = Orrery::within(World { networks: "public-only".parse().expect("networks"), ..World::default() });
    let told = orrery.post("/api/v1/agents", json!({"name": "B", "url": "http://127.1:8080/"})).await.mistakes();
    let reason = "127.1 is not called: it is in a private network, and those are not allowed here (--agent-networks)";
    assert_eq!(told, [("body.url".to_owned(), reason.to_owned())]);
    orrery.post("/api/v1/agents", json!({"name": "B", "url": "http://1.1.1.1/"})).await.expect(201);
}

fn from(address: &str) -> TestRequest {
    TestRequest::get().peer_addr(address.parse::<SocketAddr>().expect("an address"))
}

fn within(limits: Limits) -> Orrery {
    Orrery::within(World { limits, ..World::default() })
}

#[actix_web::test]
async fn an_address_is_told_where_it_stands_and_refused_when_it_asks_too_often() {
    let orrery = within(Limits { per_address: "1/h,2".parse().expect("a rate"), ..Limits::default() });
    // Each request goes to a server of its own, which counts in the same place.
    let state = orrery.state().clone();
    let app = actix_web::test::init_service(actix_web::App::new().configure(move |cfg| state.configure(cfg))).await;
    let ask = async |address: &str, path: &str| {
        let answer = actix_web::test::call_service(&app, from(address).uri(path).to_request()).await;
        let header =
            |name: &str| answer.headers().get(name).map(|v| v.to_str().expect("ASCII").to_owned()).unwrap_or_default();
        (answer.status().as_u16(), header("ratelimit"), header("ratelimit-policy"), header("retry-after"))
    };
    let policy = "\"address\";q=2;w=7200".to_owned();
    let none = String::new;
    assert_eq!(ask("10.0.0.1:1", "/").await, (200, "\"address\";r=1;t=3600".into(), policy.clone(), none()));
    assert_eq!(ask("10.0.0.1:2", "/nowhere").await, (404, "\"address\";r=0;t=7200".into(), policy.clone(), none()));
    assert_eq!(ask("10.0.0.1:3", "/").await, (429, "\"address\";r=0;t=7200".into(), policy.clone(), "3600".into()));
    assert_eq!(ask("10.0.0.2:1", "/").await.0, 200, "another address");
    for probe in ["/health", "/health/ready", "/metrics"] {
        assert_eq!(ask("10.0.0.1:4", probe).await, (200, none(), none(), none()), "{probe}");
    }
}

#[actix_web::test]
async fn a_refusal_for_asking_too_often_is_a_problem_document() {
    let orrery = within(Limits { per_address: "1/h".parse().expect("a rate"), ..Limits::default() });
    let list = "/api/v1/agents";
    orrery.send(from("10.0.0.1:1"), list).await.expect(200);
    let answer = orrery.send(from("10.0.0.1:1"), list).await;
    let problem = answer.problem(429, "rate_limited");
    assert_eq!(problem["detail"], "Too many requests from this address; the next one is taken in 3600 s");
    assert!(!answer.header("x-correlation-id").is_empty());
}

#[actix_web::test]
async fn log_ins_are_counted_apart() {
    let orrery = within(Limits { log_ins: "1/h".parse().expect("a rate"), ..Limits::default() });
    let log_in = || TestRequest::post().peer_addr("10.0.0.1:1".parse().expect("an address"));
    let first = orrery.send(log_in(), "/api/v1/auth/login").await;
    assert_ne!(first.status.as_u16(), 429);
    let second = orrery.send(log_in(), "/api/v1/auth/login").await;
    assert_eq!(second.json()["code"], "rate_limited");
    assert!(
        second.header("ratelimit-policy").contains("\"log-in\";q=1;w=3600"),
        "{}",
        second.header("ratelimit-policy")
    );
    orrery.send(from("10.0.0.1:1"), "/api/v1/agents").await.expect(200);
}

#[actix_web::test]
async fn heads_of_requests_have_limits() {
    let limits = Limits { uri_bytes: 300, header_fields: 10, header_bytes: 1000, ..Limits::default() };
    let orrery = within(limits);
    let list = "/api/v1/agents";
    orrery.get(&format!("{list}?name={}", "a".repeat(300 - list.len() - 5))).await.expect(200);
    let long = orrery.get(&format!("{list}?name={}", "a".repeat(301 - list.len() - 5))).await;
    assert!(long.problem(414, "uri_too_long")["detail"].as_str().is_some_and(|detail| detail.contains("300 bytes")));
    let many = (0..11).fold(TestRequest::get(), |request, n| request.append_header((format!("x-{n}"), "a")));
    orrery.send(many, list).await.problem(431, "headers_too_large");
    let large = TestRequest::get().append_header(("x-a", "a".repeat(1000)));
    orrery.send(large, list).await.problem(431, "headers_too_large");
}

#[actix_web::test]
async fn bodies_and_queries_have_limits() {
    let orrery = within(Limits { body_bytes: 100, json_depth: 3, query_parameters: 2, ..Limits::default() });
    let agents = "/api/v1/agents";
    let large = orrery.post_text(agents, format!("{{\"name\": \"{}\"}}", "a".repeat(100))).await;
    assert_eq!(large.problem(413, "body_too_large")["detail"], "The body is larger than the limit of 100 bytes");
    let deep = orrery.post_text(agents, "{\"name\": \"A\", \"input_schema\": {\"a\": {\"b\": [1]}}}").await;
    let told = (
        "body.input_schema.a.b".to_owned(),
        "lies too deep: arrays and objects cannot be nested any further here".to_owned(),
    );
    assert_eq!(deep.mistakes(), [told]);
    let many = orrery.get(&format!("{agents}?page=1&page_size=1&name=")).await.mistakes();
    assert_eq!(many, [("query".to_owned(), "has 3 parameters, and at most 2 are taken".to_owned())]);
}

#[actix_web::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let orrery = within(Limits { hsts: Some(std::time::Duration::from_mins(1)), ..Limits::default() });
    for path in ["/api/v1/agents", "/api/v1/agents/nonsense", "/nowhere", "/health"] {
        let answer = orrery.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
            ("strict-transport-security", "max-age=60"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
    }
    for page in ["/docs", "/redoc", "/docs/errors", "/openapi.json", "/openapi-3.0.json", "/docs/assets/orrery.css"] {
        let answer = orrery.get(page).await;
        assert!(answer.header("content-security-policy").starts_with("default-src 'self'"), "{page}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{page}");
        assert_eq!(
            (answer.header("cache-control"), answer.header("x-content-type-options")),
            ("no-cache", "nosniff"),
            "{page}"
        );
    }
    assert_eq!(Orrery::new().get("/health").await.header("strict-transport-security"), "");
}

fn preflight(origin: &str, method: &str) -> TestRequest {
    TestRequest::default()
        .method(Method::OPTIONS)
        .insert_header(("origin", origin.to_owned()))
        .insert_header(("access-control-request-method", method.to_owned()))
        .insert_header(("access-control-request-headers", "authorization, content-type, x-correlation-id"))
}

fn allowing(origins: &[&str], credentials: bool) -> Orrery {
    let origins = origins.iter().map(|origin| origin.parse().expect("an origin")).collect();
    within(Limits { cors: Cors::new(origins, credentials).expect("CORS"), ..Limits::default() })
}

#[actix_web::test]
async fn pages_of_named_origins_may_ask_and_read_what_they_need() {
    let orrery = allowing(&["https://ui.example.com", "http://localhost:5173"], true);
    let agents = "/api/v1/agents";
    let answer = orrery.send(preflight("http://localhost:5173", "PUT"), agents).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    assert!(answer.header("access-control-allow-headers").to_ascii_lowercase().contains("x-api-key"));
    assert!(answer.header("vary").to_ascii_lowercase().contains("origin"));
    // Answers and refusals alike; a page could not read why it was refused otherwise.
    for path in [agents, "/api/v1/agents/nonsense", "/nowhere"] {
        let answer = orrery.send(TestRequest::get().insert_header(("origin", "https://ui.example.com")), path).await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://ui.example.com", "{path}");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in
            ["x-correlation-id", "ratelimit", "ratelimit-policy", "retry-after", "location", "etag", "www-authenticate"]
        {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{path}: {name} in {exposed}");
        }
    }
}

#[actix_web::test]
async fn pages_of_other_origins_get_no_leave() {
    let orrery = allowing(&["https://ui.example.com"], false);
    let agents = "/api/v1/agents";
    for origin in ["https://evil.example", "http://ui.example.com", "https://ui.example.com.evil.example", "null"] {
        let refused = orrery.send(preflight(origin, "GET"), agents).await;
        assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (400, ""), "{origin}");
        assert_eq!(refused.json()["code"], "bad_request");
        let answer = orrery.send(TestRequest::get().insert_header(("origin", origin)), agents).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, ""), "{origin}");
    }
    assert_eq!(orrery.send(preflight("https://ui.example.com", "PATCH"), agents).await.status.as_u16(), 400);
}

#[actix_web::test]
async fn any_origin_is_told_by_a_star_and_without_a_setting_nothing_is_told() {
    let star = allowing(&["*"], false).send(preflight("https://a.example", "GET"), "/api/v1/agents").await;
    assert_eq!((star.status.as_u16(), star.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(star.header("access-control-allow-credentials"), "");
    let nothing = Orrery::new().send(preflight("https://a.example", "GET"), "/api/v1/agents").await;
    assert_eq!((nothing.status.as_u16(), nothing.header("access-control-allow-origin")), (405, ""));
}
