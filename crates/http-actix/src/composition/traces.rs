//! Spans, on their way to a collector.

use std::sync::Arc;

use adapters_otlp::{OtlpConfig, OtlpSpans};
use anyhow::Context;
use clap::ValueEnum;
use domain::ports::{IdGenerator, NoSpans, Spans};

use super::system::SystemIds;
use crate::cli::Serve;

/// Takes the spans of this process, for as long as it lives.
pub(super) struct Traces(Option<Arc<OtlpSpans>>);

impl Traces {
    /// Begins to send spans, if somebody is to get them. A collector that is away is no error.
    pub(super) fn start(options: &Serve) -> anyhow::Result<Self> {
        let Some(endpoint) = options.traces.otlp_endpoint.as_ref().filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(Self(None));
        };
        let role = options.role.to_possible_value().map(|role| role.get_name().to_owned());
        let config = OtlpConfig {
            endpoint: endpoint.clone(),
            ratio: options.traces.trace_ratio,
            service: options.traces.service_name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            instance: SystemIds.unique().to_string(),
            role: role.unwrap_or_default(),
        };
        Ok(Self(Some(OtlpSpans::start(&config).context("--otlp-endpoint cannot be used")?)))
    }

    /// Where spans go.
    pub(super) fn spans(&self) -> Arc<dyn Spans> {
        match &self.0 {
            Some(spans) => spans.clone(),
            None => Arc::new(NoSpans),
        }
    }

    /// Sends what still waits. The exporter's client blocks, so it gets a thread for that.
    pub(super) async fn finish(self) {
        if let Some(spans) = self.0 {
            let _ = tokio::task::spawn_blocking(move || spans.finish()).await;
        }
    }
}
