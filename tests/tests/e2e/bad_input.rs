//! Requests that are refused: each with a problem document that names the place, and nothing stored.

use e2e_tests::{Answer, workflow};
use reqwest::Method;
use serde_json::{Value, json};

use crate::House;

/// A request that is refused, and where its mistake is.
struct Case {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    status: u16,
    /// JSON Pointers that `errors[]` must name; none where the mistake has no place in a document.
    pointers: &'static [&'static str],
}

fn post(what: &'static str, path: &str, body: &Value, status: u16, pointers: &'static [&'static str]) -> Case {
    let body = Some(body.to_string().into_bytes());
    Case { what, method: Method::POST, path: path.to_owned(), body, status, pointers }
}

/// Two sound steps, changed by the case.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = workflow("changed", &[("first", "echo"), ("second", "echo")]);
    change(&mut document);
    document
}

fn cases_of_documents() -> Vec<Case> {
    let document = |what, document: Value, pointers| post(what, "/workflows", &document, 422, pointers);
    vec![
        document(
            "an unknown step in next_step",
            changed(|d| d["steps"]["second"]["next_step"] = "nowhere".into()),
            &["/steps/second/next_step"],
        ),
        document(
            "a cycle",
            changed(|d| d["steps"]["second"]["next_step"] = "first".into()),
            &["/steps/second/next_step"],
        ),
        document(
            "an unreachable step",
            changed(|d| d["steps"]["first"]["next_step"] = Value::Null),
            &["/steps/second"],
        ),
        document("an unknown start", changed(|d| d["start_step"] = "nowhere".into()), &["/start_step"]),
        document(
            "a reference to a later step",
            changed(|d| d["steps"]["first"]["input_mapping"]["text"] = "${second.output.text}".into()),
            &["/steps/first/input_mapping/text"],
        ),
        document(
            "a reference to a step that does not exist",
            changed(|d| d["steps"]["second"]["input_mapping"]["text"] = "${ghost.output.text}".into()),
            &["/steps/second/input_mapping/text"],
        ),
        document("an unknown member of a workflow", changed(|d| d["colour"] = "red".into()), &["/colour"]),
        document(
            "an unknown member of a step",
            changed(|d| d["steps"]["first"]["colour"] = "red".into()),
            &["/steps/first/colour"],
        ),
        document("a missing name", changed(|d| d["name"] = Value::Null), &["/name"]),
        document(
            "several mistakes at once",
            changed(|d| {
                d["steps"]["second"]["next_step"] = "nowhere".into();
                d["steps"]["first"]["input_mapping"]["text"] = "${second.output.text}".into();
                d["steps"]["second"]["id"] = "another".into();
            }),
            &["/steps/second/next_step", "/steps/first/input_mapping/text", "/steps/second/id"],
        ),
        post(
            "an unknown agent",
            "/workflows",
            &changed(|d| d["steps"]["second"]["agent_name"] = "nobody".into()),
            400,
            &["/steps/second/agent_name"],
        ),
    ]
}

fn cases_of_agents() -> Vec<Case> {
    let url = "http://127.0.0.1:9/";
    let agent = |what, agent: Value, pointers| post(what, "/agents", &agent, 422, pointers);
    vec![
        post("a name that is taken", "/agents", &json!({"name": "echo", "url": url}), 400, &[]),
        agent("an unknown member of an agent", json!({"name": "a", "url": url, "colour": "red"}), &["/colour"]),
        agent("no URL", json!({"name": "a", "url": "not a url"}), &["/url"]),
        agent("a timeout out of bounds", json!({"name": "a", "url": url, "timeout_ms": 1}), &["/timeout_ms"]),
        agent(
            "too many retries",
            json!({"name": "a", "url": url, "retry_config": {"max_retries": 11}}),
            &["/retry_config/max_retries"],
        ),
        agent(
            "all mistakes at once",
            json!({"name": "", "url": "x", "timeout_ms": 1}),
            &["/name", "/url", "/timeout_ms"],
        ),
    ]
}

fn cases_of_requests(workflow: &str) -> Vec<Case> {
    let plain = |what, method, path: &str, body: Option<Vec<u8>>, status| Case {
        what,
        method,
        path: path.to_owned(),
        body,
        status,
        pointers: &[],
    };
    let execute = format!("/workflows/{workflow}/execute");
    let two_megabytes = json!({"name": "large", "description": "x".repeat(2_000_000)}).to_string().into_bytes();
    vec![
        plain("malformed JSON", Method::POST, "/workflows", Some(br#"{"name": "x", "#.to_vec()), 422),
        plain("a body that is no object", Method::POST, "/agents", Some(b"[]".to_vec()), 422),
        plain("a body of 2 MB", Method::POST, "/workflows", Some(two_megabytes), 413),
        plain("a bad UUID", Method::GET, "/workflows/not-a-uuid", None, 422),
        plain("a bad UUID of an agent", Method::GET, "/agents/new", None, 422),
        plain("an unknown workflow", Method::GET, "/workflows/00000000-0000-4000-8000-000000000000", None, 404),
        plain("an unknown run", Method::GET, "/runs/run-00000000-0000-4000-8000-000000000000", None, 404),
        plain("an unknown path", Method::GET, "/nothing", None, 404),
        plain("a page that is too large", Method::GET, "/agents?page_size=101", None, 422),
        post("input that is no object", &execute, &json!({"input_data": 1}), 422, &["/input_data"]),
        post("no input", &execute, &json!({}), 422, &["/input_data"]),
        post("an unknown member of a start", &execute, &json!({"input_data": {}, "colour": 1}), 422, &["/colour"]),
    ]
}

#[tokio::test]
async fn every_bad_request_is_refused_with_its_place_and_changes_nothing() {
    let house = House::new().await;
    let client = house.client();
    let id = client.create(&workflow("sound", &[("only", "echo")])).await;
    let lists = ["agents", "workflows", "runs"];
    let mut before = Vec::new();
    for list in lists {
        before.push(client.total(list).await);
    }

    let mut wrong = Vec::new();
    for case in cases_of_documents().into_iter().chain(cases_of_agents()).chain(cases_of_requests(&id)) {
        let answer = client.send(case.method.clone(), &case.path, case.body.clone()).await;
        if let Err(why) = check(&case, &answer) {
            wrong.push(format!("{}: {why}\n    {} {}", case.what, answer.status, answer.text));
        }
    }

    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
    for (list, before) in lists.into_iter().zip(before) {
        assert_eq!(client.total(list).await, before, "a refused request changed the {list}");
    }
}

fn check(case: &Case, answer: &Answer) -> Result<(), String> {
    if answer.status != case.status {
        return Err(format!("expected {}", case.status));
    }
    if answer.content_type != "application/problem+json" {
        return Err(format!("the content type is '{}'", answer.content_type));
    }
    let problem = answer.json();
    if problem["detail"].as_str().is_none_or(str::is_empty) {
        return Err("detail is no text".into());
    }
    if !problem["code"].is_string() || problem["status"] != case.status {
        return Err("code or status are missing".into());
    }
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if case.status == 422 && errors.is_empty() {
        return Err("errors[] is empty".into());
    }
    for pointer in case.pointers {
        if !errors.iter().any(|error| error["pointer"] == *pointer) {
            return Err(format!("errors[] does not name {pointer}"));
        }
    }
    if errors.iter().any(|error| !error["message"].is_string() || !error["field"].is_string()) {
        return Err("an entry of errors[] lacks its message or its field".into());
    }
    Ok(())
}

#[tokio::test]
async fn two_workflows_of_one_name_are_two_versions_and_two_agents_of_one_name_are_an_error() {
    let house = House::new().await;
    let document = workflow("twice", &[("only", "echo")]);
    house.client().create(&document).await;
    let again = house.client().post("/workflows", &document).await.expect(201);
    assert_eq!(again["version"], 2);
    let agent = json!({"name": "echo", "url": "http://127.0.0.1:9/"});
    let refused = house.client().post("/agents", &agent).await;
    refused.expect(400);
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("'echo'")), "{}", refused.text);
}
