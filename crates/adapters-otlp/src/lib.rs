//! Spans on their way to a collector, by OTLP over HTTP (protobuf): the port `Spans` on OpenTelemetry's batch processor.
//!
//! Spans come with ids and times of their own (`domain::trace`), so nothing here keeps a context or begins a span. The processor has
//! a thread of its own and a bounded queue: what does not fit into it is dropped, and counted by the SDK.

mod convert;
mod told;

use std::{sync::Arc, time::Duration};

use domain::{
    ports::Spans,
    trace::{Span, TraceId, TraceRatio},
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanProcessor},
};

/// The name of what makes the spans.
const SCOPE: &str = "orrery";

/// How many spans wait to be sent, and how many go at once.
const QUEUE: usize = 8_192;
const BATCH: usize = 512;
/// How long a span waits for company.
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans are waited for at the end of a process.
const GRACE: Duration = Duration::from_secs(3);

/// How spans are sent.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// The collector, without `/v1/traces`, which is added: `http://localhost:4318`.
    pub endpoint: String,
    /// What part of all traces is kept.
    pub ratio: TraceRatio,
    /// What the process is called among all that send spans.
    pub service: String,
    /// The version of the program.
    pub version: &'static str,
    /// Which process of the service it is.
    pub instance: String,
    /// What the process does.
    pub role: String,
}

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent to '{endpoint}': {reason}")]
pub struct InvalidOtlp {
    endpoint: String,
    reason: String,
}

/// Sends spans to a collector.
pub struct OtlpSpans {
    processor: BatchSpanProcessor,
    ratio: TraceRatio,
    scope: InstrumentationScope,
}

impl OtlpSpans {
    /// Starts the thread that sends. The collector need not be there. `OTEL_EXPORTER_OTLP_HEADERS` and
    /// `OTEL_RESOURCE_ATTRIBUTES` count. To be called outside of asynchronous code: the exporter's client blocks.
    pub fn start(config: &OtlpConfig) -> Result<Arc<Self>, InvalidOtlp> {
        let endpoint = format!("{}/v1/traces", config.endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&endpoint)
            .with_timeout(PATIENCE)
            .build();
        let exporter =
            exporter.map_err(|error| InvalidOtlp { endpoint: config.endpoint.clone(), reason: error.to_string() })?;
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(EVERY)
            .build();
        let mut processor = BatchSpanProcessor::new(told::Told::new(exporter, endpoint), batch);
        let attributes = [
            KeyValue::new("service.version", config.version),
            KeyValue::new("service.instance.id", config.instance.clone()),
            KeyValue::new("orrery.role", config.role.clone()),
        ];
        let resource =
            Resource::builder().with_service_name(config.service.clone()).with_attributes(attributes).build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder(SCOPE).with_version(config.version).build();
        Ok(Arc::new(Self { processor, ratio: config.ratio, scope }))
    }

    /// Sends what still waits, for at most some seconds. Blocks.
    pub fn finish(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(GRACE) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

impl Spans for OtlpSpans {
    fn wants(&self, trace: TraceId, sampled: bool) -> bool {
        sampled && self.ratio.keeps(trace)
    }

    fn tell(&self, span: Span) {
        self.processor.on_end(convert::span(span, self.scope.clone()));
    }
}
