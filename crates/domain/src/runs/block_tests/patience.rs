//! How long a run puts up with failures and silence: strategies of steps, budgets, and times for steps, blocks and runs.

use super::{resuming::resume, *};
use crate::workflows::RunLimits;

fn one(settings: &Value) -> Vec<(String, Value)> {
    let mut only = json!({"agent_name": "A", "input_mapping": {}});
    only.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
    vec![step("only", only)]
}

fn limited(start_step: &str, steps: &[(String, Value)], timeout: Option<u32>, budget: Option<u32>) -> Driven {
    let (timeout_seconds, max_retry_budget) = (timeout.map(Value::from), budget.map(Value::from));
    let document = document(start_step, steps).limited(RunLimits { timeout_seconds, max_retry_budget });
    Driven::of(&document, &json!({}))
}

fn definite() -> CallOutcome {
    CallOutcome::Failed(CallFailure::definite(FailureKind::Task, "no"))
}

fn unknown() -> CallOutcome {
    CallOutcome::Failed(CallFailure::unknown(FailureKind::Timeout, "silence"))
}

#[test]
fn what_a_step_says_about_retries_counts_in_place_of_what_the_agent_says() {
    let strategy = json!({"type": "fixed_delay", "max_retries": 2, "initial_delay_ms": 7000});
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": strategy})), &json!({}));
    run.end("only", definite());
    assert_eq!(run.state.wake_at(&run.plan), Some(at(7)));
    run.pass(7);
    // The default policy of an agent has three attempts.
    run.end("only", definite());
    assert_eq!(run.error(), "Workflow failed at step 'only': no");
}

#[test]
fn a_failure_that_a_strategy_does_not_cover_is_not_tried_again() {
    let strategy = json!({"retry_on_errors": ["TimeoutError"]});
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": strategy})), &json!({}));
    run.end("only", unknown());
    run.pass(60);
    run.end("only", definite());
    assert_eq!(run.error(), "Workflow failed at step 'only': no");
}

#[test]
fn a_budget_counts_the_retries_of_all_steps_together_and_anew_after_a_resume() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = limited("block", &steps, None, Some(2));
    run.end("block.0/a", definite());
    run.end("block.1/b", definite());
    run.end("block.2/c", definite());
    run.pass(60);
    assert_eq!(run.open(), ["block.0/a", "block.1/b"]);
    run.answer("block.0/a", json!(1));
    run.answer("block.1/b", json!(2));
    assert_eq!(run.error(), "Workflow failed at step 'block': Parallel execution failed: 1 step(s) failed: c");
    resume(&mut run);
    run.end("block.2/c", definite());
    run.pass(60);
    assert_eq!(run.open(), ["block.2/c"]);
}

#[test]
fn a_step_that_takes_too_long_is_cut_in_the_midst_of_a_call_which_a_resume_repeats() {
    let mut run = Driven::start("only", &one(&json!({"timeout_seconds": 30})), &json!({}));
    let key = run.calls[0].key.clone();
    run.pass(29);
    assert_eq!(run.state.status(), RunStatus::Running);
    run.reload();
    run.pass(1);
    assert_eq!(run.error(), "Workflow failed at step 'only': Step timed out after 30 seconds");
    assert_eq!(run.aborted, ["only"]);
    run.calls.clear();
    resume(&mut run);
    assert_eq!(run.calls[0].key, key, "its outcome is unknown");
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)), "the time begins anew");
}

#[test]
fn the_time_of_a_step_spans_its_attempts() {
    let mut run = Driven::start("only", &one(&json!({"timeout_seconds": 3})), &json!({}));
    run.pass(1);
    run.end("only", definite());
    run.pass(1);
    assert_eq!(run.open(), ["only"]);
    run.end("only", definite());
    // The third attempt would be due after two seconds.
    assert_eq!(run.state.wake_at(&run.plan), Some(at(3)));
    run.pass(1);
    assert_eq!(run.error(), "Workflow failed at step 'only': Step timed out after 3 seconds");
}

#[test]
fn a_block_that_takes_too_long_is_cut_with_all_that_is_in_it() {
    let steps = with_reader(parallel(&json!({"timeout_seconds": 10})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.end("block.1/b", definite());
    assert_eq!(run.open(), ["block.2/c"]);
    run.now = 10;
    run.reload();
    run.pass(0);
    assert_eq!(run.error(), "Workflow failed at step 'block': Step timed out after 10 seconds");
    assert_eq!(run.aborted, ["block.2/c"]);
    run.calls.clear();
    resume(&mut run);
    assert_eq!(run.open(), ["block.1/b", "block.2/c"], "what was done stays done");
}

#[test]
fn a_run_that_takes_too_long_fails_whatever_it_is_at_and_has_its_time_anew_when_it_is_resumed() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = limited("block", &steps, Some(60), None);
    run.answer("block.0/a", json!(1));
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.pass(60);
    assert_eq!(run.error(), "Workflow timed out after 60 seconds");
    assert_eq!(run.aborted, ["block.1/b", "block.2/c"]);
    run.calls.clear();
    run.now += 5;
    resume(&mut run);
    assert_eq!(run.state.wake_at(&run.plan), Some(at(125)));
    run.answer("block.1/b", json!(2));
    run.answer("block.2/c", json!(3));
    run.answer("reader", json!({}));
    assert_eq!(run.state.status(), RunStatus::Completed);
}

#[test]
fn a_paused_run_does_not_run_out_of_time_before_it_goes_on() {
    let mut run = limited("only", &one(&json!({})), Some(60), None);
    run.tell(Input::Told(InboxMessage::Pause { by: "me".into() }));
    run.pass(100);
    assert_eq!((run.state.status(), run.state.wake_at(&run.plan)), (RunStatus::Running, None));
    run.tell(Input::Told(InboxMessage::Unpause { by: "me".into() }));
    assert_eq!(run.error(), "Workflow timed out after 60 seconds");
}

#[test]
fn a_call_whose_outcome_nobody_knows_ends_its_step_where_that_is_wanted() {
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": {"on_unknown_outcome": "fail"}})), &json!({}));
    run.end("only", unknown());
    assert_eq!(run.error(), "Workflow failed at step 'only': silence");
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": {"on_unknown_outcome": "fail"}})), &json!({}));
    run.end("only", definite());
    run.pass(60);
    assert_eq!(run.open(), ["only"], "a definite answer is none of these");
}

#[test]
fn a_call_whose_outcome_nobody_knows_pauses_the_run_for_a_person_where_that_is_wanted() {
    let strategy = json!({"on_unknown_outcome": "park", "max_retries": 1});
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": strategy})), &json!({}));
    let key = run.calls[0].key.clone();
    run.end("only", unknown());
    let pause = run.state.pause().expect("paused").clone();
    assert_eq!(pause.reason.as_deref(), Some("Nobody knows whether the call of step 'only' was done: silence"));
    run.pass(1000);
    assert!(run.open().is_empty());
    run.reload();
    run.tell(Input::Told(InboxMessage::Unpause { by: "me".into() }));
    assert_eq!(run.calls[0].key, key, "the same call again, as somebody has decided");
}

#[test]
fn what_nobody_knows_is_left_to_a_person_though_such_failures_are_not_tried_again_and_the_budget_is_used_up() {
    let strategy = json!({"on_unknown_outcome": "park", "retry_on_errors": ["TaskError"]});
    let steps = one(&json!({"retry_strategy": strategy}));
    let mut run = limited("only", &steps, None, Some(0));
    run.end("only", unknown());
    assert!(run.state.is_paused());
    assert_eq!(run.state.status(), RunStatus::Running);
}

#[test]
fn every_call_that_nobody_knows_of_is_named_while_the_run_waits_for_a_person() {
    let member = |id: &str| {
        step(id, json!({"agent_name": "A", "input_mapping": {}, "retry_strategy": {"on_unknown_outcome": "park"}}))
    };
    let block = step("block", json!({"type": "parallel", "parallel_steps": ["a", "b"]}));
    let mut run = Driven::start("block", &[block, member("a"), member("b")], &json!({}));
    run.end("block.0/a", unknown());
    run.end("block.1/b", unknown());
    let named = waiting_on(&run.plan, &run.state, &run.data);
    let unknown: Vec<_> = named
        .iter()
        .filter_map(|waits| match waits {
            WaitingOn::Unknown { path, .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!((named.len(), unknown), (3, vec!["block.0/a", "block.1/b"]), "the pause, and each call");
}

#[test]
fn whoever_makes_a_call_again_knows_that_it_may_have_been_made() {
    let mut run = Driven::start("only", &one(&json!({"retry_strategy": {"on_unknown_outcome": "park"}})), &json!({}));
    assert!(!run.calls[0].repeated);
    let again = calls_in_flight(&run.plan, &run.state, &mut run.data).expect("they can be repeated");
    assert!(again[0].repeated);
    assert_eq!(again[0].on_unknown, Some(crate::agents::OnUnknown::Park));
}
