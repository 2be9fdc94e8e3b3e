//! What a handler answers. The status is part of the type, so it cannot drift from the description.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use aide::openapi::{Header, HeaderStyle, MediaType, ParameterSchemaOrContent, ReferenceOr, Response, SchemaObject};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::hidden;
use crate::problem::Problem;

/// An answer that describes itself.
pub(crate) trait Output {
    /// The answer, as far as the caller may see it.
    fn respond(self, sight: Sight) -> HttpResponse;

    /// The statuses and what comes with them.
    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)>;
}

/// What a caller may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All that is answered.
    Everything,
    /// Statuses, and not what went in and came out.
    WithoutPayloads,
}

/// A JSON answer.
pub(crate) struct Reply<const STATUS: u16, T>(pub(crate) T);

impl<const STATUS: u16, T: Serialize + JsonSchema + 'static> Output for Reply<STATUS, T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        as_json(&mut HttpResponse::build(status(STATUS)), self.0, sight)
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        vec![(STATUS, json_response::<T>(schemas, STATUS))]
    }
}

/// A JSON answer about something that has a place of its own.
pub(crate) struct Located<const STATUS: u16, T> {
    location: String,
    body: T,
}

impl<const STATUS: u16, T> Located<STATUS, T> {
    /// An answer about a member of a collection.
    pub(crate) fn new(collection: &str, id: impl std::fmt::Display, body: T) -> Self {
        Self { location: format!("{collection}/{}", escaped(&id.to_string())), body }
    }
}

/// A segment of a path: foreign runs may have any characters in their ids, headers and URLs may not.
fn escaped(segment: &str) -> String {
    let mut path = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            // Writing to a String cannot fail.
            other => drop(write!(path, "%{other:02X}")),
        }
    }
    path
}

impl<const STATUS: u16, T: Serialize + JsonSchema + 'static> Output for Located<STATUS, T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let mut answer = HttpResponse::build(status(STATUS));
        as_json(answer.insert_header((header::LOCATION, self.location)), self.body, sight)
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut response = json_response::<T>(schemas, STATUS);
        let schema = json_schema!({"type": "string", "format": "uri-reference"});
        let location = described_header("Where it can be read.", true, schema);
        response.headers.insert("Location".to_owned(), ReferenceOr::Item(location));
        vec![(STATUS, response)]
    }
}

#[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
pub(super) fn described_header(description: &str, required: bool, json_schema: Schema) -> Header {
    Header {
        description: Some(description.to_owned()),
        style: HeaderStyle::Simple,
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(SchemaObject { json_schema, example: None, external_docs: None }),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    }
}

/// An answer that may come with a warning: the header `Warning` with the code 299, "miscellaneous persistent warning" (RFC
/// 7234, section 5.5). It is marked obsolete for caches, which never used it; clients still look for it.
pub(crate) struct Warned<T> {
    answer: T,
    warning: Option<HeaderValue>,
}

impl<T> Warned<T> {
    /// An answer with a warning, if there is something to warn of. The text must be plain ASCII without quotes; another one
    /// is left out.
    pub(crate) fn new(answer: T, warning: Option<String>) -> Self {
        let plain =
            |text: &String| text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
        let warning = warning.filter(plain).and_then(|text| HeaderValue::try_from(format!("299 - \"{text}\"")).ok());
        Self { answer, warning }
    }
}

impl<T: Output> Output for Warned<T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let mut response = self.answer.respond(sight);
        if let Some(warning) = self.warning {
            response.headers_mut().insert(header::WARNING, warning);
        }
        response
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = T::describe(schemas);
        for (_, response) in &mut responses {
            let description = "Present where something about the request is going out of use.";
            let warning = described_header(description, false, json_schema!({"type": "string"}));
            response.headers.insert("Warning".to_owned(), ReferenceOr::Item(warning));
        }
        responses
    }
}

/// An answer that nobody on the way may keep: it holds a secret.
pub(crate) struct NotKept<T>(pub(crate) T);

impl<T: Output> Output for NotKept<T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let mut response = self.0.respond(sight);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = T::describe(schemas);
        for (_, response) in &mut responses {
            let kept = described_header("Nobody may keep the answer.", true, json_schema!({"const": "no-store"}));
            response.headers.insert("Cache-Control".to_owned(), ReferenceOr::Item(kept));
        }
        responses
    }
}

/// Plain text in the format of Prometheus.
pub(crate) struct Exposition(pub(crate) String);

impl Output for Exposition {
    fn respond(self, _: Sight) -> HttpResponse {
        HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(self.0)
    }

    fn describe(_: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let schema = SchemaObject { json_schema: json_schema!({"type": "string"}), example: None, external_docs: None };
        let media = MediaType { schema: Some(schema), ..MediaType::default() };
        let content = [("text/plain".to_owned(), media)].into_iter().collect();
        vec![(200, Response { description: "OK".to_owned(), content, ..Response::default() })]
    }
}

/// The one place where JSON is answered, and payloads are hidden.
fn as_json<T: Serialize + JsonSchema + 'static>(
    answer: &mut HttpResponseBuilder,
    body: T,
    sight: Sight,
) -> HttpResponse {
    if sight == Sight::Everything {
        return answer.json(body);
    }
    match serde_json::to_value(body) {
        Ok(mut body) => {
            hidden::hide::<T>(&mut body);
            answer.json(body)
        }
        Err(error) => HttpResponse::from_error(Problem::internal(error)),
    }
}

/// Describes a JSON answer.
pub(crate) fn json_response<T: JsonSchema>(schemas: &mut SchemaGenerator, code: u16) -> Response {
    let schema = SchemaObject { json_schema: schemas.subschema_for::<T>(), example: None, external_docs: None };
    let media = MediaType { schema: Some(schema), ..MediaType::default() };
    let content = [("application/json".to_owned(), media)].into_iter().collect();
    let description = status(code).canonical_reason().unwrap_or_default().to_owned();
    Response { description, content, ..Response::default() }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("the status of a reply is a constant, and every route is tested")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_a_quoted_text_and_what_cannot_be_quoted_is_left_out() {
        let header = |text: &str| {
            let answer = Warned::new(Exposition(String::new()), Some(text.to_owned())).respond(Sight::Everything);
            answer.headers().get(header::WARNING).map(|value| value.to_str().expect("ASCII").to_owned())
        };
        assert_eq!(header("version 1 is old").as_deref(), Some("299 - \"version 1 is old\""));
        assert_eq!((header("\"x\""), header("a\r\nb"), header("\u{fc}")), (None, None, None));
    }

    #[test]
    fn any_id_can_be_a_segment_of_a_path() {
        assert_eq!(escaped("run-0190_c.0~de"), "run-0190_c.0~de");
        assert_eq!(escaped("a b/c?ü"), "a%20b%2Fc%3F%C3%BC");
    }
}
