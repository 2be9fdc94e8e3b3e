//! What can go wrong between here and a server, and the problem documents (RFC 9457) with which it refuses.

use std::fmt;

use serde_json::Value;

use crate::console::plain;

/// Why a request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// There was no answer.
    #[error("{server} {what}")]
    Unreachable {
        /// Where it was asked.
        server: String,
        /// What happened, and what may help.
        what: String,
    },
    /// The server refused it.
    #[error("{0}")]
    Refused(Problem),
    /// There was an answer that no Orrery gives.
    #[error("{request} was answered {status} {what}")]
    Strange {
        /// What was asked for.
        request: String,
        /// The status of the answer.
        status: u16,
        /// What is strange about it, and what may be meant.
        what: String,
    },
    /// What was asked for is not there, or cannot be read: a sentence.
    #[error("{0}")]
    Here(String),
}

impl Trouble {
    /// The refusal, if it is one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Unreachable { .. } | Self::Strange { .. } | Self::Here(_) => None,
        }
    }

    /// Whether the server, or what stands before it, may be there again soon.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Strange { status, .. } | Self::Refused(Problem { status, .. }) => (502..=504).contains(status),
            Self::Here(_) => false,
        }
    }

    /// The same about a run that was being followed.
    pub(crate) fn of_following(self, run: &str) -> Self {
        if !self.is_away() {
            return self;
        }
        Self::Here(format!(
            "{self}\n  run {run} is not lost and goes on; `orrery logs {run} --follow` follows it again"
        ))
    }

    /// Whether the next request will fare no better: nothing is gained by asking for more.
    pub(crate) fn is_for_all(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Strange { .. } => true,
            Self::Refused(problem) => matches!(problem.status, 401 | 429 | 500..),
            Self::Here(_) => false,
        }
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: u16,
    /// What kind of problem it is, stable for programs.
    pub code: String,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// All mistakes of the request.
    pub mistakes: Vec<Mistake>,
    /// By what the occurrence is found in the server's log.
    pub request_id: Option<String>,
}

/// One mistake of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the request, as a JSON Pointer; empty for the whole of it.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// Which rule of workflow documents is broken.
    pub code: Option<String>,
    /// What would mend it.
    pub hint: Option<String>,
}

impl Mistake {
    /// Reads a mistake of a problem document, or a finding of a check.
    pub(crate) fn read(value: &Value) -> Self {
        let text = |member: &str| value[member].as_str().map(str::to_owned);
        let pointer = match value["in"].as_str() {
            Some(part @ ("query" | "path" | "header")) => {
                format!("({part}) {}", text("pointer").unwrap_or_default().trim_start_matches('/'))
            }
            _ => text("pointer").unwrap_or_default(),
        };
        Self { pointer, message: text("message").unwrap_or_default(), code: text("code"), hint: text("hint") }
    }
}

impl Problem {
    /// Reads an answer; none if it is no problem document.
    pub(crate) fn read(status: u16, body: &Value) -> Option<Self> {
        let text = |member: &str| body[member].as_str().map(str::to_owned);
        let detail = text("detail").or_else(|| text("title"))?;
        let mistakes = body["errors"].as_array().map(|all| all.iter().map(Mistake::read).collect()).unwrap_or_default();
        Some(Self { status, code: text("code").unwrap_or_default(), detail, mistakes, request_id: text("request_id") })
    }

    /// What may help, where the status says it.
    fn advice(&self) -> Option<&'static str> {
        match self.status {
            401 => Some("give a key with --api-key or ORRERY_API_KEY, or a token with --token or ORRERY_TOKEN"),
            403 => Some("`GET /api/v1/auth/me` tells what the credential may do"),
            412 => Some("somebody has changed it meanwhile: do it again, and look at the difference"),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    /// All of it, over several lines where there are several mistakes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refuses ({} {}): {}", self.status, self.code, plain(&self.detail))?;
        for mistake in &self.mistakes {
            let place = if mistake.pointer.is_empty() { "the whole".to_owned() } else { plain(&mistake.pointer) };
            write!(f, "\n  {place}: {}", plain(&mistake.message))?;
            if let Some(hint) = &mistake.hint {
                write!(f, " ({})", plain(hint))?;
            }
        }
        if let Some(advice) = self.advice() {
            write!(f, "\n  {advice}")?;
        }
        if let Some(id) = self.request_id.as_ref().filter(|_| self.status >= 500) {
            write!(f, "\n  the server's log has more under request id {id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_shows_every_mistake_with_its_place() {
        let body = json!({"code": "validation_failed", "detail": "Request validation failed", "errors": [
            {"in": "body", "pointer": "/steps/a", "message": "is wrong", "hint": "mend it"},
            {"in": "query", "pointer": "/page", "message": "is too large"},
        ]});
        let problem = Problem::read(422, &body).expect("a problem");
        assert_eq!(
            problem.to_string(),
            "the server refuses (422 validation_failed): Request validation failed\n  /steps/a: is wrong (mend it)\n  \
             (query) page: is too large"
        );
    }

    #[test]
    fn who_gives_up_following_is_told_that_the_run_goes_on() {
        let away = Trouble::Unreachable { server: "http://h".to_owned(), what: "does not answer in time".to_owned() };
        let told = away.of_following("run-1").to_string();
        assert!(
            told.starts_with("http://h does not answer in time") && told.contains("run run-1 is not lost"),
            "{told}"
        );
        let other = Trouble::Here("no".to_owned()).of_following("run-1").to_string();
        assert_eq!(other, "no");
    }

    #[test]
    fn an_answer_of_somebody_else_is_no_problem_document() {
        assert_eq!(Problem::read(404, &json!({"error": "no"})), None);
    }
}
