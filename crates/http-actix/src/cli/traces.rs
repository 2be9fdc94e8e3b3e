//! Where traces go.

use clap::Args;
use domain::trace::TraceRatio;

/// Traces, by OTLP. `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_RESOURCE_ATTRIBUTES` count as well.
#[derive(Args, Clone, Debug)]
pub(crate) struct TraceSettings {
    /// The collector that is sent spans by OTLP over HTTP: `http://localhost:4318`. Without it nothing is recorded, but what comes
    /// with a `traceparent` is carried on.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub(crate) otlp_endpoint: Option<String>,
    /// What part of all traces is recorded, from 0 to 1; each whole or not at all.
    #[arg(long, env = "ORRERY_TRACE_RATIO", default_value_t = TraceRatio::ALL)]
    pub(crate) trace_ratio: TraceRatio,
    /// What the server is called among all that send spans.
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "orrery")]
    pub(crate) service_name: String,
}

impl Default for TraceSettings {
    /// None, whatever the environment says.
    fn default() -> Self {
        Self { otlp_endpoint: None, trace_ratio: TraceRatio::ALL, service_name: "orrery".to_owned() }
    }
}
