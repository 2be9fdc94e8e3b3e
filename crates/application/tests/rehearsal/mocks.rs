//! What stands in for agents, other workflows and events in a rehearsal, and how a rehearsal ends.

use application::workflows::{RehearsalEnd, Rehearsed, TestWorkflowError};
use domain::runs::ClosedAttempt;
use serde_json::{Value, json};

use crate::theatre::{Theatre, agent};

async fn play(document: Value, input: Value, mocks: Value) -> Result<Rehearsed, TestWorkflowError> {
    let theatre = Theatre::new().await;
    let workflow = theatre.stage("main", &document).await;
    theatre.play(workflow, input, &mocks).await
}

async fn played(document: Value, input: Value, mocks: Value) -> Rehearsed {
    play(document, input, mocks).await.expect("it can be rehearsed")
}

fn one_agent() -> Value {
    json!({"start_step": "a", "steps": {"a": agent("a", &json!({"x": "${workflow.input.x}"}))}})
}

fn a_loop(mode: &str) -> Value {
    json!({"start_step": "each", "output": "${each.output.iterations}", "steps": {
        "each": {"id": "each", "type": "loop", "loop_config": {
            "collection": "${workflow.input.items}", "loop_body": ["a"], "execution_mode": mode}},
        "a": agent("a", &json!({"item": "${loop.item}"})),
    }})
}

fn a_wait(config: &Value) -> Value {
    json!({"start_step": "w", "output": "${w.output}", "steps": {"w": {"id": "w", "type": "wait_for_event", "event_config": config}}})
}

fn output(played: &Rehearsed) -> &Value {
    assert_eq!(played.end, RehearsalEnd::Completed, "{:?}", played.error);
    played.output.as_ref().expect("an output").value()
}

fn errors(attempts: &[ClosedAttempt]) -> Vec<Option<&str>> {
    attempts.iter().map(|attempt| attempt.error.as_deref()).collect()
}

fn seconds(played: &Rehearsed) -> i64 {
    (played.span.1 - played.span.0).num_seconds()
}

#[tokio::test]
async fn a_list_of_mocks_answers_one_attempt_after_the_other_while_virtual_time_passes() {
    let mocks = json!({"a": [{"error": "not yet"}, {"error": "still not"}, {"n": 3}]});
    let played = played(one_agent(), json!({"x": 1}), mocks).await;
    assert_eq!(output(&played), &json!({"n": 3}));
    assert_eq!(errors(&played.attempts), [Some("not yet"), Some("still not"), None]);
    assert_eq!(played.attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(played.attempts[0].input.value(), &json!({"x": 1}));
    // The policy says one second, then two; nobody has slept.
    assert_eq!(seconds(&played), 3);
    assert_eq!(played.path.len(), 1, "a retry is no other step");
}

#[tokio::test]
async fn the_last_mock_of_a_list_stands_for_all_later_attempts() {
    let played = played(one_agent(), json!({"x": 1}), json!({"a": [{"error": "no"}]})).await;
    assert_eq!((played.end, played.attempts.len()), (RehearsalEnd::Failed, 3));
    assert_eq!(played.error.as_deref(), Some("Workflow failed at step 'a': no"));
}

#[tokio::test]
async fn an_error_with_other_members_is_an_output_and_an_output_that_is_a_list_stands_in_a_list() {
    let mock = json!({"error": "none", "code": 0});
    assert_eq!(output(&played(one_agent(), json!({"x": 1}), json!({"a": mock})).await), &mock);
    assert_eq!(output(&played(one_agent(), json!({"x": 1}), json!({"a": [["p", "q"]]})).await), &json!(["p", "q"]));
}

#[tokio::test]
async fn a_step_without_a_mock_fails_at_once() {
    let played = played(one_agent(), json!({"x": 1}), json!({})).await;
    assert_eq!(played.error.as_deref(), Some("Workflow failed at step 'a': There is no mock for step 'a'"));
    assert_eq!((played.attempts.len(), seconds(&played)), (1, 0));
}

#[tokio::test]
async fn mocks_for_what_is_no_step_are_refused_with_their_names() {
    let mocks = json!({"a": 1, "each[7]/a": 2, "ghost": 3, "each[0]/ghost": 4, "a[0]/each": 5, "no path/": 6});
    let refused = play(a_loop("sequential"), json!({"items": [1]}), mocks).await.expect_err("unknown");
    assert_eq!(refused.to_string(), "there is no such step: a[0]/each, each[0]/ghost, ghost, no path/");
}

#[tokio::test]
async fn a_mock_may_stand_for_one_iteration_of_a_loop_and_for_one_place_of_a_shared_step() {
    let mocks = json!({"a": "other", "each[1]/a": "second"});
    for mode in ["sequential", "parallel"] {
        let played = played(a_loop(mode), json!({"items": [1, 2, 3]}), mocks.clone()).await;
        assert_eq!(output(&played), &json!(["other", "second", "other"]));
        let told: Vec<_> = played.path.iter().map(|begun| (begun.path.as_str(), begun.kind)).collect();
        assert_eq!(
            told,
            [("each", "loop"), ("each[0]/a", "agent"), ("each[1]/a", "agent"), ("each[2]/a", "agent")],
            "{mode}"
        );
    }
}

#[tokio::test]
async fn the_path_says_what_a_condition_came_to() {
    let document = json!({"start_step": "which", "steps": {
        "which": {"id": "which", "type": "conditional", "condition": {"expression": "${workflow.input.x} > 3"}, "if_true_step": "a"},
        "a": agent("a", &json!({})),
    }});
    for (x, held) in [(5, true), (1, false)] {
        let played = played(document.clone(), json!({"x": x}), json!({"a": 1})).await;
        assert_eq!((played.path[0].kind, played.path[0].held), ("conditional", Some(held)));
        assert_eq!(played.path.len(), if held { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_mock_of_a_wait_is_the_data_of_its_event_and_the_filter_looks_at_it() {
    let wait = a_wait(&json!({"event": "paid", "filter": "${event.data.sum} > 10", "timeout_seconds": 60}));
    let came = played(wait.clone(), json!({}), json!({"w": {"sum": 11}})).await;
    assert_eq!(output(&came), &json!({"event": "paid", "timed_out": false, "data": {"sum": 11}}));
    assert_eq!(seconds(&came), 0);
    let filtered = played(wait, json!({}), json!({"w": {"sum": 9}})).await;
    assert_eq!((filtered.end, seconds(&filtered)), (RehearsalEnd::Failed, 60));
}

#[tokio::test]
async fn a_wait_without_a_mock_and_without_a_timeout_waits_for_ever() {
    let played = played(a_wait(&json!({"event": "paid"})), json!({}), json!({})).await;
    assert_eq!((played.end, played.error, played.output), (RehearsalEnd::Waiting, None, None));
}

#[tokio::test]
async fn another_workflow_is_not_run_but_must_be_there() {
    let theatre = Theatre::new().await;
    let document = json!({"start_step": "sub", "output": "${sub.output}", "steps": {
        "sub": {"id": "sub", "type": "sub_workflow", "workflow_name": "child", "workflow_version": 2},
    }});
    theatre.stage("child", &one_agent()).await;
    theatre.stage("child", &one_agent()).await;
    let workflow = theatre.stage("main", &document).await;
    let played = theatre.play(workflow, json!({}), &json!({"sub": {"n": 1}})).await.expect("rehearsed");
    assert_eq!(output(&played), &json!({"n": 1}));
    assert_eq!(played.path.iter().map(|begun| begun.kind).collect::<Vec<_>>(), ["sub_workflow"]);
    assert_eq!(played.attempts[0].agent.as_str(), "workflow child (version 2)");
}

#[tokio::test]
async fn a_check_is_made_with_the_workflows_own_schema() {
    let document = json!({"start_step": "v", "output": "${v.output}", "steps": {"v": {"id": "v", "type": "validate",
        "validate_config": {"data": "${workflow.input}", "schema": {"required": ["n"]}, "mode": "warn"}}}});
    let played = played(document, json!({}), json!({})).await;
    let output = output(&played);
    assert_eq!(output["valid"], false);
    assert_eq!(output["errors"].as_array().map(Vec::len), Some(1));
    assert_eq!(played.path.iter().map(|begun| begun.kind).collect::<Vec<_>>(), ["validate"]);
}

#[tokio::test]
async fn a_rehearsal_of_too_many_attempts_is_given_up() {
    // A loop of loops: 150 times 150 attempts.
    let document = json!({"start_step": "outer", "steps": {
        "outer": {"id": "outer", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["inner"]}},
        "inner": {"id": "inner", "type": "loop", "loop_config": {"collection": "${workflow.input.items}", "loop_body": ["a"]}},
        "a": agent("a", &json!({})),
    }});
    let played = played(document, json!({"items": vec![0; 150]}), json!({"a": 1})).await;
    assert_eq!((played.end, played.output), (RehearsalEnd::TooLong, None));
    assert_eq!(played.attempts.len(), application::workflows::MAX_ATTEMPTS);
}

#[tokio::test]
async fn what_would_fill_megabytes_is_cut_from_the_tale_and_not_from_the_run() {
    let large = "x".repeat(1 << 20);
    let mut document = a_loop("sequential");
    document["output"] = json!({"count": "${each.output.total_count}"});
    let played = played(document, json!({"items": vec![0; 12]}), json!({"a": {"text": large}})).await;
    assert_eq!((played.is_cut, played.attempts.len()), (true, 7));
    assert_eq!(output(&played), &json!({"count": 12}));
}

#[tokio::test]
async fn an_input_that_does_not_fit_the_schema_is_not_rehearsed() {
    let mut document = one_agent();
    document["input_schema"] = json!({"required": ["x"]});
    let refused = play(document, json!({}), json!({"a": 1})).await.expect_err("unfit");
    assert!(matches!(refused, TestWorkflowError::UnfitInput(violations) if violations.len() == 1));
}
