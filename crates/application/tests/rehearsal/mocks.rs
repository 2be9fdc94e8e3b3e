//! What stands in for agents, other workflows and events in a rehearsal, and how a rehearsal ends.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use adapters_memory::VirtualClock;
use application::workflows::{MAX_PATH_TOLD, RehearsalEnd, Rehearsed, TestWorkflowError};
use chrono::TimeDelta;
use domain::{Timestamp, agents::AgentSchemas, ports::Clock, runs::ClosedAttempt};
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

/// Loops in loops around a step, each over all items of the input.
fn loops(depth: usize, innermost: &Value) -> Value {
    let mut steps = serde_json::Map::new();
    for level in 0..depth {
        let (id, body) =
            (format!("l{level}"), if level + 1 < depth { format!("l{}", level + 1) } else { "s".to_owned() });
        let config = json!({"collection": "${workflow.input.items}", "loop_body": [body]});
        steps.insert(id.clone(), json!({"id": id, "type": "loop", "loop_config": config}));
    }
    steps.insert("s".to_owned(), innermost.clone());
    json!({"start_step": "l0", "steps": steps})
}

/// Told no attempts, and would go on for days.
fn endless() -> (Value, Value) {
    let nothing = json!({"id": "s", "type": "delay", "delay_config": {"seconds": 0}});
    (loops(3, &nothing), json!({"items": vec![0; 1000]}))
}

#[tokio::test]
async fn a_rehearsal_of_too_many_events_is_given_up_although_nobody_is_called() {
    let (document, input) = endless();
    let played = played(document, input, json!({})).await;
    assert_eq!((played.end, played.attempts.len()), (RehearsalEnd::TooLong, 0));
    assert_eq!(played.error.as_deref(), Some("The rehearsal was given up after 100000 events"));
    assert_eq!((played.path.len(), played.is_path_cut), (MAX_PATH_TOLD, true));
}

/// A clock on which every look takes a second.
struct Hurried(AtomicI64);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_rehearsal_that_computes_too_long_is_given_up() {
    let (document, input) = endless();
    let theatre = Theatre::of(AgentSchemas::default(), Arc::new(Hurried(AtomicI64::new(0)))).await;
    let workflow = theatre.stage("main", &document).await;
    let played = theatre.play(workflow, input, &json!({})).await.expect("it can be rehearsed");
    assert_eq!(played.error.as_deref(), Some("The rehearsal was given up after 10 seconds"));
    assert!(!played.is_path_cut, "it has not come so far");
}

#[tokio::test]
async fn a_rehearsal_of_too_many_bytes_is_given_up() {
    let large = "x".repeat(1 << 20);
    let played = played(a_loop("sequential"), json!({"items": vec![0; 100]}), json!({"a": {"text": large}})).await;
    assert_eq!(played.error.as_deref(), Some("The rehearsal was given up after 64 MiB of inputs and outputs"));
}

#[tokio::test]
async fn a_rehearsal_gives_way_and_ends_where_it_is_dropped() {
    let (document, input) = endless();
    let theatre = Theatre::new().await;
    let workflow = theatre.stage("main", &document).await;
    let mocks = json!({});
    tokio::select! {
        biased;
        _ = theatre.play(workflow, input, &mocks) => panic!("it was done at one go"),
        () = std::future::ready(()) => {}
    }
}

/// An agent that wants a number `n`, and answers a number `m`.
async fn strict() -> Theatre {
    let number = |name: &str| json!({"required": [name], "properties": {name: {"type": "number"}}});
    let schemas = AgentSchemas { input: Some(number("n")), output: Some(number("m")) };
    Theatre::of(schemas, Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH))).await
}

#[tokio::test]
async fn inputs_and_mocks_must_fit_what_the_agent_declares_as_in_a_run() {
    let theatre = strict().await;
    let document = json!({"start_step": "a", "steps": {"a": agent("a", &json!({"n": "${workflow.input.n}"}))}});
    let workflow = theatre.stage("main", &document).await;
    let played =
        theatre.play(workflow, json!({"n": 1}), &json!({"a": [{"m": "one"}, {"m": 1}]})).await.expect("played");
    assert_eq!(output(&played), &json!({"m": 1}));
    let told = errors(&played.attempts);
    let expected = "The output does not fit the output_schema of agent 'A': ";
    assert!(told[0].is_some_and(|error| error.starts_with(expected)) && told[1].is_none(), "{told:?}");

    let played = theatre.play(workflow, json!({"n": "one"}), &json!({"a": {"m": 1}})).await.expect("played");
    assert_eq!((played.end, played.attempts.len()), (RehearsalEnd::Failed, 1), "it fits no better next time");
    let told = errors(&played.attempts);
    let expected = "The input does not fit the input_schema of agent 'A': ";
    assert!(told[0].is_some_and(|error| error.starts_with(expected)), "{told:?}");
}

#[tokio::test]
async fn the_input_of_a_sub_workflow_must_fit_what_that_demands_as_in_a_run() {
    let theatre = Theatre::new().await;
    let mut child = one_agent();
    child["input_schema"] = json!({"properties": {"x": {"type": "number"}}});
    theatre.stage("child", &child).await;
    let parent = json!({"start_step": "c", "steps": {"c": {"id": "c", "type": "sub_workflow", "workflow_name": "child",
        "input_mapping": {"x": "${workflow.input.x}"}}}});
    let parent = theatre.stage("parent", &parent).await;
    let played = theatre.play(parent, json!({"x": 1}), &json!({"c": {"y": 2}})).await.expect("played");
    assert_eq!(output(&played), &json!({"y": 2}));
    let played = theatre.play(parent, json!({"x": "one"}), &json!({"c": {"y": 2}})).await.expect("played");
    let expected = "failed: The input does not fit the workflow's input_schema: ";
    assert!(played.error.as_ref().is_some_and(|error| error.contains(expected)), "{:?}", played.error);
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
