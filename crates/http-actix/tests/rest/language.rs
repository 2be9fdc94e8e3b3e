//! Steps that run other workflows, wait for events and check values: what is taken, and each mistake with its place.

use serde_json::{Value, json};

use crate::support::{Orrery, step};

const WORKFLOWS: &str = "/api/v1/workflows";

fn found(diagnostics: &Value) -> Vec<(String, String)> {
    let text = |found: &Value, member: &str| found[member].as_str().expect("a text").to_owned();
    let diagnostics = diagnostics.as_array().expect("diagnostics").iter();
    diagnostics.map(|found| (text(found, "pointer"), text(found, "code"))).collect()
}

/// A document of this step and of what stands after it.
fn document(members: Value) -> Value {
    let mut one = members;
    one["id"] = json!("one");
    one["next_step"] = json!("last");
    json!({"start_step": "one", "steps": {"one": one, "last": step("last")}})
}

fn wait(config: Value) -> Value {
    Value::from_iter([("type", json!("wait_for_event")), ("event_config", config)])
}

fn check(config: Value) -> Value {
    Value::from_iter([("type", json!("validate")), ("validate_config", config)])
}

/// What is said about a step; a document with a mistake is not saved either, and for the same reasons.
async fn said(orrery: &Orrery, members: Value) -> Vec<(String, String)> {
    let mut document = document(members);
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document.clone()).await.expect(200);
    let all = found(&told["diagnostics"]);
    document["name"] = json!("w");
    let saved = orrery.post(WORKFLOWS, document).await;
    if told["valid"] == json!(true) {
        saved.expect(201);
    } else {
        assert_eq!(found(&saved.problem(422, "workflow_invalid")["errors"]), all);
    }
    all
}

async fn all_are_named(cases: &[(Value, &[(&str, &str)])]) {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    orrery.workflow("a").await;
    for (members, expected) in cases {
        let mut told = said(&orrery, members.clone()).await;
        told.sort_unstable();
        let expected: Vec<_> =
            expected.iter().map(|(at, code)| (format!("/steps/one{at}"), (*code).to_owned())).collect();
        assert_eq!(told, expected, "{members:#}");
    }
}

#[actix_web::test]
async fn what_is_created_can_be_validated_as_it_is() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let mut document = document(json!({"type": "delay", "delay_config": {"seconds": 1}}));
    for (member, value) in [("name", "w"), ("description", "d"), ("status", "draft"), ("change_summary", "first")] {
        document[member] = json!(value);
    }
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document.clone()).await.expect(200);
    assert_eq!(told["valid"], true, "{told:#}");
    orrery.post(WORKFLOWS, document.clone()).await.expect(201);
    document["steps"]["one"] = json!({"id": "one", "type": "sub_workflow", "workflow_name": "w"});
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document).await.expect(200);
    assert_eq!(told["diagnostics"][0]["code"], "workflow_in_itself", "{told:#}");
}

#[actix_web::test]
async fn steps_that_call_no_agent_are_saved_and_read_as_they_were_sent() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let other = orrery.workflow("other").await;
    orrery.workflow("other").await;
    for members in [
        json!({"type": "sub_workflow", "workflow_name": "other"}),
        json!({"type": "sub_workflow", "workflow_name": "other", "workflow_version": "v2", "timeout_seconds": 60,
            "input_mapping": {"a": "${workflow.input.a}"}}),
        json!({"type": "sub_workflow", "workflow_id": other, "workflow_version": 1}),
        wait(json!({"event": "approved"})),
        wait(json!({"event": "approved", "correlation": "${workflow.input.order}",
            "filter": "${event.data.amount} > 10", "timeout_seconds": 60, "on_timeout": "continue"})),
        check(json!({"data": "${workflow.input}", "schema": {"type": "object"}})),
        check(json!({"data_source": "${workflow.input}", "validation_schema": true, "validation_mode": "warn"})),
        check(json!({"data": "${workflow.input}", "mode": "strict", "assertions": [
            "${data.a} > 0", {"expression": "${data.b} == 1", "message": "b must be one"}]})),
    ] {
        assert_eq!(said(&orrery, members.clone()).await, [], "{members}");
        let list = orrery.get(WORKFLOWS).await.expect(200);
        let read = &list["items"][0]["workflow_data"]["steps"]["one"];
        for (member, value) in members.as_object().expect("members") {
            assert_eq!(&read[member], value, "{member}");
        }
    }
}

#[actix_web::test]
async fn each_mistake_in_a_sub_workflow_is_named_with_its_place() {
    let long = "x".repeat(256);
    all_are_named(&[
        (json!({"type": "sub_workflow"}), &[("", "workflow_missing")]),
        (json!({"type": "sub_workflow", "workflow_name": null}), &[("", "workflow_missing")]),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "workflow_id": "b"}),
            &[("/workflow_id", "said_twice")],
        ),
        (json!({"type": "sub_workflow", "workflow_name": ""}), &[("/workflow_name", "invalid_workflow_name")]),
        (json!({"type": "sub_workflow", "workflow_id": long}), &[("/workflow_id", "invalid_workflow_name")]),
        (
            json!({"type": "sub_workflow", "workflow_name": 7, "workflow_version": 0, "timeout_seconds": "soon"}),
            &[
                ("/timeout_seconds", "not_a_count"),
                ("/workflow_name", "invalid_workflow_name"),
                ("/workflow_version", "not_a_count"),
            ],
        ),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "workflow_version": "latest"}),
            &[("/workflow_version", "not_a_count")],
        ),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "workflow_version": 1.5, "delay_config": {}}),
            &[("/delay_config", "member_does_not_apply"), ("/workflow_version", "not_a_count")],
        ),
        (json!({"type": "sub_workflow", "workflow_name": "nowhere"}), &[("/workflow_name", "unknown_workflow")]),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "workflow_version": 2}),
            &[("/workflow_version", "unknown_workflow")],
        ),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "agent_name": "A"}),
            &[("/agent_name", "member_does_not_apply")],
        ),
        (
            json!({"type": "sub_workflow", "workflow_name": "a", "input_mapping": {"x": "${nowhere.output}", "y": "${loop.item}"}}),
            &[("/input_mapping/x", "unknown_step"), ("/input_mapping/y", "reference_outside_loop")],
        ),
    ])
    .await;
}

#[actix_web::test]
async fn each_mistake_in_a_wait_is_named_with_its_place() {
    let long = "x".repeat(201);
    all_are_named(&[
        (json!({"type": "wait_for_event"}), &[("/event", "invalid_event_name")]),
        (json!({"type": "wait_for_event", "event_config": "e"}), &[("/event_config", "not_an_object")]),
        (wait(json!({})), &[("/event_config/event", "invalid_event_name")]),
        (wait(json!({"event": long})), &[("/event_config/event", "invalid_event_name")]),
        (wait(json!({"event": "${workflow.input.e}"})), &[("/event_config/event", "invalid_event_name")]),
        (
            wait(
                json!({"event": "a\u{7}", "filter": "${event.data.a} >", "timeout_seconds": -1, "on_timeout": "shrug"}),
            ),
            &[
                ("/event_config/event", "invalid_event_name"),
                ("/event_config/filter", "invalid_condition"),
                ("/event_config/on_timeout", "unknown_word"),
                ("/event_config/timeout_seconds", "not_a_count"),
            ],
        ),
        (wait(json!({"event": "e", "filter": true})), &[("/event_config/filter", "condition_missing")]),
        (
            wait(json!({"event": "e", "on_timeout": "continue"})),
            &[("/event_config/on_timeout", "member_does_not_apply")],
        ),
        (
            wait(json!({"event": "e", "correlation": "${event.data.a}", "filter": "${nowhere.output} == 1"})),
            &[("/event_config/correlation", "reference_outside_filter"), ("/event_config/filter", "unknown_step")],
        ),
        (wait(json!({"event": "e", "filtre": "false"})), &[("/event_config/filtre", "member_does_not_apply")]),
        (
            json!({"type": "wait_for_event", "event_config": {"event": "e"}, "agent_name": "A"}),
            &[("/agent_name", "member_does_not_apply")],
        ),
    ])
    .await;
}

#[actix_web::test]
async fn each_mistake_in_a_validation_is_named_with_its_place() {
    all_are_named(&[
        (json!({"type": "validate"}), &[("/data", "data_missing"), ("/schema", "nothing_to_check")]),
        (check(json!({"data": "${workflow.input}"})), &[("/validate_config/schema", "nothing_to_check")]),
        (
            check(json!({"data": "${workflow.input}", "schema": {"properties": {"a/b": {"type": "text"}}}})),
            &[("/validate_config/schema/properties/a~1b/type", "invalid_schema")],
        ),
        (
            check(json!({"data_source": "${workflow.input}", "validation_schema": {"type": "json_schema", "schema": {"type": 7}}})),
            &[("/validate_config/validation_schema/schema/type", "invalid_schema")],
        ),
        (
            check(json!({"data": "${workflow.input}", "schema": {"$ref": "http://elsewhere/schema"}})),
            &[("/validate_config/schema", "invalid_schema")],
        ),
        (
            check(json!({"data": "${workflow.input}", "assertions": "${data.a} > 0"})),
            &[("/validate_config/assertions", "assertions")],
        ),
        (
            check(json!({"data": "${workflow.input}", "mode": "mild", "shcema": {},
                "assertions": ["true", "1 +", 7, {"message": "m"}, {"expression": "f(x)"}]})),
            &[
                ("/validate_config/assertions/1", "invalid_condition"),
                ("/validate_config/assertions/2", "condition_missing"),
                ("/validate_config/assertions/3/expression", "condition_missing"),
                ("/validate_config/assertions/4/expression", "invalid_condition"),
                ("/validate_config/mode", "unknown_word"),
                ("/validate_config/shcema", "member_does_not_apply"),
            ],
        ),
        (
            check(json!({"data_source": "${data}", "assertions": [
                "${data.a} > ${nowhere.output}", {"expression": "${loop.index} == 1"}]})),
            &[
                ("/validate_config/assertions/0", "unknown_step"),
                ("/validate_config/assertions/1/expression", "reference_outside_loop"),
                ("/validate_config/data_source", "reference_outside_filter"),
            ],
        ),
        (
            json!({"type": "validate", "validate_config": {"data": "${workflow.input}", "schema": true}, "input_mapping": {"a": 1}}),
            &[("/input_mapping", "member_does_not_apply")],
        ),
    ])
    .await;
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let many = check(json!({"data": "${workflow.input}", "assertions": vec!["true"; 101]}));
    let place = "/steps/one/validate_config/assertions";
    assert_eq!(said(&orrery, many).await, [(place.to_owned(), "assertions".to_owned())]);
}

#[actix_web::test]
async fn outside_of_filters_and_assertions_there_is_no_event_and_no_data() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let mut last = step("last");
    last["input_mapping"] = json!({"e": "${event.data}", "d": "${data.a}"});
    let sent = json!({"start_step": "last", "steps": {"last": last}, "output": "${event.data}"});
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), sent).await.expect(200);
    let mut told = found(&told["diagnostics"]);
    told.sort_unstable();
    let places: Vec<_> = told.iter().map(|(at, code)| (at.as_str(), code.as_str())).collect();
    assert_eq!(
        places,
        [
            ("/output", "reference_outside_filter"),
            ("/steps/last/input_mapping/d", "reference_outside_filter"),
            ("/steps/last/input_mapping/e", "reference_outside_filter"),
        ]
    );
}

#[actix_web::test]
async fn a_workflow_is_not_a_step_of_its_own_by_name_or_by_id() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    orrery.workflow("another").await;
    let in_itself = |member: &str, value: &str| document(json!({"type": "sub_workflow", member: value}));
    let mut new = in_itself("workflow_name", "w");
    new["name"] = json!("w");
    let mut by_id = in_itself("workflow_id", &id);
    by_id["name"] = json!("w");
    let path = format!("{WORKFLOWS}/{id}");
    let by_name = "/steps/one";
    let by_its_id = "/steps/one/workflow_id";
    for (answer, place) in [
        (orrery.post(WORKFLOWS, new).await, by_name),
        (orrery.put(&path, in_itself("workflow_name", "w")).await, by_name),
        (orrery.put(&path, in_itself("workflow_id", "w")).await, by_name),
        (orrery.put(&path, in_itself("workflow_id", &id)).await, by_its_id),
        (orrery.post(WORKFLOWS, by_id).await, by_its_id),
    ] {
        let problem = answer.problem(422, "workflow_invalid");
        assert_eq!(found(&problem["errors"]), [(place.to_owned(), "workflow_in_itself".to_owned())]);
    }
    orrery.put(&path, in_itself("workflow_name", "another")).await.expect(200);
}

#[actix_web::test]
async fn a_version_that_is_not_there_is_named_at_its_member() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    orrery.workflow("other").await;
    let mut document = document(json!({"type": "sub_workflow", "workflow_name": "other", "workflow_version": 9}));
    document["on_complete"] = json!([
        {"workflow_name": "other", "workflow_version": 9},
        {"workflow_name": "nobody", "workflow_version": 9},
    ]);
    let told = orrery.post(&format!("{WORKFLOWS}/validate"), document).await.expect(200);
    let places: Vec<_> =
        told["diagnostics"].as_array().expect("a list").iter().map(|found| &found["pointer"]).collect();
    let expected = ["/steps/one/workflow_version", "/on_complete/0/workflow_version", "/on_complete/1/workflow_name"];
    assert_eq!(places, expected, "{told:#}");
}
