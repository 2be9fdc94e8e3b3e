//! Steps that are done anew, and steps that are given their output.

use super::{resuming::told, *};
use crate::ids::StepPath;

fn path(text: &str) -> StepPath {
    StepPath::parse(text).expect("a path")
}

fn rerun(run: &mut Driven, from: &str) {
    let rerun = Rerun::of(&run.plan, &run.state, &path(from)).expect("it can be done anew");
    told(run, RunEvent::RunRerun { by: "me".into(), rerun });
    run.calls.clear();
    run.reload();
    run.tell(Input::Continue);
}

fn skip(run: &mut Driven, step: &str, output: Value) {
    let output = Payload::new(output).expect("storable");
    run.tell(Input::Told(InboxMessage::Skip { path: path(step), output, by: "me".into() }));
}

fn three() -> Vec<(String, Value)> {
    vec![
        step("a", json!({"agent_name": "A", "next_step": "b", "input_mapping": {}})),
        step("b", json!({"agent_name": "A", "next_step": "c", "input_mapping": {"a": "${a.output}"}})),
        step("c", json!({"agent_name": "A", "input_mapping": {"a": "${a.output}", "b": "${b.output}"}})),
    ]
}

fn completed(steps: &[(String, Value)], first: &str, input: &Value, answers: &[(&str, Value)]) -> Driven {
    let mut run = Driven::start(first, steps, input);
    for (path, output) in answers {
        run.answer(path, output.clone());
    }
    assert_eq!(run.state.status(), RunStatus::Completed, "{:?}", run.open());
    run
}

#[test]
fn a_step_of_a_completed_run_is_done_anew_with_what_follows_it() {
    let mut run = completed(&three(), "a", &json!({}), &[("a", json!(1)), ("b", json!(2)), ("c", json!(3))]);
    rerun(&mut run, "b");
    assert_eq!(run.open(), ["b"]);
    assert_eq!((run.calls[0].key.generation, run.calls[0].input.value()), (1, &json!({"a": 1})));
    run.answer("b", json!(20));
    assert_eq!(run.input_of("c"), &json!({"a": 1, "b": 20}));
    run.reload();
    run.answer("c", json!(30));
    assert_eq!(run.state.status(), RunStatus::Completed);
    rerun(&mut run, "a");
    assert_eq!(run.calls[0].key.generation, 2);
}

#[test]
fn a_member_of_a_block_is_done_anew_and_the_others_keep_their_results() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let answers = [("block.0/a", json!(1)), ("block.1/b", json!(2)), ("block.2/c", json!(3)), ("reader", json!(4))];
    let mut run = completed(&steps, "block", &json!({}), &answers);
    rerun(&mut run, "block.1/b");
    assert_eq!(run.open(), ["block.1/b"]);
    run.answer("block.1/b", json!(20));
    assert_eq!(run.input_of("reader")["all"], json!({"a": 1, "b": 20, "c": 3}));
}

#[test]
fn an_iteration_is_done_anew_from_a_step_on() {
    let steps = looped(json!({"loop_body": ["a", "b"]}), &members(&["a", "b"]));
    let answers: Vec<(String, Value)> = ["block[0]/a", "block[0]/b", "block[1]/a", "block[1]/b", "reader"]
        .into_iter()
        .map(|path| (path.to_owned(), json!(path)))
        .collect();
    let answers: Vec<(&str, Value)> = answers.iter().map(|(path, output)| (path.as_str(), output.clone())).collect();
    let mut run = completed(&steps, "block", &json!({"items": [1, 2]}), &answers);
    rerun(&mut run, "block[0]/b");
    assert_eq!(run.open(), ["block[0]/b"]);
    run.answer("block[0]/b", json!("new"));
    assert_eq!(run.input_of("reader")["all"]["iterations"], json!(["new", "block[1]/b"]));
}

#[test]
fn a_whole_block_is_done_anew() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let answers = [("block.0/a", json!(1)), ("block.1/b", json!(2)), ("block.2/c", json!(3)), ("reader", json!(4))];
    let mut run = completed(&steps, "block", &json!({}), &answers);
    rerun(&mut run, "block");
    assert_eq!(run.open(), ["block.0/a", "block.1/b", "block.2/c"]);
}

#[test]
fn a_branch_that_had_failed_in_a_joined_fork_can_be_done_anew() {
    let fork = json!({"type": "fork_join", "fork_join_config": {"join_policy": "any",
        "branches": {"x": {"steps": ["a"]}, "y": {"steps": ["b"]}}}});
    let steps = with_reader(fork, &members(&["a", "b"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.fail("block.1/b", "no");
    run.answer("reader", json!({}));
    rerun(&mut run, "block.1/b");
    assert_eq!(run.open(), ["block.1/b"]);
    run.answer("block.1/b", json!(2));
    assert_eq!(run.input_of("reader")["all"], json!({"x": 1, "y": 2}));
}

#[test]
fn a_rerun_does_what_had_failed_too() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.fail("block.1/b", "no");
    run.answer("block.2/c", json!(3));
    rerun(&mut run, "block.0/a");
    assert_eq!(run.open(), ["block.0/a", "block.1/b"]);
}

#[test]
fn what_was_never_reached_cannot_be_done_anew() {
    let mut run = Driven::start("a", &three(), &json!({}));
    run.fail("a", "no");
    let of = |text: &str| Rerun::of(&run.plan, &run.state, &path(text));
    assert_eq!(of("b"), Err(CannotRerun::NotReached(path("b"))));
    assert_eq!(of("z"), Err(CannotRerun::Unknown(path("z"))));
    assert_eq!(of("a").map(|rerun| rerun.undone), Ok(vec![path("b"), path("c")]));
}

#[test]
fn a_step_under_way_is_given_its_output_and_its_call_is_given_up() {
    let mut run = Driven::start("a", &three(), &json!({}));
    skip(&mut run, "a", json!({"n": 1}));
    assert_eq!(run.aborted, ["a"]);
    assert_eq!(run.input_of("b"), &json!({"a": {"n": 1}}));
    // The answer of the call that was given up comes too late.
    let late = run.calls[0].key.clone();
    let outcome = CallOutcome::Completed(Payload::empty());
    let input = Input::CallEnded { key: late, outcome, policy: RetryPolicy::default() };
    assert_eq!(advance(&run.plan, &mut run.state, &mut run.data, input, at(0), true), Err(Rejection::StaleCall));
}

#[test]
fn a_step_that_is_not_under_way_is_not_skipped() {
    let mut run = Driven::start("a", &three(), &json!({}));
    let seq = run.state.seq();
    skip(&mut run, "b", json!(1));
    skip(&mut run, "z", json!(1));
    assert_eq!(run.state.seq(), seq);
    assert_eq!(skippable(&run.plan, &run.state, &path("b")), Err(CannotSkip::NotUnderWay(path("b"))));
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let run = Driven::start("block", &steps, &json!({}));
    assert_eq!(skippable(&run.plan, &run.state, &path("block")), Err(CannotSkip::Block(path("block"))));
}

#[test]
fn the_step_at_which_a_run_failed_is_skipped_before_anything_is_begun() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.fail("block.1/b", "no");
    run.answer("block.2/c", json!(3));
    told(&mut run, RunEvent::RunResumed { by: "me".into() });
    skip(&mut run, "block.1/b", json!(2));
    assert_eq!(run.open(), ["reader"]);
    assert_eq!(run.input_of("reader")["all"], json!({"a": 1, "b": 2, "c": 3}));
}

#[test]
fn a_parked_step_is_given_its_output_and_the_run_stays_paused_until_it_is_let_go_on() {
    let mut steps = three();
    steps[0].1["retry_strategy"] = json!({"on_unknown_outcome": "park"});
    let mut run = Driven::start("a", &steps, &json!({}));
    run.end("a", CallOutcome::Failed(CallFailure::unknown(FailureKind::Timeout, "silence")));
    skip(&mut run, "a", json!(1));
    assert!(run.open().is_empty() && run.state.is_paused());
    run.tell(Input::Told(InboxMessage::Unpause { by: "me".into() }));
    assert_eq!(run.open(), ["b"]);
}

#[test]
fn a_delay_is_skipped_by_passing_it() {
    let wait = step("wait", json!({"type": "delay", "delay_config": {"seconds": 3600}, "next_step": "then"}));
    let mut run = Driven::start("wait", &[wait, agent("then", &json!({}))], &json!({}));
    skip(&mut run, "wait", json!(null));
    assert_eq!(run.open(), ["then"]);
}

#[test]
fn why_a_run_does_not_move_is_told_for_each_step_at_its_front() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.end("block.1/b", CallOutcome::Failed(CallFailure::definite(FailureKind::Task, "no")));
    let name = crate::agents::AgentName::parse("A").expect("a name");
    let retry = WaitingOn::Retry { path: path("block.1/b"), agent: name.clone(), attempt: 2, at: at(1) };
    let (path, since) = (path("block.2/c"), at(0));
    let call = WaitingOn::Agent { path, agent: name, attempt: 1, since, until: None, progress: None };
    assert_eq!(waiting_on(&run.plan, &run.state, &run.data), [retry, call.clone()]);
    run.tell(Input::Told(InboxMessage::Pause { by: "me".into() }));
    let pause = WaitingOn::Pause(Pause { by: "me".into(), reason: None, since: at(0) });
    assert_eq!(waiting_on(&run.plan, &run.state, &run.data), [pause, call]);
    told(&mut run, RunEvent::RunCancelled { by: "me".into(), reason: None });
    assert_eq!(waiting_on(&run.plan, &run.state, &run.data), []);
}
