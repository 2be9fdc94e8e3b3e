//! What answers mean (contract 7.4).

use crate::support::{RawAgent, call, completed};
use domain::runs::{CallFailure, FailureKind};
use serde_json::{Value, json};

fn result(result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": call().ids.task, "result": result})
}

async fn failure_of(answer: Value) -> CallFailure {
    RawAgent::saying(&answer).await.failure().await
}

#[tokio::test]
async fn the_output_is_the_result_with_its_texts_and_ids() {
    let result = result(&json!({
        "id": "T", "contextId": "C", "status": {"state": "completed"}, "n": 3,
        "artifacts": [
            {"parts": [{"kind": "text", "text": "one"}, {"kind": "data", "data": {"z": 1}}]},
            {"parts": [{"kind": "text", "text": "two"}]},
        ],
        "history": [
            {"role": "agent", "parts": [{"kind": "text", "text": "first"}]},
            {"role": "agent", "parts": [{"kind": "data", "data": 1}, {"kind": "text", "text": "last"}]},
            {"role": "user", "parts": [{"kind": "text", "text": "question"}]},
        ],
    }));
    let output = completed(RawAgent::saying(&result).await.call().await);
    let mut expected = result["result"].clone();
    expected["text"] = json!("one\ntwo");
    expected["response"] = json!("last");
    expected["context_id"] = json!("C");
    expected["task_id"] = json!("T");
    assert_eq!(output, expected);
}

#[tokio::test]
async fn members_that_the_answer_does_not_have_are_not_made_up() {
    let result = json!({"status": {"state": "completed"}, "artifacts": [{"parts": []}], "history": [{"role": "user"}]});
    let mut answer = self::result(&result);
    answer["error"] = Value::Null;
    assert_eq!(completed(RawAgent::saying(&answer).await.call().await), result);
}

#[tokio::test]
async fn an_answer_without_an_id_is_taken() {
    for id in [None, Some(Value::Null)] {
        let mut answer = json!({"jsonrpc": "2.0", "result": {"status": {"state": "completed"}}});
        if let Some(id) = id {
            answer["id"] = id;
        }
        completed(RawAgent::saying(&answer).await.call().await);
    }
}

#[tokio::test]
async fn a_json_rpc_error_is_definite() {
    for (error, message) in [
        (json!({"code": -32000, "message": "bad"}), "JSON-RPC Error -32000: bad"),
        (json!({"code": 1, "message": {"a": "b"}}), r#"JSON-RPC Error 1: {"a":"b"}"#),
        (json!({"code": 1, "message": "a\u{0}b\nc"}), "JSON-RPC Error 1: a b c"),
        (json!("no"), "JSON-RPC Error without a code: no"),
    ] {
        let failure = failure_of(json!({"jsonrpc": "2.0", "id": call().ids.task, "error": error})).await;
        assert_eq!(failure, CallFailure::definite(FailureKind::Rpc, message));
    }
}

#[tokio::test]
async fn a_task_that_is_over_is_definite_and_one_that_goes_on_is_not() {
    for (result, message, definite) in [
        (json!({"status": {"state": "failed"}}), "Task state: failed", true),
        (
            json!({"status": {"state": "failed", "message": {"parts": [{"kind": "text", "text": "no quota"}]}}}),
            "Task state: failed: no quota",
            true,
        ),
        (json!({"status": {"state": "canceled"}}), "Task state: canceled", true),
        (json!({"status": {"state": "rejected"}}), "Task state: rejected", true),
        (json!({"status": {"state": "working"}}), "Task state: working", false),
        (json!({"status": {"state": "submitted"}}), "Task state: submitted", false),
        (json!({"status": {"state": "input-required"}}), "Task state: input-required", false),
        (json!({"status": {"state": "auth-required"}}), "Task state: auth-required", false),
        (json!({"kind": "message", "role": "agent", "parts": []}), "Task state: unknown", false),
        (json!({"status": "completed"}), "Task state: unknown", false),
    ] {
        let failure = failure_of(self::result(&result)).await;
        assert_eq!((failure.message.as_str(), failure.definite), (message, definite));
    }
}

#[tokio::test]
async fn nonsense_is_an_unknown_outcome() {
    let task_id = call().ids.task;
    let done = json!({"status": {"state": "completed"}});
    for (answer, message) in [
        (json!({"id": task_id, "result": done}), "Response missing 'jsonrpc' field"),
        (json!({"status": "completed", "output": {}}), "Response missing 'jsonrpc' field"),
        (json!({"jsonrpc": "1.0", "id": task_id, "result": done}), "Unsupported JSON-RPC version: 1.0"),
        (json!({"jsonrpc": 2, "id": task_id, "result": done}), "Unsupported JSON-RPC version: 2"),
        (json!({"jsonrpc": "2.0", "id": task_id}), "Response missing both 'result' and 'error'"),
        (json!({"jsonrpc": "2.0", "id": task_id, "error": null}), "Response missing both 'result' and 'error'"),
        (json!({"jsonrpc": "2.0", "id": task_id, "result": "done"}), "the answer's 'result' is not an object"),
        (json!({"jsonrpc": "2.0", "id": "other", "result": done}), "the agent answered with the id of another request"),
        (json!({"jsonrpc": "2.0", "id": 7, "error": {"code": 1}}), "the agent answered with the id of another request"),
        (json!([1, 2]), "the answer is not a JSON object"),
    ] {
        let failure = failure_of(answer).await;
        assert_eq!((failure.message.as_str(), failure.definite), (message, false));
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_an_unknown_outcome() {
    for (body, message) in [
        ("", "the answer is not JSON: EOF while parsing a value at line 1 column 0"),
        ("<html>", "the answer is not JSON: expected value at line 1 column 1"),
        (r#"{"jsonrpc": "2.0", "#, "the answer is not JSON: EOF while parsing a value at line 1 column 19"),
    ] {
        let failure = RawAgent::answering("200 OK", "", body).await.failure().await;
        assert_eq!((failure.message.as_str(), failure.definite), (message, false));
    }
}

#[tokio::test]
async fn an_output_that_no_store_can_keep_fails_with_the_reason() {
    let nul = failure_of(result(&json!({"status": {"state": "completed"}, "a": "x\u{0}y"}))).await;
    assert!(nul.message.contains("cannot be kept: text contains the character U+0000"), "{}", nul.message);
    assert!(nul.definite);

    let deep = format!(r#"{{"jsonrpc":"2.0","result":{{"a":{}{}}}}}"#, "[".repeat(1000), "]".repeat(1000));
    let deep = RawAgent::answering("200 OK", "", &deep).await.failure().await;
    let expected =
        format!("the agent's output cannot be kept: nested deeper than {} levels", domain::payload::MAX_DEPTH);
    assert_eq!(deep.message, expected);
    assert!(deep.definite);
}
