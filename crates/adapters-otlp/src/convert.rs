//! A span in OpenTelemetry's shape.

use domain::trace::{Span, SpanKind};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, trace,
    trace::{SpanContext, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The same span.
pub(crate) fn span(span: Span, scope: InstrumentationScope) -> SpanData {
    let Span { place, parent, name, kind, began, ended, attributes, error } = span;
    let context = SpanContext::new(
        TraceId::from(place.trace.0),
        SpanId::from(place.span.0),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    SpanData {
        span_context: context,
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.0)),
        // Only these answer somebody else.
        parent_span_is_remote: matches!(kind, SpanKind::Server | SpanKind::Consumer),
        span_kind: kind_of(kind),
        name: name.into(),
        start_time: began.into(),
        // A clock that was set back makes no span of less than no time.
        end_time: ended.max(began).into(),
        attributes: attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: scope,
    }
}

fn kind_of(kind: SpanKind) -> trace::SpanKind {
    match kind {
        SpanKind::Internal => trace::SpanKind::Internal,
        SpanKind::Server => trace::SpanKind::Server,
        SpanKind::Client => trace::SpanKind::Client,
        SpanKind::Producer => trace::SpanKind::Producer,
        SpanKind::Consumer => trace::SpanKind::Consumer,
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Timestamp,
        trace::{RunTrace, SpanId as Own},
    };

    use super::*;

    #[test]
    fn a_span_keeps_its_ids_its_times_and_its_error() {
        let place = RunTrace::of_text("run-1").named("call");
        let began: Timestamp = "2026-11-22T21:48:10.868387Z".parse().expect("a time");
        let told = Span {
            place,
            parent: Some(Own(7)),
            name: "call agent".to_owned(),
            kind: SpanKind::Client,
            began,
            ended: began - std::time::Duration::from_secs(1),
            attributes: vec![("orrery.run.id", "run-1".to_owned())],
            error: Some("TimeoutError".to_owned()),
        };
        let data = span(told, InstrumentationScope::builder("test").build());
        assert_eq!(data.span_context.trace_id().to_string(), place.trace.to_string());
        assert_eq!(data.span_context.span_id().to_string(), place.span.to_string());
        assert_eq!(data.parent_span_id.to_string(), "0000000000000007");
        assert_eq!(data.start_time, data.end_time, "a clock that was set back");
        assert_eq!(data.status, Status::error("TimeoutError"));
        assert!(data.span_context.is_sampled() && !data.parent_span_is_remote);
    }
}
