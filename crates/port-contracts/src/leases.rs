//! The contracts of [`RunLeases`](domain::ports::RunLeases).

use std::collections::BTreeSet;

use domain::{
    ids::{Epoch, RunId},
    ports::{Attendance, Backlog, Claimed},
    runs::{AdvanceRun, CommitOutcome, RunEvent, RunStatus, StartRun, Wake},
};
use futures_util::future::join_all;

use crate::{
    Stores,
    samples::{advance, at, cancel, executor, finish, owned_start, payload, plan_hash, resume, run_id, start},
};

async fn claim(stores: &Stores, by: u64, limit: usize, second: i64) -> Vec<Claimed> {
    stores.leases.claim(executor(by), limit, at(second)).await.expect("the store works")
}

async fn claimed(stores: &Stores, by: u64, limit: usize, second: i64) -> Vec<String> {
    claim(stores, by, limit, second).await.iter().map(|claimed| claimed.run.to_string()).collect()
}

async fn take_ended(stores: &Stores, of: u64) -> Vec<(RunId, Epoch)> {
    stores.leases.take_ended(executor(of)).await.expect("the store works")
}

pub async fn a_claim_brings_all_that_is_needed_and_raises_the_epoch(stores: &Stores) {
    let input = payload(serde_json::json!({"mine": [1, 2]}));
    stores.committed(StartRun { input: input.clone(), ..start("r") }).await;
    let expected = |epoch, history| Claimed {
        run: run_id("r"),
        epoch: Epoch::new(epoch),
        input: input.clone(),
        history,
        inbox: Vec::new(),
    };
    let (_, _, history) = stores.all_of(&run_id("r")).await;
    assert_eq!(claim(stores, 1, 5, 0).await, [expected(1, history)]);
    stores.committed(AdvanceRun { wake: Wake::At(at(1)), ..advance("r", 1) }).await;
    let (_, _, history) = stores.all_of(&run_id("r")).await;
    assert_eq!(claim(stores, 1, 5, 1).await, [expected(2, history)]);
    assert_eq!(stores.commit(advance("r", 2)).await, CommitOutcome::Fenced);
    stores.committed(AdvanceRun { epoch: Epoch::new(2), ..advance("r", 2) }).await;
}

pub async fn a_claim_takes_only_runs_that_are_due(stores: &Stores) {
    stores.committed(StartRun { at: at(5), ..start("r") }).await;
    assert_eq!(claimed(stores, 1, 5, 4).await, [""; 0]);
    assert_eq!(claimed(stores, 1, 5, 5).await, ["r"]);
}

pub async fn a_run_that_was_started_for_later_is_claimed_when_its_time_has_come(stores: &Stores) {
    let starts_at = Some(at(60));
    let events = vec![RunEvent::Started { plan: plan_hash(1), parent: None, starts_at, trace: None }];
    stores.committed(StartRun { starts_at, events, ..start("r") }).await;
    assert_eq!(stores.run(&run_id("r")).await.starts_at, starts_at);
    let attendance = stores.leases.attendance(&run_id("r")).await.expect("the store works");
    assert_eq!(attendance, Some(Attendance { owner: None, wake_at: starts_at }));
    assert_eq!(claimed(stores, 1, 5, 59).await, [""; 0]);
    assert_eq!(stores.leases.unattended(at(59)).await.expect("the store works"), 0);
    assert_eq!(claimed(stores, 1, 5, 60).await, ["r"]);
}

pub async fn a_claim_takes_the_longest_waiting_first_and_no_more_than_asked_for(stores: &Stores) {
    for (run, second) in [("c", 3), ("a", 4), ("d", 1), ("b", 2)] {
        stores.committed(StartRun { at: at(second), ..start(run) }).await;
    }
    assert_eq!(claimed(stores, 1, 0, 9).await, [""; 0]);
    assert_eq!(claimed(stores, 1, 3, 9).await, ["d", "b", "c"]);
    assert_eq!(claimed(stores, 1, 3, 9).await, ["a"]);
}

pub async fn an_owned_run_cannot_be_claimed(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(advance("r", 1)).await;
    for by in [1, 2] {
        assert_eq!(claim(stores, by, 5, 1_000_000).await, []);
    }
}

pub async fn a_terminal_run_cannot_be_claimed(stores: &Stores) {
    stores.committed(start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    stores.committed(owned_start("done")).await;
    stores.committed(finish("done", 1, RunStatus::Completed, None)).await;
    let failed = AdvanceRun { wake: Wake::At(at(0)), ..finish("failed", 1, RunStatus::Failed, Some("broken")) };
    stores.committed(owned_start("failed")).await;
    stores.committed(failed).await;
    assert_eq!(claim(stores, 1, 5, 1_000_000).await, []);
}

pub async fn no_run_is_claimed_by_two_executors(stores: &Stores) {
    for n in 0..40 {
        stores.committed(start(&format!("r{n}"))).await;
    }
    let claims = join_all((1..=8).map(|by| claim(stores, by, 10, 0))).await;
    assert!(claims.iter().all(|claim| claim.len() <= 10));
    let runs: Vec<_> = claims.iter().flatten().map(|claimed| claimed.run.clone()).collect();
    assert_eq!(runs.len(), 40);
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), 40);
}

pub async fn a_run_that_was_given_back_can_be_claimed_from_its_time_on(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(AdvanceRun { wake: Wake::At(at(60)), ..advance("r", 1) }).await;
    assert_eq!(claimed(stores, 2, 5, 59).await, [""; 0]);
    assert_eq!(claimed(stores, 2, 5, 60).await, ["r"]);
}

pub async fn a_cancelled_run_is_taken_from_its_owner_once(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(owned_start("live")).await;
    assert_eq!(take_ended(stores, 1).await, []);
    stores.committed(cancel("r")).await;
    assert_eq!(take_ended(stores, 2).await, []);
    assert_eq!(take_ended(stores, 1).await, [(run_id("r"), Epoch::new(1))]);
    assert_eq!(take_ended(stores, 1).await, []);
    assert_eq!(stores.leases.owners().await.expect("the store works"), [executor(1)], "of the live run");
    assert_eq!(stores.commit(advance("r", 2)).await, CommitOutcome::Absorbed);
    stores.committed(advance("live", 1)).await;
}

pub async fn an_ended_run_that_was_taken_has_no_owner(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(cancel("r")).await;
    take_ended(stores, 1).await;
    assert_eq!(stores.leases.owners().await.expect("the store works"), []);
    assert_eq!(claim(stores, 2, 5, 1_000_000).await, []);
    stores.committed(resume("r")).await;
    assert_eq!(claimed(stores, 2, 5, 30).await, ["r"]);
}

pub async fn what_an_owner_ended_itself_is_not_ended_without_it(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(finish("r", 1, RunStatus::Completed, None)).await;
    stores.committed(owned_start("resumed")).await;
    stores.committed(cancel("resumed")).await;
    stores.committed(resume("resumed")).await;
    assert_eq!(take_ended(stores, 1).await, []);
}

pub async fn a_release_gives_back_live_runs_and_fences_their_owner(stores: &Stores) {
    for run in ["a", "b", "cancelled"] {
        stores.committed(owned_start(run)).await;
    }
    stores.committed(cancel("cancelled")).await;
    assert_eq!(stores.leases.release(executor(1), at(50)).await.expect("the store works"), 2);
    for run in ["a", "b"] {
        let before = stores.all_of(&run_id(run)).await;
        assert_eq!(stores.commit(advance(run, 1)).await, CommitOutcome::Fenced);
        assert_eq!(stores.all_of(&run_id(run)).await, before);
    }
    assert_eq!(stores.commit(advance("cancelled", 2)).await, CommitOutcome::Fenced);
    assert_eq!(claimed(stores, 2, 5, 50).await, ["a", "b"]);
    assert_eq!(stores.leases.release(executor(1), at(50)).await.expect("the store works"), 0);
}

pub async fn a_release_leaves_the_runs_of_others_alone(stores: &Stores) {
    stores.committed(owned_start("mine")).await;
    stores.committed(StartRun { owner: Some(executor(2)), ..owned_start("theirs") }).await;
    stores.committed(start("nobodys")).await;
    assert_eq!(stores.leases.release(executor(2), at(50)).await.expect("the store works"), 1);
    stores.committed(advance("mine", 1)).await;
    assert_eq!(claim(stores, 3, 5, 0).await.first().map(|claimed| claimed.epoch), Some(Epoch::new(1)));
}

pub async fn what_an_executor_owns_alive_is_told_with_its_epochs(stores: &Stores) {
    for run in ["a", "b", "ended"] {
        stores.committed(owned_start(run)).await;
    }
    stores.committed(cancel("ended")).await;
    stores.committed(StartRun { owner: Some(executor(2)), ..owned_start("theirs") }).await;
    let mut owned = stores.leases.owned(executor(1)).await.expect("the store works");
    owned.sort();
    assert_eq!(owned, [(run_id("a"), Epoch::new(1)), (run_id("b"), Epoch::new(1))]);
}

pub async fn runs_are_given_back_one_by_one_and_only_under_their_epochs(stores: &Stores) {
    for run in ["a", "b", "ended"] {
        stores.committed(owned_start(run)).await;
    }
    stores.committed(cancel("ended")).await;
    let runs = [("a", 1), ("b", 2), ("ended", 1)].map(|(run, epoch)| (run_id(run), Epoch::new(epoch)));
    stores.leases.give_back(executor(2), &runs, at(50)).await.expect("the store works");
    assert_eq!(claim(stores, 3, 5, 1_000_000).await, [], "they are another executor's");
    stores.leases.give_back(executor(1), &runs, at(50)).await.expect("the store works");
    assert_eq!(stores.commit(advance("a", 1)).await, CommitOutcome::Fenced);
    assert_eq!(claimed(stores, 3, 5, 1_000_000).await, ["a"]);
    stores.committed(advance("b", 1)).await;
}

pub async fn a_live_run_has_an_owner_or_a_time_at_which_it_wants_one(stores: &Stores) {
    let attendance = async |run: &str| stores.leases.attendance(&run_id(run)).await.expect("the store works");
    stores.committed(owned_start("owned")).await;
    stores.committed(start("ready")).await;
    let (owner, wake_at) = (Some(executor(1)), None);
    assert_eq!(attendance("owned").await, Some(Attendance { owner, wake_at }));
    let wake_at = Some(start("ready").at);
    assert_eq!(attendance("ready").await, Some(Attendance { owner: None, wake_at }));
    stores.committed(cancel("owned")).await;
    assert_eq!(attendance("owned").await, None);
    assert_eq!(attendance("nobody").await, None);
}

pub async fn runs_that_wanted_an_owner_long_ago_and_have_none_are_counted(stores: &Stores) {
    let unattended = async |second| stores.leases.unattended(at(second)).await.expect("the store works");
    stores.committed(start("a")).await;
    stores.committed(start("b")).await;
    stores.committed(start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    stores.committed(owned_start("owned")).await;
    assert_eq!(unattended(1000).await, 2);
    assert_eq!(unattended(-1000).await, 0);
    claim(stores, 2, 1, 1000).await;
    assert_eq!(unattended(1000).await, 1);
}

pub async fn what_waits_to_be_claimed_is_told_with_the_time_of_the_first(stores: &Stores) {
    let backlog = async |second| stores.leases.backlog(at(second)).await.expect("the store works");
    assert_eq!(backlog(1000).await, Backlog::default());
    for (run, second) in [("late", 7), ("early", 3), ("future", 2000), ("cancelled", 1)] {
        stores.committed(StartRun { at: at(second), ..start(run) }).await;
    }
    stores.committed(cancel("cancelled")).await;
    stores.committed(owned_start("owned")).await;
    assert_eq!(backlog(1000).await, Backlog { waiting: 2, oldest: Some(at(3)) });
    assert_eq!(backlog(3).await, Backlog { waiting: 1, oldest: Some(at(3)) });
    assert_eq!(backlog(2).await, Backlog::default());
    assert_eq!(claimed(stores, 2, 1, 1000).await, ["early"]);
    assert_eq!(backlog(1000).await, Backlog { waiting: 1, oldest: Some(at(7)) });
}

pub async fn owners_are_those_that_own_runs(stores: &Stores) {
    stores.committed(owned_start("a")).await;
    stores.committed(owned_start("b")).await;
    stores.committed(start("c")).await;
    stores.committed(StartRun { owner: Some(executor(3)), ..owned_start("d") }).await;
    claim(stores, 2, 5, 0).await;
    let owners = async || {
        let owners = stores.leases.owners().await.expect("the store works");
        let distinct: BTreeSet<_> = owners.iter().copied().collect();
        assert_eq!(distinct.len(), owners.len(), "each owner once");
        distinct
    };
    assert_eq!(owners().await, [1, 2, 3].map(executor).into());
    stores.committed(finish("d", 1, RunStatus::Completed, None)).await;
    stores.leases.release(executor(1), at(0)).await.expect("the store works");
    assert_eq!(owners().await, [executor(2)].into());
}
