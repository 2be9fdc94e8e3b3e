//! A request's place in a trace (W3C Trace Context): its caller's, or one of its own.

use std::sync::Arc;

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{ServiceRequest, ServiceResponse},
};
use domain::{
    Timestamp,
    ports::{Clock, Spans},
    trace::{Span, SpanId, SpanKind, TRACEPARENT, TraceId, TraceParent},
};
use uuid::Uuid;

/// Where what a request causes belongs in a trace; none where nobody follows one.
#[derive(Clone, Copy)]
struct Place(Option<TraceParent>);

/// The place that was found for a request, as use cases are told.
pub(crate) fn place_of(request: &HttpRequest) -> Option<TraceParent> {
    request.extensions().get::<Place>().and_then(|place| place.0)
}

/// Tells of requests, to whoever follows traces.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) spans: Arc<dyn Spans>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A request that is being answered.
pub(crate) struct Traced {
    /// Its own span; none where nobody would keep it.
    own: Option<TraceParent>,
    caller: Option<SpanId>,
    began: Timestamp,
    /// The trace that it belongs to, for the log.
    pub(crate) trace: Option<TraceId>,
}

impl Requests {
    /// A request begins. Its own trace, where its caller has none, is the UUID that it is called by.
    pub(crate) fn begin(&self, request: &ServiceRequest, id: Uuid) -> Traced {
        let header = request.headers().get(TRACEPARENT).and_then(|header| header.to_str().ok());
        let caller: Option<TraceParent> = header.and_then(|header| header.parse().ok());
        // The latter half of such a UUID is drawn by lot; its variant's bits are never all zero.
        let (_, span) = id.as_u64_pair();
        let root = || TraceParent { trace: TraceId(id.as_u128()), span: SpanId(span), sampled: true };
        let own = caller.map_or_else(root, |caller| caller.with(SpanId(span)));
        let is_kept = self.spans.wants(own.trace, own.sampled) && (caller.is_some() || !is_probe(request.path()));
        let place = if is_kept { Some(own) } else { caller };
        request.extensions_mut().insert(Place(place));
        Traced {
            own: is_kept.then_some(own),
            caller: caller.map(|caller| caller.span),
            began: self.clock.now(),
            trace: place.map(|place| place.trace),
        }
    }

    /// It is answered, or its answer begins.
    pub(crate) fn end<B>(&self, traced: &Traced, response: &ServiceResponse<B>, request_id: &str) {
        let Some(place) = traced.own else { return };
        let (request, status) = (response.request(), response.status());
        let method = request.method().as_str();
        let route = request.match_pattern().filter(|route| !route.is_empty()).unwrap_or_else(|| "unmatched".to_owned());
        self.spans.tell(Span {
            place,
            parent: traced.caller,
            name: format!("{method} {route}"),
            kind: SpanKind::Server,
            began: traced.began,
            ended: self.clock.now(),
            attributes: vec![
                ("http.request.method", method.to_owned()),
                ("http.response.status_code", status.as_u16().to_string()),
                ("http.route", route),
                ("orrery.request.id", request_id.to_owned()),
            ],
            error: status.is_server_error().then(|| status.as_u16().to_string()),
        });
    }
}

/// Whether somebody only asks how the process is, which they do all the time.
fn is_probe(path: &str) -> bool {
    path == "/metrics" || path == "/health" || path.starts_with("/health/")
}
