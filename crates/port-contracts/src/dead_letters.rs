//! The contracts of [`DeadLetters`](domain::ports::DeadLetters), and of the commits that write them.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    audit::AuditEntry,
    ids::{DeadLetterId, Seq, StepPath, WorkflowId},
    page::{SortOrder, Total},
    ports::DeadLetterCounts,
    runs::{
        AdvanceRun, ClosedAttempt, CommitOutcome, DeadLetter, DeadLetterEntry, DeadLetterFilter, DeadLetterStatus,
        Outward, Replay, StartRun,
    },
};

use crate::{
    Stores,
    audit::entry,
    samples::{advance, agent_name, all, at, closed, owned_start, page, run_id, step_id, uuid},
};

/// The letter of a run's step `a`.
pub(crate) fn letter(run: &str, reason: &str) -> DeadLetter {
    let path = step_id("a").top_level();
    DeadLetter {
        id: DeadLetterId::of(&run_id(run), &path),
        step: step_id("a"),
        path,
        agent: agent_name("Echo"),
        execution: Seq::new(2),
        generation: 1,
        round: 2,
        attempts: 3,
        reason: reason.to_owned(),
    }
}

/// A commit that leaves letters.
pub(crate) fn leaves(run: &str, seq: u64, letters: Vec<DeadLetter>) -> AdvanceRun {
    AdvanceRun { outward: Outward { dead_letters: letters, ..Outward::default() }, ..advance(run, seq) }
}

fn resolves(run: &str, seq: u64, resolved: Vec<DeadLetterId>) -> AdvanceRun {
    AdvanceRun { outward: Outward { resolved, ..Outward::default() }, ..advance(run, seq) }
}

/// A run whose step `a` fails for good this many seconds after the beginning.
pub(crate) async fn failed(stores: &Stores, run: &str, second: i64) -> DeadLetterId {
    stores.committed(owned_start(run)).await;
    let letter = letter(run, "HTTP 503");
    stores.committed(AdvanceRun { at: at(second), ..leaves(run, 1, vec![letter.clone()]) }).await;
    letter.id
}

async fn get(stores: &Stores, id: DeadLetterId) -> Option<DeadLetterEntry> {
    stores.dead_letters.get(id).await.expect("the store works")
}

async fn listed(stores: &Stores, filter: &DeadLetterFilter, order: SortOrder) -> Vec<DeadLetterId> {
    let page = stores.dead_letters.list(filter, order, all()).await.expect("the store works");
    assert_eq!(page.total, Some(Total::Exact(page.items.len() as u64)));
    page.items.iter().map(|entry| entry.last.id).collect()
}

fn replay(run: &str, second: i64) -> Replay {
    Replay { run: run_id(run), at: at(second) }
}

async fn claim(stores: &Stores, id: DeadLetterId, seen: Option<Replay>, by: &Replay) -> bool {
    stores.dead_letters.claim(id, seen, by, &one_more_entry()).await.expect("the store works")
}

/// Each change has an entry of its own.
fn one_more_entry() -> AuditEntry {
    static MADE: AtomicU64 = AtomicU64::new(1000);
    entry(MADE.fetch_add(1, Ordering::Relaxed))
}

pub async fn a_step_that_fails_for_good_leaves_an_entry_with_its_commit(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let expected = DeadLetterEntry {
        run: run_id("r"),
        last_run: run_id("r"),
        workflow: WorkflowId::new(uuid(1)).into(),
        workflow_name: "greeting".to_owned(),
        workflow_version: Some(1),
        last: letter("r", "HTTP 503"),
        first_failed_at: at(10),
        last_failed_at: at(10),
        failure_count: 1,
        status: DeadLetterStatus::PendingReplay,
        replay: None,
    };
    assert_eq!(get(stores, id).await, Some(expected));
}

pub async fn a_later_failure_of_an_entry_changes_it_and_keeps_where_it_came_from(stores: &Stores) {
    let id = failed(stores, "first", 10).await;
    let workflow = WorkflowId::new(uuid(2));
    stores.committed(StartRun { workflow, ..owned_start("second") }).await;
    let again = DeadLetter { id, execution: Seq::new(9), attempts: 1, ..letter("second", "HTTP 500") };
    stores.committed(AdvanceRun { at: at(20), ..leaves("second", 1, vec![again.clone()]) }).await;
    let entry = get(stores, id).await.expect("it is there");
    assert_eq!((&entry.run, &entry.last_run), (&run_id("first"), &run_id("second")));
    assert_eq!((entry.workflow.definition(), &entry.last), (Some(WorkflowId::new(uuid(1))), &again));
    assert_eq!((entry.first_failed_at, entry.last_failed_at, entry.failure_count), (at(10), at(20), 2));
}

pub async fn an_entry_goes_with_the_commit_that_resolves_it(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let other = failed(stores, "other", 10).await;
    stores.committed(resolves("r", 2, vec![id])).await;
    assert_eq!(get(stores, id).await, None);
    assert!(get(stores, other).await.is_some());
    // One that is not there any more is no obstacle.
    stores.committed(resolves("r", 3, vec![id])).await;
}

pub async fn a_refused_commit_leaves_the_dead_letters_alone(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let before = get(stores, id).await;
    assert_eq!(stores.commit(leaves("r", 7, vec![letter("r", "late")])).await, CommitOutcome::Moved);
    assert_eq!(stores.commit(resolves("r", 7, vec![id])).await, CommitOutcome::Moved);
    assert_eq!(get(stores, id).await, before);
}

pub async fn an_unknown_entry_is_none(stores: &Stores) {
    assert_eq!(get(stores, DeadLetterId::new(uuid(1))).await, None);
}

pub async fn dead_letters_can_be_filtered(stores: &Stores) {
    let r = failed(stores, "r", 10).await;
    stores.committed(StartRun { workflow: WorkflowId::new(uuid(2)), ..owned_start("s") }).await;
    let of_other = DeadLetter { agent: agent_name("Other"), ..letter("s", "x") };
    stores.committed(AdvanceRun { at: at(20), ..leaves("s", 1, vec![of_other.clone()]) }).await;
    let s = of_other.id;
    assert!(claim(stores, s, None, &replay("again", 30)).await);
    let none = DeadLetterFilter::default;
    for (filter, expected) in [
        (none(), vec![r, s]),
        (DeadLetterFilter { workflow: Some(WorkflowId::new(uuid(2))), ..none() }, vec![s]),
        (DeadLetterFilter { workflow: Some(WorkflowId::new(uuid(3))), ..none() }, vec![]),
        (DeadLetterFilter { agent: Some(agent_name("Echo")), ..none() }, vec![r]),
        (DeadLetterFilter { run: Some(run_id("s")), ..none() }, vec![s]),
        (DeadLetterFilter { run: Some(run_id("again")), ..none() }, vec![]),
        (DeadLetterFilter { status: Some(DeadLetterStatus::PendingReplay), ..none() }, vec![r]),
        (DeadLetterFilter { status: Some(DeadLetterStatus::Replayed), ..none() }, vec![s]),
        (DeadLetterFilter { failed_after: Some(at(20)), ..none() }, vec![s]),
        (DeadLetterFilter { failed_before: Some(at(10)), ..none() }, vec![r]),
        (DeadLetterFilter { failed_after: Some(at(11)), failed_before: Some(at(19)), ..none() }, vec![]),
    ] {
        assert_eq!(listed(stores, &filter, SortOrder::Ascending).await, expected, "{filter:?}");
    }
}

pub async fn dead_letters_are_sorted_by_their_last_failure_with_ties_by_id_in_the_same_direction(stores: &Stores) {
    let last = failed(stores, "last", 30).await;
    let mut tied = [failed(stores, "x", 20).await, failed(stores, "y", 20).await];
    tied.sort_unstable();
    let first = failed(stores, "first", 10).await;
    let ascending = vec![first, tied[0], tied[1], last];
    assert_eq!(listed(stores, &DeadLetterFilter::default(), SortOrder::Ascending).await, ascending);
    let descending: Vec<_> = ascending.into_iter().rev().collect();
    assert_eq!(listed(stores, &DeadLetterFilter::default(), SortOrder::Descending).await, descending);
}

pub async fn dead_letters_are_listed_in_pages(stores: &Stores) {
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(failed(stores, &format!("r{n}"), n).await);
    }
    let found = stores.dead_letters.list(&DeadLetterFilter::default(), SortOrder::Ascending, page(2, 2)).await;
    let found = found.expect("the store works");
    assert_eq!(found.items.iter().map(|entry| entry.last.id).collect::<Vec<_>>(), ids[2..4]);
    assert_eq!(found.total, Some(Total::Exact(5)));
}

pub async fn the_attempts_of_one_step_come_in_the_order_of_their_dispatch(stores: &Stores) {
    let place = |text: &str| StepPath::parse(text).expect("a path");
    let failed = |execution: u64, path: &str| ClosedAttempt {
        path: place(path),
        output: None,
        error: Some(format!("failure {execution}")),
        ..closed(execution)
    };
    stores.committed(owned_start("r")).await;
    let rows = vec![failed(5, "each[1]/a"), failed(4, "each[0]/a"), failed(2, "each[1]/a")];
    stores.committed(AdvanceRun { closed: rows, ..advance("r", 1) }).await;
    let found = stores.dead_letters.attempts(&run_id("r"), &place("each[1]/a")).await.expect("the store works");
    let errors: Vec<_> = found.iter().map(|row| row.error.as_deref().unwrap_or_default()).collect();
    assert_eq!(errors, ["failure 2", "failure 5"]);
    assert_eq!(found[0].input, closed(2).input);
    let elsewhere = stores.dead_letters.attempts(&run_id("other"), &place("each[1]/a")).await;
    assert_eq!(elsewhere.expect("the store works"), []);
}

pub async fn of_two_who_replay_an_entry_at_once_one_does(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let (one, other) = (replay("one", 20), replay("other", 21));
    assert!(claim(stores, id, None, &one).await);
    assert!(!claim(stores, id, None, &other).await);
    let entry = get(stores, id).await.expect("it is there");
    assert_eq!((entry.status, entry.replay), (DeadLetterStatus::Replayed, Some(one.clone())));
    // Who knows of the first may do it once more.
    assert!(claim(stores, id, Some(one), &other).await);
    assert_eq!(get(stores, id).await.expect("it is there").replay, Some(other));
}

pub async fn an_unknown_entry_cannot_be_claimed(stores: &Stores) {
    assert!(!claim(stores, DeadLetterId::new(uuid(1)), None, &replay("one", 20)).await);
}

pub async fn a_claim_that_is_given_back_leaves_what_was_there_before(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let (one, other) = (replay("one", 20), replay("other", 21));
    assert!(claim(stores, id, None, &one).await);
    // Somebody else's claim stays.
    stores.dead_letters.give_back(id, &other, None, &one_more_entry()).await.expect("the store works");
    assert_eq!(get(stores, id).await.expect("it is there").replay, Some(one.clone()));
    for before in [Some(other), None] {
        assert!(claim(stores, id, get(stores, id).await.expect("it is there").replay, &one).await);
        stores.dead_letters.give_back(id, &one, before.clone(), &one_more_entry()).await.expect("the store works");
        let entry = get(stores, id).await.expect("it is there");
        assert_eq!((entry.status, entry.replay), (DeadLetterStatus::PendingReplay, before));
    }
}

pub async fn a_failed_replay_makes_its_entry_pending_again_and_keeps_the_link(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    let again = replay("again", 20);
    assert!(claim(stores, id, None, &again).await);
    stores.committed(owned_start("again")).await;
    stores.committed(leaves("again", 1, vec![DeadLetter { id, ..letter("again", "HTTP 503") }])).await;
    let entry = get(stores, id).await.expect("it is there");
    assert_eq!((entry.status, entry.replay), (DeadLetterStatus::PendingReplay, Some(again)));
}

pub async fn a_deleted_entry_is_gone(stores: &Stores) {
    let id = failed(stores, "r", 10).await;
    assert!(stores.dead_letters.delete(id, &one_more_entry()).await.expect("the store works"));
    assert_eq!(get(stores, id).await, None);
    assert!(!stores.dead_letters.delete(id, &one_more_entry()).await.expect("the store works"));
}

pub async fn old_entries_are_removed_oldest_first_and_no_more_than_asked_for(stores: &Stores) {
    for n in [3, 1, 2, 4] {
        failed(stores, &format!("r{n}"), n).await;
    }
    let older = async |limit| stores.dead_letters.delete_older(at(4), limit).await.expect("the store works");
    let left = async || {
        let entries = stores.dead_letters.list(&DeadLetterFilter::default(), SortOrder::Ascending, all()).await;
        entries.expect("the store works").items.iter().map(|entry| entry.run.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(older(2).await, 2);
    assert_eq!(left().await, ["r3", "r4"]);
    assert_eq!(older(2).await, 1);
    assert_eq!(older(2).await, 0);
    assert_eq!(left().await, ["r4"]);
}

pub async fn dead_letters_are_counted_by_what_became_of_them(stores: &Stores) {
    let count = async || stores.dead_letters.count().await.expect("the store works");
    assert_eq!(count().await, DeadLetterCounts::default());
    let first = failed(stores, "a", 1).await;
    failed(stores, "b", 2).await;
    failed(stores, "c", 3).await;
    assert!(claim(stores, first, None, &replay("again", 20)).await);
    assert_eq!(count().await, DeadLetterCounts { pending: 2, replayed: 1 });
}
