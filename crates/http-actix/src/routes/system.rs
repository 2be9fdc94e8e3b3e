//! What the server says about itself.

use actix_web::{HttpResponse, http::Method};
use aide::openapi::Response;
use domain::access::{Access, Right};
use domain::{Timestamp, ports::Clock};
use metrics_exporter_prometheus::PrometheusHandle;
use schemars::SchemaGenerator;

use super::Readiness;
use crate::{
    api::{About, Declarations, Exposition, Output, Reply, Sight, State, json_response},
    dto::{
        Stamp,
        agents::millis,
        examples,
        system::{CheckView, HealthView, InfoView, ReadinessView},
    },
    problem::Problem,
};

pub(super) const GROUP: &str = "system";

/// When the process was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started(pub(super) Timestamp);

pub(super) fn declare(api: Declarations) -> Declarations {
    let info = serde_json::to_value(InfoView::new()).unwrap_or_default();
    api.route(
        Method::GET,
        "/",
        Access::Public,
        info_page,
        About::new(GROUP, "What is served", "Name, version and links.").answers(info),
    )
    .route(
        Method::GET,
        "/health",
        Access::Public,
        health,
        About::new(GROUP, "Whether the process is there", "Checks nothing but the process itself.")
            .answers(examples::health()),
    )
    .route(
        Method::GET,
        "/health/ready",
        Access::Public,
        ready,
        About::new(
            GROUP,
            "Whether the process can work",
            "Checks what the process depends on; 503 if one of it does not work.",
        )
        .answers(examples::readiness()),
    )
    .route(
        Method::GET,
        "/metrics",
        Access::Needs(Right::SystemRead),
        exposition,
        About::new(GROUP, "Measurements", "In the text format of Prometheus.")
            .answers("orrery_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1\n".into()),
    )
}

async fn info_page() -> Result<Reply<200, InfoView>, Problem> {
    Ok(Reply(InfoView::new()))
}

async fn health(
    State(clock): State<dyn Clock>,
    State(started): State<Started>,
) -> Result<Reply<200, HealthView>, Problem> {
    let now = clock.now();
    let uptime_seconds = (now - started.0).as_seconds_f64();
    let (status, version) = ("healthy", env!("CARGO_PKG_VERSION"));
    Ok(Reply(HealthView { status, timestamp: Stamp(now), version, uptime_seconds, services: () }))
}

async fn ready(State(clock): State<dyn Clock>, State(readiness): State<dyn Readiness>) -> Result<ReadyOrNot, Problem> {
    let components = readiness.check().await;
    for component in &components {
        crate::metrics::found(component.name, component.ready);
    }
    let ready = components.iter().all(|component| component.ready || component.optional);
    let degraded = components.iter().any(|component| !component.ready && component.optional);
    let checks = components.into_iter().map(|component| {
        let status = match (component.ready, component.optional) {
            (true, _) => "healthy",
            (false, true) => "degraded",
            (false, false) => "unhealthy",
        };
        let response_time_ms = millis(component.response_time);
        (component.name, CheckView { status, message: component.message, response_time_ms })
    });
    Ok(ReadyOrNot(ReadinessView { ready, degraded, checks: checks.collect(), timestamp: Stamp(clock.now()) }))
}

async fn exposition(State(metrics): State<PrometheusHandle>) -> Result<Exposition, Problem> {
    Ok(Exposition(metrics.render()))
}

/// The same answer with one of two statuses.
struct ReadyOrNot(ReadinessView);

impl Output for ReadyOrNot {
    fn respond(self, _: Sight) -> HttpResponse {
        let mut answer = if self.0.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
        answer.json(self.0)
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut not_ready = json_response::<ReadinessView>(schemas, 503);
        not_ready.content.values_mut().for_each(|media| media.example = Some(examples::not_ready()));
        vec![(200, json_response::<ReadinessView>(schemas, 200)), (503, not_ready)]
    }
}
