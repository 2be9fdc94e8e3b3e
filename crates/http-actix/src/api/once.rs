//! `Idempotency-Key`: a POST that is sent again under its key is answered as the first time, and done once (G7).
//!
//! The header is that of the IETF's draft (draft-ietf-httpapi-idempotency-key-header), also without its quotes. What is kept
//! is the answer of what was done, or of what was definitely refused; a mistake in the request is found before a key is taken.

use std::{future::Future, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    body::MessageBody,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web,
};
use aide::openapi::{
    Header, HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject,
};
use application::once::{Asked, LEASE, Once, Turn};
use domain::{
    access::Access,
    agents::Secret,
    idempotency::{Fingerprint, IdempotencyKey},
    ports::{Clock, StoreError},
};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{boundary::RequestId, guard::Pass, output::Sight};
use crate::{
    dto::Stamp,
    once,
    problem::{Code, Mistake, Occurrence, Part, Problem},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// For how long an attempt that is under way is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest pause between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// When whoever has waited in vain is told to ask again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The problems that a key may cause.
const PROBLEMS: [Code; 6] = [
    Code::ValidationFailed,
    Code::IdempotencyKeyReused,
    Code::IdempotencyInProgress,
    Code::IdempotencyAnswerLost,
    Code::StoreUnavailable,
    Code::Internal,
];

/// Whether requests of a route may have a key: they change something for somebody who is known.
pub(super) fn applies(method: &Method, access: Access) -> bool {
    *method == Method::POST && access != Access::Public
}

/// Describes the header, and what may come of it.
#[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
pub(super) fn describe(operation: &mut Operation) -> &'static [Code] {
    let schema = |json_schema| {
        ParameterSchemaOrContent::Schema(SchemaObject { json_schema, example: None, external_docs: None })
    };
    let text = "What the client calls this request: a new key, a UUID for instance, for each. The request is done once, however \
                often it is sent with its key, and answered in the same way each time; for 24 hours, unless the server is set \
                otherwise. With another request it is refused.";
    let parameter_data = ParameterData {
        name: "Idempotency-Key".to_owned(),
        description: Some(text.to_owned()),
        required: false,
        deprecated: None,
        format: schema(json_schema!({
            "type": "string",
            "pattern": r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#,
        })),
        example: Some("8e03978e-40d5-43dd-bc93-6894a57f9324".into()),
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    };
    let style = aide::openapi::HeaderStyle::Simple;
    operation.parameters.push(ReferenceOr::Item(Parameter::Header { parameter_data, style }));
    let replayed = Header {
        description: Some("Present, and `true`, where an answer is repeated that was given before.".to_owned()),
        style: HeaderStyle::Simple,
        required: false,
        deprecated: None,
        format: schema(json_schema!({"const": "true"})),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    };
    for response in operation.responses.iter_mut().flat_map(|responses| responses.responses.values_mut()) {
        if let ReferenceOr::Item(response) = response {
            response.headers.insert("Idempotency-Replayed".to_owned(), ReferenceOr::Item(replayed.clone()));
        }
    }
    &PROBLEMS
}

/// Whether there is such a header at all.
pub(super) fn has_key(request: &HttpRequest) -> bool {
    request.headers().contains_key(&IDEMPOTENCY_KEY)
}

/// The key of a request, if it has one.
pub(super) fn key(request: &HttpRequest, pass: &Pass) -> Result<Option<IdempotencyKey>, Vec<Mistake>> {
    let mistake = |message: String| vec![Mistake::new(Part::Header, "/Idempotency-Key", "value_error", message)];
    let mut values = request.headers().get_all(&IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mistake("is given more than once".to_owned()));
    }
    let text = value.to_str().ok().and_then(unquoted).unwrap_or_default();
    IdempotencyKey::parse(&pass.owner(), &text).map(Some).map_err(|invalid| mistake(invalid.to_string()))
}

/// The content of a text in quotes (RFC 9651, section 3.3.3); a bare one is taken as it is.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let (mut content, mut signs) = (String::new(), rest.chars());
    loop {
        match signs.next()? {
            '"' => return signs.next().is_none().then_some(content),
            '\\' => content.push(signs.next().filter(|sign| matches!(sign, '"' | '\\'))?),
            sign => content.push(sign),
        }
    }
}

/// All that makes a request what it is.
pub(super) fn fingerprint(request: &HttpRequest, body: Option<Fingerprint>, sight: Sight) -> Fingerprint {
    let sight: &[u8] = match sight {
        Sight::Everything => b"everything",
        Sight::WithoutPayloads => b"without payloads",
    };
    let body = body.map(|body| *body.bytes()).unwrap_or_default();
    let (method, path, query) = (request.method().as_str(), request.path(), request.query_string());
    Fingerprint::of(&[method.as_bytes(), path.as_bytes(), query.as_bytes(), &body, sight])
}

/// A request with a key.
pub(super) struct Keyed<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) key: IdempotencyKey,
    pub(super) fingerprint: Fingerprint,
    /// Whether the handler finds what an attempt before it has done.
    pub(super) repeatable: bool,
}

impl Keyed<'_> {
    /// Has the work done if that is this request's turn, and answers what it, or whoever has done it, was answered.
    pub(super) async fn answer(
        self,
        work: impl Future<Output = Result<HttpResponse, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        let Some(once) = self.request.app_data::<web::Data<Once>>() else {
            return Err(Problem::internal("nothing keeps answers here"));
        };
        let turn = match self.turn(once).await? {
            Ok(turn) => turn,
            Err(kept) => return kept.respond(),
        };
        // What was done in part, or by a handler that would do it once more, is done by nobody any more.
        let outcome = if !self.repeatable && once.was_done(&turn).await? {
            Err(Problem::answer_lost())
        } else {
            match held(once, &turn, once::within(&turn, work)).await {
                // Refused, perhaps, because it was done before.
                Err(refused) if is_definite(&refused) && once.was_done(&turn).await? => {
                    tracing::debug!(problem.code = refused.code().as_str(), "refused, because it was done before");
                    Err(Problem::answer_lost())
                }
                outcome => outcome,
            }
        };
        self.settle(once, &turn, outcome).await
    }

    /// Waits for the turn, or for the answer of whoever has it.
    async fn turn(&self, once: &Once) -> Result<Result<Turn, Kept>, Problem> {
        let (until, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
        loop {
            match once.ask(&self.key, self.fingerprint).await? {
                Asked::Do(turn) => return Ok(Ok(turn)),
                Asked::Answered(kept) => return Kept::read(&kept).map(Err),
                Asked::Unreadable => return Err(Problem::answer_lost()),
                Asked::Taken => {
                    let detail = "The Idempotency-Key was used for another request: another path or body";
                    let mistake =
                        Mistake::new(Part::Header, "/Idempotency-Key", "value_error", "was used for another request");
                    return Err(Problem::mistakes(Code::IdempotencyKeyReused, vec![mistake]).detail(detail));
                }
                Asked::Wait if Instant::now() >= until => {
                    let detail = "A request with this Idempotency-Key is still being carried out";
                    return Err(Problem::new(Code::IdempotencyInProgress, detail).retry_after(ASK_AGAIN));
                }
                Asked::Wait => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Keeps the answer, or gives the turn back.
    async fn settle(
        &self,
        once: &Once,
        turn: &Turn,
        outcome: Result<HttpResponse, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let response = match outcome {
            Ok(response) => response,
            Err(problem) if is_kept(&problem) => self.rendered(&problem),
            Err(problem) => {
                told(if is_definite(&problem) { once.release(turn).await } else { once.let_go(turn).await });
                return Err(problem);
            }
        };
        let (kept, response) = Kept::of(response);
        let Some(kept) = kept else {
            // Nothing that is answered here is a stream, or no text. It was done all the same, and is not done again.
            tracing::warn!(http.path = self.request.path(), "an answer cannot be kept");
            told(once.let_go(turn).await);
            return Ok(response);
        };
        match once.keep(turn, &kept.text()).await {
            Ok(true) => Ok(response),
            // Somebody has taken this attempt for dead. All are answered the same.
            Ok(false) => match self.turn(once).await {
                Ok(Err(theirs)) => theirs.respond(),
                Ok(Ok(again)) => {
                    told(once.keep(&again, &kept.text()).await.map(drop));
                    Ok(response)
                }
                Err(_) => Ok(response),
            },
            // It is done, whether or not that is remembered; a repetition finds it.
            Err(error) => {
                told(Err(error));
                Ok(response)
            }
        }
    }

    fn rendered(&self, problem: &Problem) -> HttpResponse {
        let now = self.request.app_data::<web::Data<dyn Clock>>().map(|clock| Stamp(clock.now()).to_string());
        problem.render(Occurrence {
            timestamp: now.unwrap_or_default(),
            path: self.request.path().to_owned(),
            request_id: RequestId::of(self.request).0,
        })
    }
}

/// Does the work, and says meanwhile that somebody is at it.
async fn held<T>(once: &Once, turn: &Turn, work: impl Future<Output = T>) -> T {
    let hold = async {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            told(once.hold(turn).await);
        }
    };
    tokio::select! {
        biased;
        outcome = work => outcome,
        never = hold => never,
    }
}

fn told(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "what became of a request with a key could not be written down");
    }
}

/// Whether it is certain that nothing was done. Otherwise the store may have done it all the same.
fn is_definite(problem: &Problem) -> bool {
    problem.code().status() < 500 || problem.code() == Code::Overloaded
}

/// Whether the same request would always be refused in this way, as far as it is up to the request.
fn is_kept(problem: &Problem) -> bool {
    match problem.code() {
        Code::IdempotencyAnswerLost => true,
        code => code.status() < 500 && !matches!(code.status(), 401 | 403 | 408 | 409 | 429),
    }
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Kept {
    /// The answer, if it can be kept, and the same to be sent.
    fn of(response: HttpResponse) -> (Option<Self>, HttpResponse) {
        let (head, body) = response.into_parts();
        let body = match body.try_into_bytes() {
            Ok(body) => body,
            Err(body) => return (None, head.set_body(body)),
        };
        let status = head.status().as_u16();
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = head.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        let headers = headers.collect();
        let kept = String::from_utf8(body.to_vec()).map(|body| Self { status, headers, body });
        (kept.ok(), head.set_body(actix_web::body::BoxBody::new(body)))
    }

    fn text(&self) -> Secret {
        // Texts and numbers only: it always has a JSON form.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    fn read(text: &Secret) -> Result<Self, Problem> {
        serde_json::from_str(text.reveal()).map_err(Problem::internal)
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).map_err(Problem::internal)?);
        for (name, value) in self.headers {
            if name != header::CONTENT_LENGTH.as_str() {
                response.append_header((name, value));
            }
        }
        response.insert_header((REPLAYED, "true"));
        Ok(response.body(self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_stand_in_quotes() {
        for (text, key) in [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            ("\"a\\\"b\\\\\"", Some("a\"b\\")),
            ("ab\"c", Some("ab\"c")),
            ("\"", None),
            ("\"abc", None),
            ("\"abc\"x", None),
            ("\"a\\b\"", None),
            ("\"abc\\\"", None),
        ] {
            assert_eq!(unquoted(text).as_deref(), key, "{text}");
        }
    }

    #[test]
    fn what_may_have_been_done_or_may_yet_be_done_is_not_kept() {
        let kept = |code| is_kept(&Problem::new(code, ""));
        for code in [Code::AgentNameTaken, Code::RunNotFound, Code::InputInvalid, Code::IdempotencyAnswerLost] {
            assert!(kept(code), "{code:?}");
        }
        for code in [
            Code::Unauthenticated,
            Code::Forbidden,
            Code::RequestTimeout,
            Code::ConcurrentChange,
            Code::RateLimited,
            Code::Internal,
            Code::StoreUnavailable,
            Code::Overloaded,
        ] {
            assert!(!kept(code), "{code:?}");
        }
        assert!(is_definite(&Problem::new(Code::Overloaded, "")));
        assert!(!is_definite(&Problem::new(Code::StoreUnavailable, "")));
    }

    #[test]
    fn an_answer_is_kept_with_all_that_makes_it() {
        let response = HttpResponse::Created()
            .insert_header((header::LOCATION, "/api/v1/agents/1"))
            .insert_header((header::ETAG, "\"1\""))
            .content_type("application/json")
            .body("{\"\u{fc}\":1}");
        let kept = Kept::of(response).0.expect("it is a text");
        let again = Kept::read(&kept.text()).and_then(Kept::respond).expect("it was kept");
        let header = |name: &str| again.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        assert_eq!(again.status(), 201);
        assert_eq!(header("location").as_deref(), Some("/api/v1/agents/1"));
        assert_eq!(header("etag").as_deref(), Some("\"1\""));
        assert_eq!(header("idempotency-replayed").as_deref(), Some("true"));
        let body = again.into_body().try_into_bytes().unwrap_or_else(|_| panic!("it is there at once"));
        assert_eq!(body, "{\"\u{fc}\":1}".as_bytes());
    }
}
