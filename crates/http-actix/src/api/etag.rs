//! Entity tags (RFC 9110, sections 8.8.3 and 13.1): which revision of something was answered, and which one a request is about.
//!
//! A tag is strong: it is made of the id and the revision of what is stored, and of whether payloads were hidden. What an agent's
//! representation tells beyond that, how its calls are getting on, is not covered by it, and never answered with 304.

use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderName, HeaderValue},
};
use aide::openapi::{
    HeaderStyle, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, Response, SchemaObject,
};
use domain::revision::{Expected, Outdated};
use schemars::{SchemaGenerator, json_schema};
use uuid::Uuid;

use super::{
    input::{Draft, Incoming, Input},
    output::{Output, Sight, described_header},
};
use crate::problem::{Code, Mistake, Part, Problem};

/// How the tag of something ends whose payloads are hidden.
const HIDDEN: &str = "-h";

/// The entity tag of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    id: Uuid,
    revision: u64,
}

impl Tag {
    /// The tag of a revision.
    pub(crate) fn new(id: Uuid, revision: u64) -> Self {
        Self { id, revision }
    }

    fn seen_with(self, sight: Sight) -> String {
        match sight {
            Sight::Everything => self.to_string(),
            Sight::WithoutPayloads => format!("\"{}-{}{HIDDEN}\"", self.id, self.revision),
        }
    }

    fn header(self, sight: Sight) -> HeaderValue {
        HeaderValue::try_from(self.seen_with(sight)).expect("a tag is made of visible characters")
    }

    /// Reads what stands between the quotes, however payloads were shown; none for what is no tag of ours.
    fn parse(opaque: &str) -> Option<Self> {
        let (id, revision) = opaque.strip_suffix(HIDDEN).unwrap_or(opaque).rsplit_once('-')?;
        Some(Self { id: Uuid::try_parse(id).ok()?, revision: revision.parse().ok()? })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}-{}\"", self.id, self.revision)
    }
}

impl From<Outdated> for Problem {
    fn from(outdated: Outdated) -> Self {
        let tag = Tag::new(outdated.id, outdated.revision);
        Self::new(Code::PreconditionFailed, outdated.to_string()).etag(tag.to_string())
    }
}

/// An answer about a revision of something.
pub(crate) struct Tagged<T> {
    pub(crate) tag: Tag,
    pub(crate) answer: T,
}

impl<T: Output> Output for Tagged<T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let mut response = self.answer.respond(sight);
        response.headers_mut().insert(header::ETAG, self.tag.header(sight));
        response
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = T::describe(schemas);
        for (_, response) in &mut responses {
            describe_tag(response);
        }
        responses
    }
}

fn describe_tag(response: &mut Response) {
    let text = "Which revision this is; for `If-Match`, and where it is taken for `If-None-Match`.";
    let tag = described_header(text, true, json_schema!({"type": "string", "pattern": "^\"[^\"]+\"$"}));
    response.headers.insert("ETag".to_owned(), ReferenceOr::Item(tag));
}

/// The same for whoever may have that revision: 304 then.
pub(crate) struct Unless<T> {
    pub(crate) known: IfNoneMatch,
    pub(crate) answer: Tagged<T>,
}

impl<T: Output> Output for Unless<T> {
    fn respond(self, sight: Sight) -> HttpResponse {
        let tag = self.answer.tag;
        if self.known.0.is_some_and(|known| known.holds(&tag.seen_with(sight))) {
            return HttpResponse::NotModified().insert_header((header::ETAG, tag.header(sight))).finish();
        }
        self.answer.respond(sight)
    }

    fn describe(schemas: &mut SchemaGenerator) -> Vec<(u16, Response)> {
        let mut responses = Tagged::<T>::describe(schemas);
        let mut same = Response { description: "Not Modified".to_owned(), ..Response::default() };
        describe_tag(&mut same);
        responses.push((304, same));
        responses
    }
}

/// What a header with entity tags says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`.
    Any,
    /// Each with its quotes; those that are weak begin with `W/`.
    These(Vec<String>),
}

impl Tags {
    /// Reads the header, all of its lines together.
    fn read(request: &HttpRequest, name: &HeaderName) -> Result<Option<Self>, ()> {
        let lines: Vec<_> = request.headers().get_all(name).map(HeaderValue::to_str).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let lines: Vec<&str> = lines.into_iter().collect::<Result<_, _>>().map_err(drop)?;
        Self::parse(&lines.join(",")).map(Some).ok_or(())
    }

    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut tags, mut rest) = (Vec::new(), text.trim_matches([' ', '\t', ',']));
        while !rest.is_empty() {
            let weak = rest.strip_prefix("W/");
            let (opaque, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            if opaque.bytes().any(|byte| !byte.is_ascii_graphic()) {
                return None;
            }
            tags.push(format!("{}\"{opaque}\"", if weak.is_some() { "W/" } else { "" }));
            let next = after.trim_start_matches([' ', '\t']);
            if !next.is_empty() && !next.starts_with(',') {
                return None;
            }
            rest = next.trim_start_matches([' ', '\t', ',']);
        }
        (!tags.is_empty()).then_some(Self::These(tags))
    }

    /// Whether a tag is among them, weak ones included (RFC 9110, section 13.1.2).
    fn holds(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|other| other.strip_prefix("W/").unwrap_or(other) == tag),
        }
    }
}

/// The header `If-Match`: what a change is meant for.
pub(crate) struct IfMatch(pub(crate) Expected);

impl Input for IfMatch {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let tags = Tags::read(&from.request, &header::IF_MATCH).map_err(|()| mistake("If-Match"));
        let expected = |tags: Option<Tags>| match tags {
            // Something that is not there is answered 404 in any case.
            None | Some(Tags::Any) => Expected::Any,
            // A weak tag matches nothing here (RFC 9110, section 13.1.1), nor does one of anybody else's.
            Some(Tags::These(tags)) => {
                let opaque = |tag: &String| Some(tag.strip_prefix('"')?.strip_suffix('"')?.to_owned());
                let known = tags.iter().filter_map(|tag| Tag::parse(&opaque(tag)?));
                Expected::These(known.map(|tag| (tag.id, tag.revision)).collect())
            }
        };
        Ok(from.settle(tags.map(|tags| Self(expected(tags)))))
    }

    fn describe(draft: &mut Draft<'_>) {
        describe(
            draft,
            "If-Match",
            "The `ETag` of what was read, several of them, or `*`: nothing is changed if it is another \
                                     by now.",
        );
        draft.problems.extend([Code::PreconditionFailed, Code::ValidationFailed]);
    }
}

/// The header `If-None-Match`: what whoever asks has already.
pub(crate) struct IfNoneMatch(Option<Tags>);

impl Input for IfNoneMatch {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let tags = Tags::read(&from.request, &header::IF_NONE_MATCH).map_err(|()| mistake("If-None-Match"));
        Ok(from.settle(tags.map(Self)))
    }

    fn describe(draft: &mut Draft<'_>) {
        describe(
            draft,
            "If-None-Match",
            "The `ETag` of what was read, several of them, or `*`: if it is still the same, the \
                                          answer is 304 without a body.",
        );
        draft.problems.insert(Code::ValidationFailed);
    }
}

fn mistake(name: &str) -> Vec<Mistake> {
    let message = "must be `*`, or a list of entity tags, each in quotes";
    vec![Mistake::new(Part::Header, format!("/{name}"), "value_error", message)]
}

#[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
fn describe(draft: &mut Draft<'_>, name: &str, text: &str) {
    let pattern = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
    let json_schema = json_schema!({"type": "string", "pattern": pattern});
    let schema = SchemaObject { json_schema, example: None, external_docs: None };
    let parameter_data = ParameterData {
        name: name.to_owned(),
        description: Some(text.to_owned()),
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(schema),
        example: Some("\"0190c0de-0000-7000-8000-000000000001-3\"".into()),
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    };
    let parameter = Parameter::Header { parameter_data, style: HeaderStyle::Simple };
    draft.operation.parameters.push(ReferenceOr::Item(parameter));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_as_it_is_written() {
        let these = |tags: &[&str]| Some(Tags::These(tags.iter().map(ToString::to_string).collect()));
        for (text, tags) in [
            ("*", Some(Tags::Any)),
            (" * ", Some(Tags::Any)),
            ("\"a\"", these(&["\"a\""])),
            ("\"a\", W/\"b\" ,\"c,d\"", these(&["\"a\"", "W/\"b\"", "\"c,d\""])),
            (",\"a\",,\"b\",", these(&["\"a\"", "\"b\""])),
            ("\"\"", these(&["\"\""])),
            ("", None),
            ("a", None),
            ("\"a", None),
            ("\"a\"b", None),
            ("\"a b\"", None),
            ("*, \"a\"", None),
            ("w/\"a\"", None),
        ] {
            assert_eq!(Tags::parse(text), tags, "{text}");
        }
    }

    #[test]
    fn a_tag_comes_back_from_its_text_however_payloads_are_shown() {
        let tag = Tag::new(Uuid::from_u128(7), 12);
        for sight in [Sight::Everything, Sight::WithoutPayloads] {
            let text = tag.seen_with(sight);
            assert_eq!(Tag::parse(text.trim_matches('"')), Some(tag), "{text}");
        }
        assert_ne!(tag.seen_with(Sight::Everything), tag.seen_with(Sight::WithoutPayloads));
        for other in ["", "x", "1-2", "00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000007-"] {
            assert_eq!(Tag::parse(other), None, "{other}");
        }
    }
}
