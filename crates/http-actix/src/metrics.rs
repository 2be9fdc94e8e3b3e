//! The measurements of the REST API, through the `metrics` facade, and the process's one recorder behind it.

use std::{sync::OnceLock, time::Duration};

use actix_web::http::{Method, StatusCode};
use domain::access::{Forbidden, Refused};
use measures::Measure;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "orrery_http_requests_total";
const REFUSALS: &str = "orrery_auth_refusals_total";
const DENIALS: &str = "orrery_auth_denials_total";
const DISABLED: &str = "orrery_auth_disabled";
/// How many streams are open.
pub(crate) const STREAMS: &str = "orrery_open_streams";
const DURATION: &str = "orrery_http_request_duration_seconds";
const LIMITED: &str = "orrery_http_rate_limited_total";
const READY: &str = "orrery_component_ready";
const BUILD: &str = "orrery_build_info";

/// Every metric of this crate.
pub const MEASURES: &[Measure] = &[
    Measure::counter(
        REQUESTS,
        "HTTP requests, by method, route and status. Those of 500 and above are errors of the server.",
    )
    .by(&["method", "route", "status"]),
    Measure::histogram(DURATION, "From a request's head to its answer's head.").by(&["method", "route", "status"]),
    Measure::counter(LIMITED, "Requests that were answered 429, by whose limit was reached.").by(&["policy"]),
    Measure::counter(REFUSALS, "Requests that were answered 401, by what was wrong.").by(&["reason"]),
    Measure::counter(DENIALS, "Requests that were answered 403, by what was missing.").by(&["missing"]),
    Measure::gauge(DISABLED, "1 where nobody is asked for credentials."),
    Measure::gauge(STREAMS, "Streams of events that are open."),
    Measure::gauge(READY, "1 where a component worked when `/health/ready` was asked last, else 0.").by(&["component"]),
    Measure::gauge(BUILD, "Always 1; tells which version runs here, in which role.").by(&["version", "role"]),
];

/// The bounds of all latency histograms, in seconds: from a fast commit to a slow agent.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often the recorder folds its samples, which wait in memory until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the process's recorder, or finds the one installed before: the facade knows only one.
pub fn install() -> PrometheusHandle {
    static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics was installed before; /metrics stays empty");
        }
        MEASURES.iter().for_each(Measure::describe);
        keep_up(handle.clone());
        handle
    };
    INSTALLED.get_or_init(install).clone()
}

/// A server that nobody scrapes must not grow. A thread, because it has nothing to finish and ends with the process.
fn keep_up(recorder: PrometheusHandle) {
    let tick = move || {
        loop {
            std::thread::sleep(UPKEEP);
            recorder.run_upkeep();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(tick) {
        tracing::warn!(%error, "without a thread for it, metrics take memory until somebody scrapes them");
    }
}

/// Counts a credential that was refused.
pub(crate) fn refused(refused: Refused) {
    metrics::counter!(REFUSALS, "reason" => refused.code()).increment(1);
}

/// Counts somebody who may not do something.
pub(crate) fn denied(forbidden: &Forbidden) {
    let missing = match forbidden {
        Forbidden::Lacks(right) | Forbidden::Exceeds { right, .. } => right.as_str(),
        Forbidden::OutOfScope(_) => "scope",
        Forbidden::Attenuated => "token",
    };
    metrics::counter!(DENIALS, "missing" => missing).increment(1);
}

/// Counts a request that was one too many.
pub(crate) fn limited(policy: &'static str) {
    metrics::counter!(LIMITED, "policy" => policy).increment(1);
}

/// Tells how a component was found.
pub(crate) fn found(component: &'static str, ready: bool) {
    metrics::gauge!(READY, "component" => component).set(u8::from(ready));
}

/// Tells what runs here.
pub fn runs_as(role: &'static str) {
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION"), "role" => role).set(1);
}

/// Tells whether anybody is asked for credentials.
pub fn asks_for_credentials(asks: bool) {
    metrics::gauge!(DISABLED).set(if asks { 0.0 } else { 1.0 });
}

/// Counts one request. The route is a pattern and unknown methods are one: no label may be chosen by a client.
pub(crate) fn observe(method: &Method, route: Option<String>, status: StatusCode, took: Duration) {
    let method = match method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => known.to_owned(),
        _ => "OTHER".to_owned(),
    };
    let route = route.filter(|route| !route.is_empty()).unwrap_or_else(|| "unmatched".to_owned());
    let labels = [("method", method), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(DURATION, &labels).record(took);
}
