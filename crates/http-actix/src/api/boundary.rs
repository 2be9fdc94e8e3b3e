//! The boundary around all routes: correlation ids, problem documents and measurements.
//!
//! Only here it is known when and where something went wrong, so only here problems are rendered and logged, once.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use domain::ports::{Clock, IdGenerator, Spans};
use tracing::Instrument;

use super::traced::Requests;
use crate::{
    dto::Stamp,
    limits::{Limits, Standings},
    metrics,
    problem::{Code, Occurrence, Problem},
};

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The longest correlation id that is taken from a client.
const MAX_CORRELATION_ID: usize = 128;

/// What the boundary needs.
#[derive(Clone)]
pub(crate) struct Boundary {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) spans: Arc<dyn Spans>,
}

/// What a request is called in logs, problem documents and the audit log. Never chosen by a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The id of a request behind the boundary.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }
}

impl Boundary {
    /// Passes a request through.
    pub(crate) async fn pass(
        self,
        mut request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let started = Instant::now();
        let is_head = asks_for_the_head(&mut request);
        let id = self.ids.unique();
        let request_id = id.to_string();
        let requests = Requests { spans: Arc::clone(&self.spans), clock: Arc::clone(&self.clock) };
        let traced = requests.begin(&request, id);
        let correlation = correlation_id(request.request(), &request_id);
        let span = tracing::info_span!(
            "request",
            http.method = %request.method(),
            http.path = request.path(),
            request.id = request_id,
            correlation.id = correlation.to_str().unwrap_or_default(),
            trace_id = traced.trace.map(tracing::field::display),
        );
        request.extensions_mut().insert(RequestId(request_id.clone()));
        let response = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
        let problem = response.response().error();
        let rendered = problem.map(|error| span.in_scope(|| self.render(response.request(), error)));
        let mut response = match rendered {
            Some(rendered) => rendered_in_place(response, rendered),
            None => response,
        };
        response.headers_mut().insert(CORRELATION_ID, correlation);
        self.harden(response.headers_mut());
        let request = response.request().clone();
        Standings::tell(&request, response.headers_mut());
        metrics::observe(request.method(), request.match_pattern(), response.status(), started.elapsed());
        requests.end(&traced, &response, &request_id);
        // The protocol leaves out a body of known length, and says the length. A stream is not even begun.
        let is_stream = matches!(response.response().body().size(), BodySize::Stream);
        Ok(if is_head && is_stream { response.map_body(|_, _| BoxBody::new(body::None::new())) } else { response })
    }

    /// What browsers are told about every answer that does not say otherwise itself.
    fn harden(&self, headers: &mut HeaderMap) {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        for (name, value) in [
            // An answer of the API is no page: nothing in it is run, and nobody frames it.
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            // Nor is it kept where somebody else may find it.
            (header::CACHE_CONTROL, "no-store"),
        ] {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        if let Some(time) = self.limits.hsts
            && let Ok(value) = HeaderValue::try_from(format!("max-age={}", time.as_secs()))
        {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
        }
    }

    fn render(&self, request: &HttpRequest, error: &Error) -> HttpResponse {
        let foreign;
        let problem = if let Some(own) = error.as_error::<Problem>() {
            own
        } else {
            foreign = adopt(error);
            &foreign
        };
        let occurrence = Occurrence {
            timestamp: Stamp(self.clock.now()).to_string(),
            path: request.path().to_owned(),
            request_id: RequestId::of(request).0,
        };
        if let Some(cause) = problem.cause_text() {
            let (id, code) = (&occurrence.request_id, problem.code().as_str());
            tracing::error!(request.id = %id, problem.code = code, error = %cause, "a request failed: {cause}");
        }
        problem.render(occurrence)
    }
}

/// Whether only the head of the answer is wanted: what answers GET answers HEAD too (RFC 9110, 9.3.2), and is asked for it here.
fn asks_for_the_head(request: &mut ServiceRequest) -> bool {
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    is_head
}

/// The client's correlation id if it is a sensible one, or the id of the request.
fn correlation_id(request: &HttpRequest, request_id: &str) -> HeaderValue {
    let sensible = |id: &&HeaderValue| {
        (1..=MAX_CORRELATION_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let given = request.headers().get(CORRELATION_ID).filter(sensible).cloned();
    given.unwrap_or_else(|| HeaderValue::from_str(request_id).expect("a UUID is made of visible characters"))
}

/// Puts the document in the place of a bare refusal, and keeps what others have added to that: the headers of CORS.
fn rendered_in_place<B>(response: ServiceResponse<B>, mut rendered: HttpResponse) -> ServiceResponse<BoxBody> {
    for (name, value) in response.headers() {
        if name == header::VARY || name.as_str().starts_with("access-control-") {
            rendered.headers_mut().append(name.clone(), value.clone());
        }
    }
    response.into_response(rendered)
}

/// What the framework refused before any of our code saw it.
fn adopt(error: &Error) -> Problem {
    match error.as_response_error().status_code().as_u16() {
        404 => Problem::new(Code::NotFound, "Not Found"),
        400..500 => Problem::new(Code::BadRequest, error.to_string()),
        _ => Problem::internal(error.to_string()),
    }
}
