//! The contracts of what a commit changes beyond its run: runs that it starts, what other runs are told, events that steps
//! wait for, and the output of a run.

use domain::{
    ids::RunId,
    page::SortOrder,
    ports::InboxNote,
    runs::{
        AdvanceRun, CancelRun, ChildOutcome, EventWait, InboxMessage, Outward, Parent, RunEvent, RunFilter, RunSort,
        RunStatus, RunUpdate, StartRun, Wake,
    },
};
use serde_json::json;

use crate::{
    Stores,
    samples::{
        advance, all, at, cancel, executor, finish, owned_start, payload, plan_hash, resume, run_id, start, step_id,
        update,
    },
};

fn parent() -> Parent {
    Parent { run: run_id("parent"), path: step_id("sub").top_level(), depth: 1, following: 0 }
}

/// The start of a run that the step `sub` of `parent` starts.
fn child(run: &str) -> StartRun {
    let events = vec![RunEvent::Started { plan: plan_hash(1), parent: Some(parent()), starts_at: None, trace: None }];
    StartRun { events, parent: Some(parent()), ..start(run) }
}

fn outward(children: &[&str]) -> Outward {
    Outward { children: children.iter().map(|run| child(run)).collect(), ..Outward::default() }
}

fn note(run: &str, dedupe: &str) -> InboxNote {
    let message = InboxMessage::Cancel { by: dedupe.to_owned(), reason: None };
    InboxNote { run: run_id(run), dedupe: dedupe.to_owned(), message, at: at(12) }
}

fn wait(event: &str, correlation: &str, step: &str) -> EventWait {
    EventWait { event: event.to_owned(), correlation: correlation.to_owned(), path: step_id(step).top_level() }
}

async fn family(stores: &Stores) {
    stores.committed(owned_start("parent")).await;
    stores.committed(AdvanceRun { outward: outward(&["one", "two"]), ..advance("parent", 1) }).await;
}

/// Claims what is due, and answers what it was told.
async fn claimed(stores: &Stores, second: i64) -> Vec<(RunId, Vec<InboxMessage>)> {
    let claimed = stores.leases.claim(executor(9), 10, at(second)).await.expect("the store works");
    let mut told: Vec<_> = claimed
        .into_iter()
        .map(|claimed| (claimed.run, claimed.inbox.into_iter().map(|entry| entry.message).collect::<Vec<_>>()))
        .collect();
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    told
}

pub async fn a_run_is_started_in_the_commit_of_the_run_that_wants_it(stores: &Stores) {
    family(stores).await;
    let one = stores.run(&run_id("one")).await;
    assert_eq!((one.status, one.parent.as_ref()), (RunStatus::Pending, Some(&run_id("parent"))));
    assert_eq!(stores.run(&run_id("parent")).await.parent, None);
    let history = stores.runs.history(&run_id("one")).await.expect("the store works");
    assert_eq!(history[0].events, child("one").events);
    let due: Vec<RunId> = claimed(stores, 0).await.into_iter().map(|(run, _)| run).collect();
    assert_eq!(due, [run_id("one"), run_id("two")]);
}

pub async fn a_run_that_is_there_is_not_started_again(stores: &Stores) {
    family(stores).await;
    stores.committed(cancel("one")).await;
    stores.committed(AdvanceRun { outward: outward(&["one", "three"]), ..advance("parent", 2) }).await;
    assert_eq!(stores.run(&run_id("one")).await.status, RunStatus::Cancelled);
    assert_eq!(stores.run(&run_id("three")).await.status, RunStatus::Pending);
}

pub async fn a_refused_commit_starts_and_tells_nothing(stores: &Stores) {
    family(stores).await;
    let outward = Outward { notes: vec![note("one", "x")], waits: vec![wait("e", "", "a")], ..outward(&["three"]) };
    let outcome = stores.commit(AdvanceRun { outward, ..advance("parent", 1) }).await;
    assert_eq!(outcome, domain::runs::CommitOutcome::Moved);
    assert_eq!(stores.runs.get(&run_id("three")).await.expect("the store works"), None);
    assert!(claimed(stores, 100).await.iter().all(|(_, told)| told.is_empty()));
    assert_eq!(stores.inbox.waiting_for("e", "", 10).await.expect("the store works"), []);
}

pub async fn a_note_of_a_commit_is_told_once_and_makes_its_run_due(stores: &Stores) {
    family(stores).await;
    stores.committed(owned_start("sleeper")).await;
    stores.committed(AdvanceRun { wake: Wake::Asleep, ..advance("sleeper", 1) }).await;
    stores.committed(cancel("two")).await;
    let notes =
        vec![note("sleeper", "x"), note("sleeper", "x"), note("sleeper", "y"), note("two", "z"), note("gone", "z")];
    stores.committed(AdvanceRun { outward: Outward { notes, ..Outward::default() }, ..advance("parent", 2) }).await;
    let told = claimed(stores, 12).await;
    let sleeper = told.iter().find(|(run, _)| *run == run_id("sleeper")).expect("it is due");
    assert_eq!(sleeper.1, [note("sleeper", "x").message, note("sleeper", "y").message]);
}

pub async fn a_cancelled_run_tells_its_parent_and_its_live_children(stores: &Stores) {
    family(stores).await;
    let by_hand = CancelRun { at: at(20), ..cancel("one") };
    stores.committed(by_hand.clone()).await;
    stores.committed(AdvanceRun { wake: Wake::Asleep, ..advance("parent", 2) }).await;
    let ended = InboxMessage::ChildEnded {
        path: parent().path,
        child: run_id("one"),
        outcome: ChildOutcome::Cancelled { error: by_hand.message(), by_parent: false },
    };
    let told = claimed(stores, 30).await;
    assert_eq!(told, [(run_id("parent"), vec![ended]), (run_id("two"), vec![])]);
    let above = CancelRun { at: at(40), ..cancel("parent") };
    stores.committed(above.clone()).await;
    let mail = stores.inbox.mail_for(executor(9), 10).await.expect("the store works");
    let told: Vec<_> = mail.iter().map(|mail| (mail.run.clone(), mail.entries[0].message.clone())).collect();
    assert_eq!(told, [(run_id("two"), above.tells_child(run_id("two")).message)]);
}

pub async fn a_run_that_was_ended_by_another_says_by_whom(stores: &Stores) {
    family(stores).await;
    stores.committed(owned_start("r")).await;
    let event = RunEvent::RunCancelled { by: "parent".to_owned(), reason: None };
    let update = RunUpdate { cancelled_by: Some("parent".to_owned()), ..update(RunStatus::Cancelled, Some("no need")) };
    stores
        .committed(AdvanceRun { events: vec![event], update: Some(update), wake: Wake::Never, ..advance("r", 1) })
        .await;
    let run = stores.run(&run_id("r")).await;
    assert_eq!((run.status, run.cancelled_by.as_deref()), (RunStatus::Cancelled, Some("parent")));
    assert_eq!((run.cancelled_at, run.error.as_deref()), (Some(at(10)), Some("no need")));
}

pub async fn the_output_of_a_run_comes_back_byte_for_byte(stores: &Stores) {
    for (run, output) in [("a", json!({"x": [1e16, -0.0, null]})), ("b", json!(null)), ("c", json!("text"))] {
        stores.committed(owned_start(run)).await;
        assert_eq!(stores.run(&run_id(run)).await.output, None);
        let output = Some(payload(output));
        let update = RunUpdate { output: output.clone(), ..update(RunStatus::Completed, None) };
        stores.committed(AdvanceRun { update: Some(update), ..finish(run, 1, RunStatus::Completed, None) }).await;
        assert_eq!(stores.run(&run_id(run)).await.output, output);
    }
}

pub async fn the_runs_that_a_run_has_started_can_be_listed(stores: &Stores) {
    family(stores).await;
    stores.committed(start("stranger")).await;
    let filter = RunFilter { parent: Some(run_id("parent")), ..RunFilter::default() };
    let found = stores.runs.list(&filter, RunSort::CreatedAt, SortOrder::Ascending, all()).await;
    let found: Vec<RunId> = found.expect("the store works").items.into_iter().map(|run| run.id).collect();
    assert_eq!(found, [run_id("one"), run_id("two")]);
}

pub async fn a_wait_is_found_by_its_event_and_correlation_until_it_is_settled(stores: &Stores) {
    for run in ["a", "b"] {
        stores.committed(owned_start(run)).await;
        let waits = vec![wait("paid", run, "x"), wait("paid", "both", "y"), wait("other", "both", "z")];
        stores.committed(AdvanceRun { outward: Outward { waits, ..Outward::default() }, ..advance(run, 1) }).await;
    }
    let found = async |event: &str, correlation: &str, limit| {
        let mut found = stores.inbox.waiting_for(event, correlation, limit).await.expect("the store works");
        found.sort();
        found.into_iter().map(|(run, path)| format!("{run} {path}")).collect::<Vec<_>>()
    };
    assert_eq!(found("paid", "a", 10).await, ["a x"]);
    assert_eq!(found("paid", "both", 10).await, ["a y", "b y"]);
    assert_eq!(found("paid", "both", 1).await.len(), 1);
    assert_eq!(found("paid", "", 10).await, Vec::<String>::new());
    let settled = vec![step_id("y").top_level()];
    stores.committed(AdvanceRun { outward: Outward { settled, ..Outward::default() }, ..advance("a", 2) }).await;
    assert_eq!(found("paid", "both", 10).await, ["b y"]);
    assert_eq!(found("other", "both", 10).await, ["a z", "b z"]);
}

pub async fn a_cancelled_run_waits_for_nothing(stores: &Stores) {
    stores.committed(owned_start("a")).await;
    let waits = vec![wait("paid", "", "x")];
    stores.committed(AdvanceRun { outward: Outward { waits, ..Outward::default() }, ..advance("a", 1) }).await;
    stores.committed(cancel("a")).await;
    assert_eq!(stores.inbox.waiting_for("paid", "", 10).await.expect("the store works"), []);
    stores.committed(resume("a")).await;
    assert_eq!(stores.inbox.waiting_for("paid", "", 10).await.expect("the store works"), []);
}
