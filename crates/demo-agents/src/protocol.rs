//! JSON-RPC 2.0 `message/send` of A2A 0.3, as much of it as an agent needs that answers at once.

use std::{borrow::Cow, collections::BTreeMap};

use actix_web::{HttpResponse, http::header::ContentType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// Members of a result that belong to the protocol; an input's member of that name is not returned in it.
const RESERVED: [&str; 5] = ["id", "contextId", "kind", "status", "artifacts"];

/// A call, borrowed from the request's bytes.
pub(crate) struct Call<'a> {
    id: Option<&'a RawValue>,
    /// The message's id: the same for each repetition of a call.
    pub(crate) message_id: Cow<'a, str>,
    context_id: Option<String>,
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "messageId")]
    id: Cow<'a, str>,
    #[serde(rename = "contextId")]
    context_id: Option<String>,
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    text: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Members of an input, unparsed.
pub(crate) type RawMembers<'a> = BTreeMap<String, &'a RawValue>;

impl<'a> Call<'a> {
    /// Reads a request; what is no proper call is refused.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Refusal<'a>> {
        let request: Request<'a> =
            serde_json::from_slice(body).map_err(|e| Refusal::new(None, -32700, format!("Parse error: {e}")))?;
        if request.jsonrpc != "2.0" {
            return Err(Refusal::new(request.id, -32600, "Invalid request: jsonrpc must be \"2.0\""));
        }
        if request.method != "message/send" {
            return Err(Refusal::new(request.id, -32601, "Method not found: this agent knows message/send only"));
        }
        let params = request.params.map_or("null", RawValue::get);
        let params: Params<'a> = serde_json::from_str(params)
            .map_err(|e| Refusal::new(request.id, -32602, format!("Invalid params: {e}")))?;
        let message = params.message;
        Ok(Self { id: request.id, message_id: message.id, context_id: message.context_id, parts: message.parts })
    }

    /// The input's members, unparsed: those of the data part, or of the text if it is a JSON object.
    pub(crate) fn raw_members(&self) -> Option<RawMembers<'_>> {
        let data = self.parts.iter().find_map(|part| part.data).map(RawValue::get);
        serde_json::from_str(data.or_else(|| self.text())?).ok()
    }

    /// The input's members; a text that is no JSON object is the member `text`.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let data = self.parts.iter().find_map(|part| part.data).map(RawValue::get);
        let text = self.text().unwrap_or_default();
        let object = serde_json::from_str(data.unwrap_or(text)).ok();
        object.unwrap_or_else(|| Map::from_iter([("text".to_owned(), Value::from(text))]))
    }

    /// The first text part.
    pub(crate) fn text(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| part.text.as_deref())
    }

    /// The answer of an agent that refuses: a JSON-RPC error of its own (-32000, section 5.1).
    pub(crate) fn refused(&self, why: &str) -> HttpResponse {
        Refusal::new(self.id, -32000, why).response()
    }

    /// The answer of a task that failed.
    pub(crate) fn failed(&self, said: &str) -> HttpResponse {
        self.task("failed", &Map::new(), Some(said))
    }

    /// The answer of a completed task; `members` stand directly in its result, `said` is what people read.
    pub(crate) fn completed<M: Serialize>(&self, members: &M, said: Option<&str>) -> HttpResponse {
        self.task("completed", members, said)
    }

    fn task<M: Serialize>(&self, state: &'static str, members: &M, said: Option<&str>) -> HttpResponse {
        let artifacts = said.map(Artifact::of).into_iter().collect();
        let result = Task {
            // Derived, so that the answer to a repeated call is the same answer.
            id: format!("task-of-{}", self.message_id),
            context_id: self.context_id.clone().unwrap_or_else(|| format!("context-of-{}", self.message_id)),
            kind: "task",
            status: Status { state },
            artifacts,
            members,
        };
        answer(&Ended { jsonrpc: "2.0", id: self.id, result })
    }
}

/// Leaves out the members that a result needs for itself.
pub(crate) fn without_reserved(mut members: RawMembers<'_>) -> RawMembers<'_> {
    members.retain(|name, _| !RESERVED.contains(&name.as_str()));
    members
}

#[derive(Serialize)]
struct Ended<'a, M> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    result: Task<'a, M>,
}

#[derive(Serialize)]
struct Task<'a, M> {
    id: String,
    #[serde(rename = "contextId")]
    context_id: String,
    kind: &'static str,
    status: Status,
    artifacts: Vec<Artifact<'a>>,
    #[serde(flatten)]
    members: &'a M,
}

#[derive(Serialize)]
struct Status {
    state: &'static str,
}

#[derive(Serialize)]
struct Artifact<'a> {
    #[serde(rename = "artifactId")]
    artifact_id: &'static str,
    parts: [TextPart<'a>; 1],
}

#[derive(Serialize)]
struct TextPart<'a> {
    kind: &'static str,
    text: &'a str,
}

impl<'a> Artifact<'a> {
    fn of(text: &'a str) -> Self {
        Self { artifact_id: "answer", parts: [TextPart { kind: "text", text }] }
    }
}

/// A JSON-RPC error.
#[derive(Serialize)]
pub(crate) struct Refusal<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    error: RpcError,
}

#[derive(Serialize)]
struct RpcError {
    code: i32,
    message: String,
}

impl<'a> Refusal<'a> {
    fn new(id: Option<&'a RawValue>, code: i32, message: impl Into<String>) -> Self {
        Self { jsonrpc: "2.0", id, error: RpcError { code, message: message.into() } }
    }

    /// The refusal as an answer.
    pub(crate) fn response(&self) -> HttpResponse {
        answer(self)
    }
}

fn answer(body: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(body) => HttpResponse::Ok().insert_header(ContentType::json()).body(body),
        Err(e) => HttpResponse::InternalServerError().body(e.to_string()),
    }
}
