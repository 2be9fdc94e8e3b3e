//! What the server says about itself (contract 1.10).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Stamp;

/// What is served where.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ServiceInfo")]
pub(crate) struct InfoView {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) description: &'static str,
    pub(crate) documentation: DocumentationLinks,
    pub(crate) endpoints: EndpointLinks,
    pub(crate) status: &'static str,
}

/// Where the documentation is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DocumentationLinks {
    swagger_ui: &'static str,
    redoc: &'static str,
    openapi_spec: &'static str,
    openapi_spec_3_0: &'static str,
    errors: &'static str,
}

/// Where everything else is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EndpointLinks {
    agents: &'static str,
    workflows: &'static str,
    runs: &'static str,
    health: &'static str,
    health_ready: &'static str,
    metrics: &'static str,
}

impl InfoView {
    pub(crate) fn new() -> Self {
        Self {
            name: "Orrery",
            version: env!("CARGO_PKG_VERSION"),
            description: "A durable workflow server for agents",
            documentation: DocumentationLinks {
                swagger_ui: "/docs",
                redoc: "/redoc",
                openapi_spec: "/openapi.json",
                openapi_spec_3_0: "/openapi-3.0.json",
                errors: "/docs/errors",
            },
            endpoints: EndpointLinks {
                agents: "/api/v1/agents",
                workflows: "/api/v1/workflows",
                runs: "/api/v1/runs",
                health: "/health",
                health_ready: "/health/ready",
                metrics: "/metrics",
            },
            status: "operational",
        }
    }
}

/// The process is there.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub(crate) struct HealthView {
    /// Always `healthy`.
    pub(crate) status: &'static str,
    pub(crate) timestamp: Stamp,
    pub(crate) version: &'static str,
    /// How long the process has been running.
    pub(crate) uptime_seconds: f64,
    /// Always null; old clients expect the member.
    pub(crate) services: (),
}

/// Whether the process can do its work.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Readiness")]
pub(crate) struct ReadinessView {
    /// Whether every component is healthy that the process cannot work without.
    pub(crate) ready: bool,
    /// Whether a component is down that the process can work without: what it does for the process is done later.
    pub(crate) degraded: bool,
    pub(crate) timestamp: Stamp,
    /// The components by name.
    pub(crate) checks: BTreeMap<&'static str, CheckView>,
}

/// How one component is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ComponentCheck")]
pub(crate) struct CheckView {
    /// Whether it works.
    #[schemars(extend("enum" = ["healthy", "degraded", "unhealthy"]))]
    pub(crate) status: &'static str,
    pub(crate) message: String,
    /// How long the check took, in milliseconds.
    pub(crate) response_time_ms: u64,
}
