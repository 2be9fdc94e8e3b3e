//! The body of a call: JSON-RPC 2.0 `message/send` (contract 7.3). A pure function of the call, so that the same call is
//! the same bytes.

use std::borrow::Cow;

use domain::{payload::Payload, runs::CallIds};
use serde::Serialize;
use serde_json::Value;

use crate::python_json;

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: &'a str,
    method: &'static str,
    params: Params<'a>,
}

#[derive(Serialize)]
struct Params<'a> {
    message: Message<'a>,
}

/// `kind` is not in the contract, but A2A 0.3 wants it and older agents do not look at it.
#[derive(Serialize)]
struct Message<'a> {
    kind: &'static str,
    role: &'static str,
    #[serde(rename = "messageId")]
    id: &'a str,
    parts: &'a [Part<'a>],
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Part<'a> {
    Text { text: Cow<'a, str> },
    Data { data: &'a Value },
}

/// The bytes of a call.
pub(crate) fn body(input: &Payload, ids: &CallIds) -> Vec<u8> {
    let parts = parts(input);
    let message = Message { kind: "message", role: "user", id: &ids.message, parts: &parts };
    let request = Request { jsonrpc: "2.0", id: &ids.task, method: "message/send", params: Params { message } };
    serde_json::to_vec(&request).expect("a JSON value and texts always serialise")
}

#[derive(Serialize)]
struct AboutTask<'a> {
    jsonrpc: &'static str,
    id: &'a str,
    method: &'static str,
    params: Named<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
}

/// The bytes of `tasks/get` and `tasks/cancel`; the request has the task's id.
pub(crate) fn about_task(method: &'static str, task: &str) -> Vec<u8> {
    let about = AboutTask { jsonrpc: "2.0", id: task, method, params: Named { id: task } };
    serde_json::to_vec(&about).expect("texts always serialise")
}

/// The old rule: the text is the member `text`, else `query`, if it is truthy in Python's sense, else the whole input as
/// JSON. The old executor dropped all other members then; here the whole input follows as a data part.
fn parts(input: &Payload) -> Vec<Part<'_>> {
    let value = input.value();
    let chosen = ["text", "query"].iter().filter_map(|name| value.get(name)).find(|member| truthy(member));
    let Some(member) = chosen else {
        return vec![Part::Text { text: python_json::dumps(value).into() }];
    };
    let text = match member {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(python_json::dumps(other)),
    };
    let mut parts = vec![Part::Text { text }];
    if value.as_object().is_some_and(|members| members.len() > 1) {
        parts.push(Part::Data { data: value });
    }
    parts
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts_of(input: Value) -> Value {
        serde_json::to_value(parts(&Payload::new(input).expect("storable"))).expect("JSON")
    }

    #[test]
    fn an_input_without_text_or_query_is_sent_as_json_text() {
        assert_eq!(parts_of(json!({})), json!([{"kind": "text", "text": "{}"}]));
        assert_eq!(
            parts_of(json!({"z": [1, 2], "name": "Zoë"})),
            json!([{"kind": "text", "text": r#"{"name": "Zo\u00eb", "z": [1, 2]}"#}])
        );
        assert_eq!(parts_of(json!([1, "a"])), json!([{"kind": "text", "text": r#"[1, "a"]"#}]));
    }

    #[test]
    fn a_lone_text_or_query_is_the_text() {
        assert_eq!(parts_of(json!({"text": "héllo"})), json!([{"kind": "text", "text": "héllo"}]));
        assert_eq!(parts_of(json!({"query": "why"})), json!([{"kind": "text", "text": "why"}]));
        assert_eq!(parts_of(json!({"text": 7})), json!([{"kind": "text", "text": "7"}]));
        assert_eq!(parts_of(json!({"query": {"a": 1}})), json!([{"kind": "text", "text": r#"{"a": 1}"#}]));
    }

    #[test]
    fn what_the_chosen_text_leaves_out_follows_as_data() {
        for (input, text) in [
            (json!({"text": "hi", "lang": "de"}), "hi"),
            (json!({"text": "hi", "query": "why"}), "hi"),
            (json!({"text": "", "query": "why"}), "why"),
        ] {
            let expected = json!([{"kind": "text", "text": text}, {"kind": "data", "data": input}]);
            assert_eq!(parts_of(input), expected);
        }
    }

    #[test]
    fn a_text_that_python_holds_false_is_not_chosen() {
        for empty in [json!(null), json!(false), json!(0), json!(0.0), json!(""), json!([]), json!({})] {
            let parts = parts_of(json!({"text": empty, "n": 1}));
            assert_eq!(parts.as_array().map(Vec::len), Some(1), "{parts}");
            assert!(parts[0]["text"].as_str().is_some_and(|text| text.contains(r#""n": 1"#)), "{parts}");
        }
    }
}
