//! Blocks after a failure, a cancellation, a pause, or a change of their owner.

use super::*;

#[test]
fn a_retry_does_only_what_has_failed() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    run.fail("block.1/b", "no");
    run.answer("block.2/c", json!(3));
    assert_eq!(run.state.status(), RunStatus::Failed);
    resume(&mut run);
    assert_eq!(run.open(), ["block.1/b"]);
    run.reload();
    run.answer("block.1/b", json!(2));
    assert_eq!(run.input_of("reader")["all"], json!({"a": 1, "b": 2, "c": 3}));
}

#[test]
fn a_stopped_loop_goes_on_where_it_stopped() {
    let steps = looped(json!({"loop_body": ["a", "b"]}), &members(&["a", "b"]));
    let mut run = Driven::start("block", &steps, &json!({"items": [1, 2, 3]}));
    for path in ["block[0]/a", "block[0]/b", "block[1]/a"] {
        run.answer(path, json!(path));
    }
    run.fail("block[1]/b", "boom");
    resume(&mut run);
    assert_eq!(run.open(), ["block[1]/b"]);
    for path in ["block[1]/b", "block[2]/a", "block[2]/b"] {
        run.answer(path, json!(path));
    }
    assert_eq!(run.input_of("reader")["all"]["iterations"], json!(["block[0]/b", "block[1]/b", "block[2]/b"]));
}

#[test]
fn a_cancelled_block_goes_on_with_all_that_was_under_way() {
    let steps = with_reader(parallel(&json!({})), &members(&["a", "b", "c"]));
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!(1));
    let keys: Vec<CallKey> = run.calls.iter().map(|call| call.key.clone()).collect();
    told(&mut run, RunEvent::RunCancelled { by: "me".into(), reason: None });
    run.calls.clear();
    resume(&mut run);
    // The outcome of these calls is unknown: they are made with the same keys.
    let mut again: Vec<CallKey> = run.calls.iter().map(|call| call.key.clone()).collect();
    again.sort();
    assert_eq!(again, keys);
}

#[test]
fn a_paused_block_begins_nothing_and_goes_on_afterwards() {
    let steps =
        looped(json!({"loop_body": ["a"], "execution_mode": "parallel", "max_parallelism": 2}), &members(&["a"]));
    let mut run = Driven::start("block", &steps, &json!({"items": [1, 2, 3, 4]}));
    run.tell(Input::Told(InboxMessage::Pause { by: "me".into() }));
    run.answer("block[0]/a", json!(0));
    assert_eq!(run.open(), ["block[1]/a"]);
    run.tell(Input::Told(InboxMessage::Unpause { by: "me".into() }));
    assert_eq!(run.open(), ["block[1]/a", "block[2]/a"]);
}

#[test]
fn what_may_not_be_begun_is_begun_by_the_next_owner() {
    let mut run = Driven::start("block", &with_reader(parallel(&json!({})), &members(&["a", "b", "c"])), &json!({}));
    for (path, key) in run.calls.drain(..).map(|call| (call.key.path.clone(), call.key)).collect::<Vec<_>>() {
        let outcome = CallOutcome::Completed(Payload::new(json!(path.as_str())).expect("storable"));
        let input = Input::CallEnded { key, outcome, policy: RetryPolicy::default() };
        let made = advance(&run.plan, &mut run.state, &mut run.data, input, at(0), false).expect("taken");
        assert!(made.calls.is_empty());
        for closed in &made.closed {
            run.outputs.insert(closed.path.to_string(), closed.output.clone().expect("it succeeded").value().clone());
        }
        run.keep(Transition { closed: Vec::new(), ..made });
    }
    run.reload();
    run.tell(Input::Continue);
    assert_eq!(run.open(), ["reader"]);
}

#[test]
fn ten_thousand_iterations_without_calls_are_many_commits_and_one_end() {
    let steps = looped(
        json!({"loop_body": ["nothing"]}),
        &[
            step("nothing", json!({"type": "conditional", "condition": {"expression": "false"}, "if_true_step": "a"})),
            agent("a", &json!({})),
        ],
    );
    let run = Driven::start("block", &steps, &json!({"items": vec![0; 10_000]}));
    assert_eq!(run.open(), ["reader"]);
    assert!(run.history.len() > 10 && run.history.iter().all(|record| record.events.len() < 1100));
    let closed = |event: &&RunEvent| matches!(event, RunEvent::BlockClosed { path } if path.as_str() == "block");
    assert_eq!(run.history.iter().flat_map(|record| &record.events).filter(closed).count(), 1);
}

pub(super) fn told(run: &mut Driven, event: RunEvent) {
    run.state.apply(at(run.now), &event);
    run.keep(Transition { events: vec![event], ..Transition::default() });
}

pub(super) fn resume(run: &mut Driven) {
    told(run, RunEvent::RunResumed { by: "me".into() });
    run.tell(Input::Continue);
}
