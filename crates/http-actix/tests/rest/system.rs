//! What the server says about itself, and its pages.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::{Orrery, World};

#[actix_web::test]
async fn the_root_says_what_is_served_where() {
    let orrery = Orrery::new();
    let info = orrery.get("/").await.expect(200);
    assert_eq!((&info["status"], &info["endpoints"]["agents"]), (&json!("operational"), &json!("/api/v1/agents")));
    let links = info["documentation"]
        .as_object()
        .expect("links")
        .values()
        .chain(info["endpoints"].as_object().expect("links").values());
    for link in links {
        let path = link.as_str().expect("a path");
        assert_eq!(orrery.get(path).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn health_tells_the_uptime() {
    let orrery = Orrery::new();
    orrery.clock.advance(Duration::from_millis(5700));
    let health = orrery.get("/health").await.expect(200);
    assert_eq!(
        (&health["status"], &health["uptime_seconds"], &health["services"]),
        (&json!("healthy"), &json!(5.7), &Value::Null)
    );
}

#[actix_web::test]
async fn readiness_follows_the_components() {
    let ready = Orrery::new().get("/health/ready").await.expect(200);
    assert_eq!(ready["ready"], true);
    assert_eq!(
        ready["checks"]["database"],
        json!({"status": "healthy", "message": "the store answers", "response_time_ms": 3})
    );
    let sick = Orrery::within(World { sick: true, ..World::default() }).get("/health/ready").await.expect(503);
    assert_eq!((&sick["ready"], &sick["checks"]["database"]["status"]), (&json!(false), &json!("unhealthy")));
    assert_eq!(sick["checks"]["executor"]["status"], "healthy");
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let orrery = Orrery::new();
    orrery.get("/api/v1/runs/run-of-the-metrics-test").await;
    orrery.get("/a/path/that/nobody/declared").await;
    orrery.send(TestRequest::default().method("BREW".parse().expect("a method")), "/health").await;
    let metrics = orrery.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = metrics.text();
    for line in [
        r#"orrery_http_requests_total{method="GET",route="/api/v1/runs/{run_id}",status="404"}"#,
        r#"orrery_http_requests_total{method="GET",route="unmatched",status="404"}"#,
        r#"orrery_http_requests_total{method="OTHER",route="/health",status="405"}"#,
        r#"orrery_http_request_duration_seconds_bucket{method="GET",route="/api/v1/runs/{run_id}",status="404",le="0.1"}"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("run-of-the-metrics-test") && !text.contains("nobody"));
}

#[actix_web::test]
async fn the_pages_come_from_the_binary_alone() {
    let orrery = Orrery::new();
    for page in ["/docs", "/redoc", "/docs/errors"] {
        let answer = orrery.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-type").starts_with("text/html"), "{page}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self'"));
        let text = answer.text();
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("=\"//"), "{page}");
        for link in text.split(['"', '\'']).filter(|part| part.starts_with("/docs/assets/")) {
            let asset = orrery.get(link).await;
            assert_eq!(asset.status, 200, "{link}");
            assert!(!asset.body.is_empty(), "{link}");
        }
    }
    for script in ["/docs/assets/swagger-ui.js", "/docs/assets/redoc.js"] {
        let text = orrery.get(script).await.text();
        assert!(text.contains("/openapi.json") && !text.contains("://"), "{script}");
    }
    for missing in ["/docs/assets/nothing.js", "/docs/assets/../Cargo.toml", "/docs/assets/%2e%2e/Cargo.toml"] {
        assert_eq!(orrery.get(missing).await.status, 404, "{missing}");
    }
}

#[actix_web::test]
async fn an_asset_that_is_known_is_not_sent_again() {
    let orrery = Orrery::new();
    let path = "/docs/assets/swagger-ui/swagger-ui.css";
    let first = orrery.get(path).await;
    let again = orrery.send(TestRequest::get().insert_header(("if-none-match", first.header("etag"))), path).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}
