//! What agents say themselves about their calls.

use super::*;

pub(super) fn done(x: u64) -> Reported {
    Reported::Completed { output: payload(x) }
}

pub(super) fn undone() -> Reported {
    Reported::Failed { error: "no".to_owned() }
}

pub(super) fn progress(key: &CallKey, message: &str) -> Input {
    let CallKey { path, generation, round, .. } = key.clone();
    told(InboxMessage::CallProgressed { path, generation, round, message: message.to_owned() })
}

fn events(run: &Driven) -> &[RunEvent] {
    &run.history.last().expect("a record").events
}

#[test]
fn a_report_ends_the_call_as_its_answer_would_and_the_answer_is_not_waited_for() {
    let (mut told, mut answered) = (Driven::start(2), Driven::start(2));
    let CallKey { path, generation, round, .. } = told.calls[0].key.clone();
    let message =
        InboxMessage::CallReported { path: path.clone(), generation, round, outcome: done(2), retry: policy() };
    let made = advance(&told.plan, &mut told.state, &mut told.data, Input::Told(message), at(0), true).expect("taken");
    assert_eq!(made.answered, [path]);
    told.keep(made);
    answered.end_last_call(CallOutcome::Completed(payload(2))).expect("accepted");
    assert_eq!(told.history, answered.history);
    assert_eq!((told.closed, told.calls), (answered.closed, answered.calls));
}

#[test]
fn an_answer_that_comes_after_the_report_is_late() {
    let mut run = Driven::start(1);
    run.report(0, done(2)).expect("taken");
    assert_eq!(run.state.status(), RunStatus::Completed);
    let late = run.end_last_call(CallOutcome::Completed(payload(3)));
    assert_eq!(late, Err(Rejection::Terminal(RunStatus::Completed)));
}

#[test]
fn a_report_that_comes_twice_counts_once() {
    let mut run = Driven::start(2);
    run.report(0, done(2)).expect("taken");
    let before = run.state.clone();
    run.report(0, done(9)).expect("ignored");
    assert_eq!(run.state, before);
    assert_eq!(run.closed.len(), 1);
}

#[test]
fn a_reported_failure_is_definite_and_follows_the_policy() {
    let mut run = Driven::start(1);
    run.report(0, undone()).expect("taken");
    assert!(matches!(events(&run), [RunEvent::StepRetryScheduled { definite: true, .. }]));
    assert_eq!(run.closed[0].error.as_deref(), Some("Task state: failed: no"));
    run.now = 1;
    run.tell(Input::Continue).expect("it is due");
    assert_eq!(run.calls[1].key.round, 1);
    run.report(0, done(1)).expect("ignored");
    assert_eq!(run.state.status(), RunStatus::Running, "it is another call by now");
    run.report(1, undone()).expect("taken");
    assert_eq!(run.state.error(), Some("Workflow failed at step 's0': Task state: failed: no"));
}

#[test]
fn a_report_settles_what_nobody_knew_and_nothing_is_repeated() {
    let mut run = Driven::start(2);
    run.end_last_call(failure(false)).expect("accepted");
    run.report(0, done(5)).expect("taken");
    assert!(
        matches!(events(&run), [RunEvent::StepReported { .. }, RunEvent::StepSucceeded { .. }, ..]),
        "{:?}",
        events(&run)
    );
    let rows: Vec<_> = run.closed.iter().map(|row| (row.attempt, row.output.clone())).collect();
    assert_eq!(rows, [(1, None), (2, Some(payload(5)))]);
    assert_eq!((run.calls.len(), &run.calls[1].input), (2, &payload(5)), "only the next step is called");
}

#[test]
fn a_report_settles_what_a_person_was_to_decide_and_the_run_stays_paused() {
    let parks = RetryPolicy::parse_strategy(&json!({"on_unknown_outcome": "park"})).expect("a strategy");
    let mut run = Driven::start(2);
    let key = run.calls[0].key.clone();
    run.tell(Input::CallEnded { key, outcome: failure(false), policy: parks }).expect("accepted");
    assert!(run.state.is_paused());
    run.report(0, done(5)).expect("taken");
    assert!(run.state.is_paused() && run.calls.len() == 1);
    run.tell(unpause()).expect("a live run");
    assert_eq!(run.calls[1].input, payload(5));
}

#[test]
fn nothing_is_reported_about_a_call_that_failed_for_certain_was_cut_or_belongs_to_an_earlier_generation() {
    let mut run = Driven::start(1);
    run.end_last_call(failure(true)).expect("accepted");
    assert_eq!(run.state.task(&run.calls[0].key), TaskState::Over);
    let before = run.state.clone();
    run.report(0, done(5)).expect("ignored");
    assert_eq!(run.state, before);

    let mut run = Driven::start(1);
    run.cancel();
    assert_eq!(run.state.task(&run.calls[0].key), TaskState::Over);
    assert_eq!(run.report(0, done(5)), Err(Rejection::Terminal(RunStatus::Cancelled)));

    let mut run = Driven::start(1);
    run.report(0, done(5)).expect("taken");
    let rerun = Rerun { from: run.calls[0].key.path.clone(), undone: Vec::new() };
    run.blind(RunEvent::RunRerun { by: "me".into(), rerun }, RunStatus::Pending);
    run.tell(Input::Continue).expect("a live run");
    assert_eq!((run.calls[1].key.generation, run.calls[1].key.round), (1, 0));
    run.report(0, done(6)).expect("ignored");
    assert!(matches!(run.state.task(&run.calls[1].key), TaskState::Working(_)));
}

#[test]
fn what_an_agent_says_on_its_way_shows_until_the_call_ends() {
    let mut run = Driven::start(1);
    let key = run.calls[0].key.clone();
    run.tell(progress(&key, &"x".repeat(600))).expect("taken");
    let kept = run.state.progress(&key.path).expect("kept");
    assert_eq!((kept.said, kept.at, kept.message.chars().count()), (1, at(0), 501));
    let waits = waiting_on(&run.plan, &run.state, &run.data);
    assert!(matches!(&waits[..], [WaitingOn::Agent { progress: Some(shown), .. }] if shown == kept), "{waits:?}");

    run.tell(progress(&key, "too soon")).expect("taken");
    assert_eq!(run.state.progress(&key.path).map(|kept| kept.said), Some(1));
    run.report(0, undone()).expect("taken");
    assert_eq!(run.state.progress(&key.path), None);
    run.now = 10;
    run.tell(progress(&key, "late")).expect("ignored");
    assert_eq!(run.state.progress(&key.path), None);
}

#[test]
fn a_talkative_agent_does_not_fill_the_history() {
    let mut run = Driven::start(1);
    let key = run.calls[0].key.clone();
    for second in 0..1000 {
        run.now = second;
        run.tell(progress(&key, "on it")).expect("taken");
    }
    assert_eq!(run.state.progress(&key.path).map(|kept| kept.said), Some(200));
}

#[test]
fn what_is_said_is_stored_and_read_again() {
    let path = Driven::start(1).calls[0].key.path.clone();
    for message in [
        InboxMessage::CallReported { path: path.clone(), generation: 1, round: 2, outcome: done(1), retry: policy() },
        InboxMessage::CallReported { path: path.clone(), generation: 0, round: 0, outcome: undone(), retry: policy() },
        InboxMessage::CallProgressed { path, generation: 0, round: 0, message: "half".to_owned() },
    ] {
        let text = serde_json::to_string(&message).expect("it has a form");
        assert_eq!(serde_json::from_str::<InboxMessage>(&text).expect("it is read again"), message, "{text}");
    }
}
