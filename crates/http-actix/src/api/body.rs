//! JSON bodies.

use std::{pin::pin, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{Decompress, Payload},
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use aide::openapi::{MediaType, ReferenceOr, RequestBody, SchemaObject};
use domain::idempotency::Fingerprint;
use futures_util::StreamExt;
use schemars::json_schema;
use serde_json::Value;

use super::{
    guard,
    input::{Draft, Incoming, Input},
    json, once,
    schema::{Checked, Contract},
};
use crate::problem::{Code, Mistake, Part, Problem};

/// A JSON body: read, checked against its schema, checked against its rules.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: Checked> Input for Body<T> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let bytes = bytes(from).await?;
        if bytes.is_empty() {
            let missing = Mistake::new(Part::Body, "", "missing", "is required: a JSON object");
            return Ok(from.settle(Err(vec![missing])));
        }
        let read =
            json::parse(&bytes, from.limits.json_depth).and_then(|value| Contract::of::<T>().read(Part::Body, value));
        let Some(body) = from.settle::<T>(read) else { return Ok(None) };
        guard::names_in_body(&from.request, Some(&body)).await?;
        Ok(Some(Body(body)))
    }

    fn describe(draft: &mut Draft<'_>) {
        describe::<T>(draft, true);
    }
}

/// A body that may be absent, which is the same as `null`.
impl<T: Checked> Input for Option<Body<T>> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        let bytes = bytes(from).await?;
        if bytes.is_empty() {
            return Ok(Some(None));
        }
        let read = json::parse(&bytes, from.limits.json_depth).and_then(|value| match value {
            Value::Null => Ok(None),
            value => Contract::of::<T>().read(Part::Body, value).map(|body| Some(Body(body))),
        });
        let Some(body) = from.settle::<Option<Body<T>>>(read) else { return Ok(None) };
        guard::names_in_body(&from.request, body.as_ref().map(|Body(body)| body)).await?;
        Ok(Some(body))
    }

    fn describe(draft: &mut Draft<'_>) {
        describe::<T>(draft, false);
    }
}

fn describe<T: Checked>(draft: &mut Draft<'_>, required: bool) {
    let schema = draft.requests.subschema_for::<T>();
    // What may be absent may be null as well.
    let json_schema = if required { schema } else { json_schema!({"anyOf": [schema, {"type": "null"}]}) };
    let schema = SchemaObject { json_schema, example: None, external_docs: None };
    let media = MediaType { schema: Some(schema), ..MediaType::default() };
    let content = [("application/json".to_owned(), media)].into_iter().collect();
    draft.operation.request_body = Some(ReferenceOr::Item(RequestBody { content, required, ..RequestBody::default() }));
    draft.problems.extend(PROBLEMS);
}

/// What may be wrong with a body.
const PROBLEMS: [Code; 5] =
    [Code::ValidationFailed, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::BadRequest, Code::RequestTimeout];

/// Where no part takes the body, it must say nothing: not be there, or be the empty object that some libraries always send.
pub(super) async fn none_taken(from: &mut Incoming) -> Result<Option<()>, Problem> {
    let bytes = bytes(from).await?;
    // For the key of a request that takes no body, there is none.
    from.body = None;
    if bytes.is_empty() {
        return Ok(Some(()));
    }
    let read = json::parse(&bytes, from.limits.json_depth).and_then(|value| match value {
        Value::Null => Ok(()),
        Value::Object(members) if members.is_empty() => Ok(()),
        _ => Err(vec![Mistake::new(Part::Body, "", "value_error", "must be absent or empty: nothing is known here")]),
    });
    Ok(from.settle(read))
}

/// The same in a description.
pub(super) fn describe_none(draft: &mut Draft<'_>) {
    draft.problems.extend(PROBLEMS);
}

/// The body's bytes, decompressed. No more of them are ever held than a body may have, and no longer than it may take.
async fn bytes(from: &mut Incoming) -> Result<Bytes, Problem> {
    from.takes_body = true;
    let (most, time) = (from.limits.body_bytes, from.limits.body_time);
    let request = &from.request;
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > most) {
        return Err(too_large(most));
    }
    let mut body = BytesMut::with_capacity(declared.unwrap_or(0));
    let mut chunks = Decompress::from_headers(std::mem::replace(&mut from.payload, Payload::None), request.headers());
    // One deadline for the whole of it: bytes that trickle do not stretch it.
    let mut deadline = pin!(tokio::time::sleep(time));
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = chunks.next() => chunk,
            () = &mut deadline => return Err(too_slow(time)),
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| unreadable(request, &error))?;
        if body.len() + chunk.len() > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&chunk);
    }
    // Whoever sends no body may declare it as anything.
    if !body.is_empty() && !is_json(request.content_type()) {
        return Err(not_json());
    }
    if once::has_key(request) {
        from.body = Some(Fingerprint::of(&[&body]));
    }
    Ok(body.freeze())
}

/// An absent type is JSON, as the old API took it.
fn is_json(content_type: &str) -> bool {
    let name = content_type.trim().to_ascii_lowercase();
    name.is_empty() || name == "application/json" || (name.starts_with("application/") && name.ends_with("+json"))
}

fn too_large(most: usize) -> Problem {
    let mebibytes = if most.is_multiple_of(1 << 20) { format!(" ({} MiB)", most >> 20) } else { String::new() };
    Problem::new(Code::BodyTooLarge, format!("The body is larger than the limit of {most} bytes{mebibytes}"))
}

/// What libraries say of it is for those who wrote them; the log has it.
fn unreadable(request: &HttpRequest, error: &PayloadError) -> Problem {
    let coding = request.headers().get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let why = match (error, coding) {
        (PayloadError::Incomplete(None), _) => "it ends before all of it has come".to_owned(),
        // What a decoder finds wrong comes as the first of these.
        (PayloadError::Incomplete(Some(_)) | PayloadError::EncodingCorrupted | PayloadError::Io(_), Some(coding)) => {
            format!("it is no sound '{coding}', which its Content-Encoding says it is")
        }
        _ => "it is not what the head of the request says".to_owned(),
    };
    Problem::new(Code::BadRequest, format!("The body cannot be read: {why}")).cause(error.to_string())
}

fn too_slow(time: Duration) -> Problem {
    Problem::new(Code::RequestTimeout, format!("The body did not arrive within {} ms", time.as_millis()))
}

fn not_json() -> Problem {
    Problem::new(Code::UnsupportedMediaType, "The body must be JSON: send 'Content-Type: application/json'")
}
