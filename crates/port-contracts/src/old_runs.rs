//! The contracts of [`OldRuns`](domain::ports::OldRuns).

use domain::{
    ids::TickId,
    runs::{AdvanceRun, CancelRun, CommitOutcome, Outward, Parent, ResumeRun, RunEvent, RunStatus, StartRun},
    schedules::Schedule,
};

use crate::{
    Change, Stores,
    dead_letters::leaves,
    samples::{
        advance, at, cancel, closed, finish, owned_start, plan_hash, resume, run_id, schedule, start, step_id, uuid,
    },
};

/// Removes what ended before this second; answers how many runs are gone.
async fn removed(stores: &Stores, second: i64, families: usize) -> u64 {
    stores.old_runs.remove_ended(at(second), families).await.expect("the store works")
}

async fn are_there(stores: &Stores, runs: &[&str]) -> Vec<bool> {
    let mut found = Vec::new();
    for run in runs {
        found.push(stores.runs.get(&run_id(run)).await.expect("the store works").is_some());
    }
    found
}

/// A run that completed at this second.
async fn completed(stores: &Stores, run: &str, second: i64) {
    stores.committed(owned_start(run)).await;
    stores.committed(AdvanceRun { at: at(second), ..finish(run, 1, RunStatus::Completed, None) }).await;
}

/// The start of a run that a step of another one starts.
fn child(run: &str, of: &str) -> StartRun {
    let parent = Parent { run: run_id(of), path: step_id("sub").top_level(), depth: 1, following: 0 };
    let events =
        vec![RunEvent::Started { plan: plan_hash(1), parent: Some(parent.clone()), starts_at: None, trace: None }];
    StartRun { events, parent: Some(parent), ..start(run) }
}

/// A run with a child that has a child; none of them is over.
async fn family(stores: &Stores) {
    let outward = |run: &str, of: &str| Outward { children: vec![child(run, of)], ..Outward::default() };
    stores.committed(owned_start("parent")).await;
    stores.committed(AdvanceRun { outward: outward("child", "parent"), ..advance("parent", 1) }).await;
    stores.committed(owned_start("other")).await;
    stores.committed(StartRun { ..child("grandchild", "child") }).await;
}

async fn cancelled(stores: &Stores, run: &str, second: i64) {
    stores.committed(CancelRun { at: at(second), ..cancel(run) }).await;
    // Its owner, if it had one, hears of it and lets go.
    for owner in stores.leases.owners().await.expect("the store works") {
        stores.leases.take_ended(owner).await.expect("the store works");
    }
}

pub async fn what_ended_long_ago_is_gone_with_all_that_was_kept_of_it(stores: &Stores) {
    stores.committed(owned_start("old")).await;
    let step = AdvanceRun { closed: vec![closed(2)], ..advance("old", 1) };
    stores.committed(step).await;
    let last = stores.tip("old").await.last.get();
    stores.committed(AdvanceRun { at: at(30), ..finish("old", last, RunStatus::Completed, None) }).await;
    completed(stores, "young", 60).await;
    let (row, steps, history) = stores.all_of(&run_id("old")).await;
    assert!(row.is_some() && !steps.is_empty() && !history.is_empty());

    assert_eq!(removed(stores, 30, 10).await, 0, "it did not end before its end");
    assert_eq!(removed(stores, 31, 10).await, 1);
    assert_eq!(stores.all_of(&run_id("old")).await, (None, vec![], vec![]));
    assert_eq!(are_there(stores, &["old", "young"]).await, [false, true]);
    assert_eq!(removed(stores, 31, 10).await, 0);
}

pub async fn what_has_not_ended_stays_however_old_it_is(stores: &Stores) {
    stores.committed(start("pending")).await;
    stores.committed(owned_start("running")).await;
    completed(stores, "again", 20).await;
    stores.committed(owned_start("failed")).await;
    stores.committed(AdvanceRun { at: at(20), ..finish("failed", 1, RunStatus::Failed, Some("no")) }).await;
    stores.committed(ResumeRun { at: at(21), ..resume("failed") }).await;
    assert_eq!(removed(stores, 1_000_000, 10).await, 1);
    assert_eq!(are_there(stores, &["pending", "running", "failed", "again"]).await, [true, true, true, false]);
}

pub async fn a_cancelled_run_stays_until_its_owner_has_let_go(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(CancelRun { at: at(20), ..cancel("r") }).await;
    assert_eq!(removed(stores, 1000, 10).await, 0);
    cancelled_is_heard(stores).await;
    assert_eq!(removed(stores, 1000, 10).await, 1);
}

async fn cancelled_is_heard(stores: &Stores) {
    for owner in stores.leases.owners().await.expect("the store works") {
        stores.leases.take_ended(owner).await.expect("the store works");
    }
}

pub async fn a_family_goes_whole_or_not_at_all(stores: &Stores) {
    family(stores).await;
    cancelled(stores, "parent", 20).await;
    assert_eq!(removed(stores, 1000, 10).await, 0, "its child and the child of that go on");
    cancelled(stores, "child", 25).await;
    assert_eq!(removed(stores, 1000, 10).await, 0);
    cancelled(stores, "grandchild", 50).await;
    assert_eq!(removed(stores, 40, 10).await, 0, "one of them has not ended long enough ago");
    assert_eq!(removed(stores, 51, 1).await, 3);
    assert_eq!(are_there(stores, &["parent", "child", "grandchild", "other"]).await, [false, false, false, true]);
}

pub async fn children_of_what_goes_on_stay(stores: &Stores) {
    family(stores).await;
    cancelled(stores, "grandchild", 20).await;
    cancelled(stores, "child", 20).await;
    assert_eq!(removed(stores, 1000, 10).await, 0);
    assert_eq!(are_there(stores, &["parent", "child", "grandchild"]).await, [true; 3]);
}

pub async fn what_a_dead_letter_names_stays_until_the_letter_is_gone(stores: &Stores) {
    let id = crate::dead_letters::failed(stores, "r", 10).await;
    let last = stores.tip("r").await.last.get();
    stores.committed(AdvanceRun { at: at(11), ..finish("r", last, RunStatus::Failed, Some("no")) }).await;
    completed(stores, "replay", 20).await;
    let replay = domain::runs::Replay { run: run_id("replay"), at: at(15) };
    let entry = |n| crate::audit::entry(n);
    let claimed = stores.dead_letters.claim(id, None, &replay, &entry(1)).await.expect("the store works");
    assert!(claimed);
    assert_eq!(removed(stores, 1000, 10).await, 0);
    assert!(stores.dead_letters.delete(id, &entry(2)).await.expect("the store works"));
    assert_eq!(removed(stores, 1000, 10).await, 2);
    // A letter of a run that goes on is nobody else's reason to stay.
    stores.committed(owned_start("live")).await;
    stores.committed(leaves("live", 1, vec![crate::dead_letters::letter("live", "no")])).await;
    completed(stores, "done", 20).await;
    assert_eq!(removed(stores, 1000, 10).await, 1);
}

pub async fn what_a_schedule_has_started_last_stays(stores: &Stores) {
    let ticks = [TickId::new(uuid(71)), TickId::new(uuid(72))];
    let [before, last] = ticks.map(TickId::run);
    stores.changed(&[Change::AddSchedule(Schedule { last_started: Some(ticks[1]), ..schedule(1, "a") })]).await;
    for run in [&before, &last] {
        completed(stores, run.as_str(), 20).await;
    }
    assert_eq!(removed(stores, 1000, 10).await, 1);
    assert_eq!(are_there(stores, &[before.as_str(), last.as_str()]).await, [false, true]);
}

pub async fn the_oldest_families_go_first_and_no_more_than_asked_for(stores: &Stores) {
    for (run, second) in [("c", 30), ("a", 10), ("b", 20), ("d", 40)] {
        completed(stores, run, second).await;
    }
    assert_eq!(removed(stores, 40, 2).await, 2);
    assert_eq!(are_there(stores, &["a", "b", "c", "d"]).await, [false, false, true, true]);
    assert_eq!(removed(stores, 40, 2).await, 1);
    assert_eq!(are_there(stores, &["c", "d"]).await, [false, true]);
}

pub async fn what_is_kept_does_not_stand_before_what_may_go(stores: &Stores) {
    for n in 0..5 {
        let run = format!("kept-{n}");
        crate::dead_letters::failed(stores, &run, 10).await;
        let last = stores.tip(&run).await.last.get();
        stores.committed(AdvanceRun { at: at(11), ..finish(&run, last, RunStatus::Failed, Some("no")) }).await;
    }
    completed(stores, "later", 20).await;
    assert_eq!(removed(stores, 1000, 1).await, 1);
    assert_eq!(are_there(stores, &["later", "kept-0", "kept-4"]).await, [false, true, true]);
}

pub async fn a_commit_to_a_run_that_was_removed_is_told_so_and_the_id_can_be_used_anew(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(AdvanceRun { at: at(20), ..finish("r", 1, RunStatus::Failed, Some("no")) }).await;
    assert_eq!(removed(stores, 1000, 10).await, 1);
    assert_eq!(stores.commit(resume("r")).await, CommitOutcome::Gone);
    assert_eq!(stores.commit(cancel("r")).await, CommitOutcome::Gone);
    assert_eq!(stores.commit(advance("r", 2)).await, CommitOutcome::Gone);
    stores.committed(start("r")).await;
    let (_, steps, history) = stores.all_of(&run_id("r")).await;
    assert_eq!((steps.len(), history.len()), (0, 1), "nothing of what was there before belongs to it");
}

pub async fn what_is_told_of_a_removed_run_elsewhere_stays(stores: &Stores) {
    completed(stores, "r", 20).await;
    let told = async || {
        let slice = stores.feed.after(domain::ids::FeedPlace::new(0), 100).await.expect("the store works");
        slice.changes.iter().filter(|change| change.run == run_id("r")).count()
    };
    let before = told().await;
    assert!(before > 0);
    assert_eq!(removed(stores, 1000, 10).await, 1);
    assert_eq!(told().await, before);
}
