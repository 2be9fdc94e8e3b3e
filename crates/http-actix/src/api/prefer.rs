//! How long a client would wait for the outcome: the preference `wait` of the header `Prefer` (RFC 7240).

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use aide::openapi::{
    HeaderStyle, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, Response, SchemaObject,
};
use schemars::{SchemaGenerator, json_schema};

use super::{
    input::{Draft, Incoming, Input},
    output::{Output, Sight, described_header},
};
use crate::problem::Problem;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The longest wait, in seconds. A wish for more is cut, and told so.
const LONGEST: u64 = 60;

/// What the client prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefer {
    wait: Option<u64>,
}

impl Prefer {
    /// A preference that cannot be read is none (RFC 7240, section 2); of several the first counts.
    fn of<'a>(fields: impl Iterator<Item = &'a str>) -> Self {
        let mut preferences = fields.flat_map(|field| field.split(',')).filter_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            Some((name.trim(), value.trim().trim_matches('"')))
        });
        let wait = preferences.find(|(name, _)| name.eq_ignore_ascii_case("wait"));
        let digits = wait
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()));
        // What is too large to be read is larger than what is taken.
        Self { wait: digits.map(|digits| digits.parse().unwrap_or(u64::MAX).min(LONGEST)) }
    }

    /// How long the client would wait.
    pub(crate) fn wait(self) -> Option<Duration> {
        self.wait.map(Duration::from_secs)
    }
}

impl Input for Prefer {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let fields = from.request.headers().get_all(PREFER).filter_map(|value| value.to_str().ok());
        Ok(Some(Self::of(fields)))
    }

    #[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
    fn describe(draft: &mut Draft<'_>) {
        let description = "With `wait=N`, the answer waits up to N seconds, at most 60, for the run to end (RFC 7240). If it does, the \
                           finished run is answered. Whoever hangs up meanwhile loses nothing: the run goes on.";
        let json_schema = json_schema!({"type": "string", "examples": ["wait=10"]});
        let parameter_data = ParameterData {
            name: "Prefer".to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(SchemaObject { json_schema, example: None, external_docs: None }),
            example: None,
            examples: Default::default(),
            explode: None,
            extensions: Default::default(),
        };
        let header = Parameter::Header { parameter_data, style: HeaderStyle::Simple };
        draft.operation.parameters.push(ReferenceOr::Item(header));
    }
}

/// The outcome if it was there in time, or what is answered without waiting.
pub(crate) struct Awaited<Now, Later> {
    prefer: Prefer,
    answer: Result<Now, Later>,
}

impl<Now, Later> Awaited<Now, Later> {
    /// The answer to somebody with this preference.
    pub(crate) fn new(prefer: Prefer, answer: Result<Now, Later>) -> Self {
        Self { prefer, answer }
    }
}

impl<Now: Output, Later: Output> Output for Awaited<Now, Later> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let mut response = match self.answer {
            Ok(now) => now.respond(sight),
            Err(later) => later.respond(sight),
        };
        if let Some(seconds) = self.prefer.wait
            && let Ok(value) = HeaderValue::try_from(format!("wait={seconds}"))
        {
            response.headers_mut().insert(APPLIED, value);
        }
        response
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = Now::describe(schemas);
        responses.extend(Later::describe(schemas));
        for (_, response) in &mut responses {
            let description = "How long the answer would have waited for the run to end, where that was preferred.";
            let applied =
                described_header(description, false, json_schema!({"type": "string", "examples": ["wait=10"]}));
            response.headers.insert("Preference-Applied".to_owned(), ReferenceOr::Item(applied));
        }
        responses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_wait_is_found_among_others_and_cut() {
        for (fields, wait) in [
            (vec![], None),
            (vec!["wait=10"], Some(10)),
            (vec!["respond-async, wait=10"], Some(10)),
            (vec!["respond-async", "Wait = \"7\"; x=y"], Some(7)),
            (vec!["wait=61"], Some(60)),
            (vec!["wait=99999999999999999999999"], Some(60)),
            (vec!["wait=0"], Some(0)),
            (vec!["wait=3, wait=9"], Some(3)),
            (vec!["wait=soon"], None),
            (vec!["wait=-1"], None),
            (vec!["wait"], None),
        ] {
            assert_eq!(Prefer::of(fields.iter().copied()).wait, wait, "{fields:?}");
        }
    }
}
