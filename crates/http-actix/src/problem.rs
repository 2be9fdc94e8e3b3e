//! Problem documents (RFC 9457): what every refusal of the REST API looks like.
//!
//! A [`Problem`] says what went wrong. When, where and under which request id is added by the boundary around all routes
//! (`api::boundary`), which also logs what a client must not see.

mod codes;

use std::{error::Error, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use domain::access::{Forbidden, Right};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use codes::errors_html;
pub use codes::{Code, errors_markdown};

/// The content type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How to become known (RFC 9110, section 11.6.1).
const CHALLENGES: [&str; 2] = ["Bearer realm=\"orrery\"", "ApiKey realm=\"orrery\""];

/// The most mistakes that one answer lists.
const MAX_MISTAKES: usize = 100;

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Part {
    Body,
    Query,
    Path,
    Header,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
        }
    }
}

/// One mistake of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Mistake")]
pub(crate) struct Mistake {
    /// The part of the request that has the mistake.
    #[serde(rename = "in")]
    pub(crate) part: Part,
    /// The place, as a JSON Pointer (RFC 6901) into that part; empty for the whole of it.
    pub(crate) pointer: String,
    /// The same place in dotted form, led by the part.
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) message: String,
    /// The kind of mistake, in the words of the old API.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Which rule of workflow documents is broken, stable for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Mistake {
    /// A mistake at a place.
    pub(crate) fn new(part: Part, pointer: impl Into<String>, kind: &'static str, message: impl Into<String>) -> Self {
        let pointer = pointer.into();
        let dotted = pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"));
        let field = dotted.fold(part.as_str().to_owned(), |field, segment| format!("{field}.{segment}"));
        Self { part, pointer, field, message: message.into(), kind, code: None, hint: None }
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same under another dotted name.
    pub(crate) fn field(mut self, field: String) -> Self {
        self.field = field;
        self
    }
}

/// Why a request was refused.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    mistakes: Vec<Mistake>,
    allow: Option<Box<str>>,
    right: Option<Right>,
    retry_after: Option<Duration>,
    etag: Option<Box<str>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A refusal with a sentence for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            mistakes: Vec::new(),
            allow: None,
            right: None,
            retry_after: None,
            etag: None,
            cause: None,
        }
    }

    /// A refusal because of mistakes in the request. The detail begins with the text of the old API and goes on with the
    /// first mistake, because some clients show nothing else.
    pub(crate) fn mistakes(code: Code, mistakes: Vec<Mistake>) -> Self {
        let first = mistakes.first().map(|m| format!(": {} {}", m.field, m.message)).unwrap_or_default();
        let others = match mistakes.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let mut problem = Self::new(code, format!("Request validation failed{first}{others}"));
        problem.mistakes = mistakes;
        problem.mistakes.truncate(MAX_MISTAKES);
        problem
    }

    /// The server's own fault. The cause is logged and not told.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "An unexpected error occurred. Please try again later.";
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal, detail) }
    }

    /// Whoever asks is not known. The answer is the same whatever is wrong with what was presented.
    pub(crate) fn unauthenticated() -> Self {
        let detail =
            "Valid credentials are needed: an API key in the header X-API-Key, or a token in the header Authorization";
        Self::new(Code::Unauthenticated, detail)
    }

    /// Whoever asks is known, and may not.
    pub(crate) fn forbidden(forbidden: Forbidden) -> Self {
        match forbidden {
            Forbidden::Lacks(right) => {
                let detail = format!("The role lacks the right {}", right.as_str());
                Self { right: Some(right), ..Self::new(Code::Forbidden, detail) }
            }
            Forbidden::Exceeds { given, own, right } => {
                let (given, own, lacks) = (given.as_str(), own.as_str(), right.as_str());
                let detail = format!(
                    "Nobody gives more than they have: the role {given} is more than the credential's role {own}, which lacks the \
                     right {lacks}"
                );
                Self { right: Some(right), ..Self::new(Code::Forbidden, detail) }
            }
            Forbidden::OutOfScope(restriction) => {
                Self::new(Code::OutOfScope, format!("The credential is restricted: {restriction}"))
            }
            Forbidden::Attenuated => {
                Self::new(Code::TokenRestricted, "The token was restricted by its holder and does not allow this")
            }
        }
    }

    /// The same with the places in the request that it is refused for.
    pub(crate) fn because_of(self, mistakes: Vec<Mistake>) -> Self {
        let title = self.code.title();
        let first = mistakes.first().map(|mistake| format!("{title}: {} {}", mistake.field, mistake.message));
        let mut problem = Self { detail: first.unwrap_or(self.detail), mistakes, ..self };
        problem.mistakes.truncate(MAX_MISTAKES);
        problem
    }

    /// A request was done by an attempt that could not answer, and its use case cannot tell what it would have.
    pub(crate) fn answer_lost() -> Self {
        let detail = "The request was carried out, and its answer was lost; it is not carried out again under this Idempotency-Key";
        Self::new(Code::IdempotencyAnswerLost, detail)
    }

    /// The same with another detail.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same with a cause for the log.
    pub(crate) fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same for those who must not see data. What else is told quotes at most what the caller has sent.
    pub(crate) fn without_payloads(self) -> Self {
        match self.code {
            // A stored input may not fit, and what is wrong with it quotes it.
            Code::DeadLetterNotReplayable => self.detail(Code::DeadLetterNotReplayable.meaning()),
            _ => self,
        }
    }

    /// A refused method, with those that are allowed.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        Self { allow: Some(allowed.into()), ..Self::new(Code::MethodNotAllowed, "Method Not Allowed") }
    }

    /// The same with the time after which the request can be repeated.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same with the entity tag of what is there.
    pub(crate) fn etag(self, tag: String) -> Self {
        Self { etag: Some(tag.into()), ..self }
    }

    /// What went wrong, for people.
    pub(crate) fn text(&self) -> &str {
        &self.detail
    }

    /// Which problem it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What goes into the log.
    pub(crate) fn cause_text(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| {
            let mut text = cause.to_string();
            let mut next = cause.source();
            while let Some(deeper) = next {
                text = format!("{text}: {deeper}");
                next = deeper.source();
            }
            text
        })
    }

    /// The answer, with what only the boundary knows.
    pub(crate) fn render(&self, occurrence: Occurrence) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if let Some(methods) = &self.allow {
            answer.insert_header((header::ALLOW, &**methods));
        }
        if let Some(tag) = &self.etag {
            answer.insert_header((header::ETAG, &**tag));
        }
        if self.code.status() == 401 {
            for challenge in CHALLENGES {
                answer.append_header((header::WWW_AUTHENTICATE, challenge));
            }
        }
        let unless_told = (self.code.status() == 503).then_some(Duration::from_secs(1));
        if let Some(wait) = self.retry_after.or(unless_told) {
            answer.insert_header((header::RETRY_AFTER, wait.as_secs()));
        }
        if matches!(self.code, Code::RequestTimeout | Code::BodyTooLarge) {
            // What is left of the body is not read, so nothing can follow it.
            answer.force_close();
        }
        let mut document = ProblemDocument::new(self.code, &self.detail, &self.mistakes, occurrence);
        document.required_right = self.right.map(Right::as_str);
        // Texts and numbers only: it always has a JSON form.
        answer.content_type(PROBLEM_JSON).body(serde_json::to_vec(&document).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Without the boundary: the bare status. Behind it, [`Problem::render`] takes this answer's place.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// When and where a problem occurred.
#[derive(Debug, Clone)]
pub(crate) struct Occurrence {
    pub(crate) timestamp: String,
    pub(crate) path: String,
    pub(crate) request_id: String,
}

/// A problem document (RFC 9457), with the members of the old API's errors.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemDocument<'a> {
    /// What kind of problem, as a reference to its description.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every problem of this kind.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, for people. Always a text.
    detail: &'a str,
    /// What went wrong, stable for programs.
    code: &'a str,
    /// Every mistake of the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(with = "Vec<Mistake>")]
    errors: &'a [Mistake],
    /// The right that the caller lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    required_right: Option<&'a str>,
    /// For old clients: the kind of error by status.
    error: &'a str,
    /// For old clients: the HTTP status again.
    status_code: u16,
    /// When it occurred, UTC.
    timestamp: String,
    /// The path of the request.
    path: String,
    /// Names this occurrence in the server's log.
    request_id: String,
}

impl<'a> ProblemDocument<'a> {
    pub(crate) fn new(code: Code, detail: &'a str, errors: &'a [Mistake], occurrence: Occurrence) -> Self {
        let Occurrence { timestamp, path, request_id } = occurrence;
        Self {
            kind: code.type_uri(),
            title: code.title(),
            status: code.status(),
            detail,
            code: code.as_str(),
            errors,
            required_right: None,
            error: code.legacy_error(),
            status_code: code.status(),
            timestamp,
            path,
            request_id,
        }
    }
}
