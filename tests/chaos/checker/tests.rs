//! A sound history has no violation, and each kind of violation is found where it is planted.

use serde_json::json;

use super::{Kind, check, late_calls};
use crate::{
    evidence::{Accepted, Call, Commit, End, Event, Evidence, Head, News, Order, Ordered, Row, RunRecord},
    message_ids::message_id,
    moment::Moment,
};

const RUN: &str = "run-1";

fn seconds(seconds: i64) -> Moment {
    Moment::at(seconds * 1_000_000)
}

fn dispatched(path: &str, round: u64) -> Event {
    Event::Dispatched { path: path.into(), generation: 0, round }
}

fn succeeded(path: &str, execution: u64) -> Event {
    Event::Succeeded { path: path.into(), execution }
}

fn call(path: &str, round: u64, at: i64) -> Call {
    Call { message_id: message_id(RUN, path, 0, round), digest: "bytes".into(), at: seconds(at) }
}

fn row(path: &str, execution: u64) -> Row {
    Row { path: path.into(), execution, generation: 0, is_completed: true }
}

fn news(seq: u64, status: &str) -> News {
    let event_id = format!("{RUN}-{seq}");
    News { value: json!({"event_id": event_id, "status": status}), event_id }
}

/// Commits whose first events follow each other, a second apart.
fn commits(commits: &[&[Event]]) -> Vec<Commit> {
    let mut first = 1;
    let numbered = (1..).zip(commits).map(|(second, events)| {
        let commit = Commit { first, durable: seconds(second), events: events.to_vec() };
        first += events.len() as u64;
        commit
    });
    numbered.collect()
}

/// A run of one step that was accepted, called and completed, and told of.
fn sound() -> Evidence {
    let started = Event::Other("started".into());
    let commits = commits(&[&[started, dispatched("a", 0)], &[succeeded("a", 2), Event::Ended(End::Completed)]]);
    let record = RunRecord {
        status: Some("COMPLETED".into()),
        output: json!({"text": "x"}),
        head: Some(Head { seq: 4, is_live: false }),
        commits,
        rows: vec![row("a", 2)],
    };
    Evidence {
        accepted: vec![Accepted { run: RUN.into(), output: json!({"text": "x"}) }],
        runs: [(RUN.to_owned(), record)].into(),
        calls: vec![call("a", 0, 1)],
        news: vec![news(4, "COMPLETED"), news(4, "COMPLETED")],
        ..Evidence::default()
    }
}

/// The same run, cancelled while its step was called, then resumed and completed.
fn cancelled_and_resumed() -> Evidence {
    let mut evidence = sound();
    let record = evidence.runs.get_mut(RUN).expect("the run");
    record.commits = commits(&[
        &[Event::Other("started".into()), dispatched("a", 0)],
        &[Event::Ended(End::Cancelled)],
        &[Event::Resumed],
        &[dispatched("a", 0)],
        &[succeeded("a", 5), Event::Ended(End::Completed)],
    ]);
    record.head = Some(Head { seq: 7, is_live: false });
    record.rows = vec![row("a", 5)];
    evidence.calls = vec![call("a", 0, 1), call("a", 0, 4)];
    evidence.news = vec![news(3, "CANCELLED"), news(7, "COMPLETED")];
    let order = |what, at| Order { run: RUN.into(), what, acknowledged: seconds(at) };
    evidence.orders = vec![order(Ordered::Cancel, 2), order(Ordered::Retry, 3)];
    evidence
}

/// What is found after something was done to the evidence.
fn found(mut evidence: Evidence, plant: impl FnOnce(&mut Evidence)) -> Vec<Kind> {
    plant(&mut evidence);
    let mut kinds: Vec<_> = check(&evidence).into_iter().map(|violation| violation.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn record(evidence: &mut Evidence) -> &mut RunRecord {
    evidence.runs.get_mut(RUN).expect("the run")
}

#[test]
fn a_sound_history_has_no_violation() {
    assert_eq!(check(&sound()), []);
    assert_eq!(check(&cancelled_and_resumed()), []);
}

#[test]
fn an_accepted_run_that_the_database_does_not_know_is_lost() {
    let kinds = found(sound(), |evidence| evidence.runs.clear());
    assert_eq!(kinds, [Kind::LostRun, Kind::UnrecordedCall, Kind::InventedEnd]);
    assert!(found(sound(), |evidence| record(evidence).status = None).contains(&Kind::LostRun));
    assert!(found(sound(), |evidence| record(evidence).head = None).contains(&Kind::LostRun));
}

#[test]
fn a_run_that_has_not_ended_is_stuck() {
    let live = |evidence: &mut Evidence| record(evidence).head = Some(Head { seq: 4, is_live: true });
    assert_eq!(found(sound(), live), [Kind::StuckRun]);
    let endless = |evidence: &mut Evidence| {
        record(evidence).commits[1].events.pop();
        record(evidence).head = Some(Head { seq: 3, is_live: false });
        evidence.news.clear();
    };
    assert_eq!(found(sound(), endless), [Kind::StuckRun]);
}

#[test]
fn people_must_see_what_the_events_say_and_the_output_that_the_document_makes() {
    let kinds = found(sound(), |evidence| record(evidence).status = Some("FAILED".into()));
    assert_eq!(kinds, [Kind::WrongStatus]);
    assert_eq!(found(sound(), |evidence| record(evidence).output = json!({"text": "y"})), [Kind::WrongOutput]);
}

#[test]
fn numbers_of_events_have_no_gaps_and_end_where_the_head_says() {
    assert!(found(sound(), |evidence| record(evidence).commits[1].first = 4).contains(&Kind::Gap));
    let ahead = |evidence: &mut Evidence| record(evidence).head = Some(Head { seq: 5, is_live: false });
    assert_eq!(found(sound(), ahead), [Kind::Gap]);
}

#[test]
fn a_step_that_succeeds_twice_is_a_doubled_completion_in_events_and_in_rows() {
    let again = |evidence: &mut Evidence| {
        record(evidence).commits[1].events.insert(0, succeeded("a", 2));
        record(evidence).head = Some(Head { seq: 5, is_live: false });
        evidence.news = vec![news(5, "COMPLETED")];
    };
    assert_eq!(found(sound(), again), [Kind::DoubledCompletion]);
    let second_row = |evidence: &mut Evidence| record(evidence).rows.push(row("a", 3));
    assert_eq!(found(sound(), second_row), [Kind::DoubledCompletion, Kind::InventedResult]);
}

#[test]
fn a_result_belongs_to_a_success_and_a_success_to_a_call() {
    assert_eq!(found(sound(), |evidence| record(evidence).rows.clear()), [Kind::LostResult]);
    assert_eq!(found(sound(), |evidence| evidence.calls.clear()), [Kind::InventedResult]);
}

#[test]
fn a_step_that_is_done_is_called_no_more_under_whatever_message_id() {
    assert_eq!(found(sound(), |evidence| evidence.calls.push(call("a", 0, 3))), [Kind::CalledAgain]);
    let dispatched_again = |evidence: &mut Evidence| {
        record(evidence).commits[1].events.insert(1, dispatched("a", 1));
        record(evidence).head = Some(Head { seq: 5, is_live: false });
        evidence.news = vec![news(5, "COMPLETED")];
        evidence.calls.push(call("a", 1, 3));
    };
    assert_eq!(found(sound(), dispatched_again), [Kind::CalledAgain]);
    assert_eq!(check_count(Kind::CalledAgain, dispatched_again), 2, "once by the events, once by the agents");
}

fn check_count(kind: Kind, plant: impl FnOnce(&mut Evidence)) -> usize {
    let mut evidence = sound();
    plant(&mut evidence);
    check(&evidence).into_iter().filter(|violation| violation.kind == kind).count()
}

#[test]
fn a_late_call_is_excused_right_after_the_thaw_of_an_executor_and_at_no_other_time() {
    let mut evidence = sound();
    evidence.calls.push(call("a", 0, 9));
    evidence.thaws = vec![seconds(8)];
    assert_eq!(check(&evidence), []);
    assert_eq!(late_calls(&evidence), 1);
    for thaw in [2, 10] {
        evidence.thaws = vec![seconds(thaw)];
        assert_eq!(check(&evidence).len(), 1, "thawed at {thaw}");
    }
}

#[test]
fn a_rerun_of_a_step_has_a_generation_of_its_own_and_is_no_violation() {
    let rerun = |evidence: &mut Evidence| {
        let again = Event::Dispatched { path: "a".into(), generation: 1, round: 0 };
        let end = record(evidence).commits[1].events.pop().expect("the end");
        record(evidence).commits[1].events.extend([again, succeeded("a", 4), end]);
        record(evidence).head = Some(Head { seq: 6, is_live: false });
        record(evidence).rows.push(Row { generation: 1, ..row("a", 4) });
        evidence.news = vec![news(6, "COMPLETED")];
        evidence.calls.push(Call { message_id: message_id(RUN, "a", 1, 0), ..call("a", 0, 2) });
    };
    assert_eq!(found(sound(), rerun), []);
}

#[test]
fn equal_message_ids_have_equal_bytes() {
    let other = |evidence: &mut Evidence| evidence.calls.push(Call { digest: "others".into(), ..call("a", 0, 1) });
    assert_eq!(found(sound(), other), [Kind::OtherBytes]);
}

#[test]
fn a_call_is_recorded_before_it_is_made() {
    assert_eq!(found(sound(), |evidence| evidence.calls.push(call("b", 0, 1))), [Kind::UnrecordedCall]);
    let early = |evidence: &mut Evidence| evidence.calls.push(call("a", 0, 0));
    assert_eq!(found(sound(), early), [Kind::UnrecordedCall]);
}

#[test]
fn nothing_is_begun_after_a_cancellation() {
    let begun = |evidence: &mut Evidence| {
        record(evidence).commits[2].events.insert(0, dispatched("b", 0));
        record(evidence).head = Some(Head { seq: 8, is_live: false });
        for commit in &mut record(evidence).commits[3..] {
            commit.first += 1;
        }
        record(evidence).commits[4].events[0] = succeeded("a", 6);
        record(evidence).rows = vec![row("a", 6)];
        evidence.news = vec![news(3, "CANCELLED"), news(8, "COMPLETED")];
    };
    assert_eq!(found(cancelled_and_resumed(), begun), [Kind::CalledAfterCancel]);
    let called = |evidence: &mut Evidence| {
        for commit in &mut record(evidence).commits[2..] {
            commit.durable = commit.durable.plus(std::time::Duration::from_secs(10));
        }
        evidence.orders.pop();
        evidence.calls = vec![call("a", 0, 1), call("a", 0, 8), call("a", 0, 14)];
    };
    assert_eq!(found(cancelled_and_resumed(), called), [Kind::CalledAfterCancel]);
}

#[test]
fn an_acknowledged_order_is_in_the_history() {
    let plant = |what| {
        move |evidence: &mut Evidence| {
            evidence.orders = vec![Order { run: RUN.into(), what, acknowledged: seconds(2) }];
        }
    };
    for what in [Ordered::Cancel, Ordered::Retry] {
        assert_eq!(found(sound(), plant(what)), [Kind::LostOrder]);
    }
}

#[test]
fn every_end_is_told_of_as_it_was_and_no_other() {
    assert_eq!(found(sound(), |evidence| evidence.news.clear()), [Kind::UntoldEnd]);
    assert_eq!(found(sound(), |evidence| evidence.news.push(news(3, "FAILED"))), [Kind::InventedEnd]);
    let otherwise = |evidence: &mut Evidence| evidence.news = vec![news(4, "FAILED")];
    assert_eq!(found(sound(), otherwise), [Kind::InventedEnd]);
    let two_stories = |evidence: &mut Evidence| evidence.news[1].value["error_message"] = json!("why");
    assert_eq!(found(sound(), two_stories), [Kind::InventedEnd]);
}

#[test]
fn wrong_answers_panics_and_calls_that_were_not_written_down_are_violations() {
    assert_eq!(found(sound(), |evidence| evidence.wrong_answers.push("500".into())), [Kind::WrongAnswer]);
    assert_eq!(found(sound(), |evidence| evidence.panics.push("panicked at".into())), [Kind::Panic]);
    assert_eq!(found(sound(), |evidence| evidence.unlogged = 1), [Kind::BlindWitness]);
}
