//! The contracts of [`RunInbox`](domain::ports::RunInbox), and of what commits and claims make of inboxes.

use domain::{
    agents::RetryPolicy,
    ids::{Epoch, InboxId, StepId},
    payload::Payload,
    ports::{Appended, InboxNote, Mail},
    runs::{AdvanceRun, CallKey, InboxMessage, Reported, RunStatus, RunUpdate, StartRun, Wake},
};

use serde_json::json;

use crate::{
    Stores,
    samples::{advance, at, cancel, executor, finish, owned_start, resume, run_id, start, update},
};

fn pause(by: &str) -> InboxMessage {
    InboxMessage::Pause { by: by.to_owned() }
}

async fn append(stores: &Stores, run: &str, dedupe: &str, second: i64) -> Appended {
    let note = InboxNote { run: run_id(run), dedupe: dedupe.to_owned(), message: pause(dedupe), at: at(second) };
    stores.inbox.append(&note, None).await.expect("the store works")
}

async fn mail(stores: &Stores, of: u64) -> Vec<Mail> {
    stores.inbox.mail_for(executor(of), 100).await.expect("the store works")
}

/// What waits for the runs of an executor, without ids.
async fn said(stores: &Stores, of: u64) -> Vec<InboxMessage> {
    mail(stores, of).await.into_iter().flat_map(|mail| mail.entries).map(|entry| entry.message).collect()
}

async fn ids(stores: &Stores, of: u64) -> Vec<InboxId> {
    mail(stores, of).await.into_iter().flat_map(|mail| mail.entries).map(|entry| entry.id).collect()
}

pub async fn a_message_waits_for_the_owner_of_its_run(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(StartRun { owner: Some(executor(2)), ..owned_start("other") }).await;
    assert_eq!(append(stores, "r", "a", 1).await, Appended::Waiting);
    assert_eq!(append(stores, "r", "b", 2).await, Appended::Waiting);
    let found = mail(stores, 1).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].run, found[0].epoch), (&run_id("r"), Epoch::new(1)));
    assert_eq!(said(stores, 1).await, [pause("a"), pause("b")]);
    assert!(ids(stores, 1).await.is_sorted());
    assert_eq!(mail(stores, 2).await, []);
}

pub async fn a_message_that_is_sent_again_is_there_once(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    for _ in 0..2 {
        assert_eq!(append(stores, "r", "a", 1).await, Appended::Waiting);
    }
    assert_eq!(said(stores, 1).await, [pause("a")]);
}

pub async fn what_an_agent_reports_is_read_as_it_was_said(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let path = StepId::parse("s").expect("an id").top_level();
    let key = |round| CallKey { run: run_id("r"), path: path.clone(), generation: 1, round };
    let output = Payload::new(json!({"z": [1, 2.5], "a": "\u{1F600}"})).expect("storable");
    // Bounds that only the old contract allows.
    let retry = RetryPolicy::new(10, 100, 400_000_000_000, 1e300).expect("valid");
    let notes = [
        InboxNote::progress(key(0), "half".to_owned(), at(1)),
        InboxNote::report(key(0), Reported::Failed { error: "no".to_owned() }, RetryPolicy::default(), at(1)),
        InboxNote::report(key(0), Reported::Completed { output: output.clone() }, RetryPolicy::default(), at(1)),
        InboxNote::report(key(1), Reported::Completed { output }, retry, at(1)),
    ];
    for note in &notes {
        assert_eq!(stores.inbox.append(note, None).await.expect("the store works"), Appended::Waiting);
    }
    // The first word about a call counts.
    let kept = [&notes[0], &notes[1], &notes[3]].map(|note| note.message.clone());
    assert_eq!(said(stores, 1).await, kept);
}

pub async fn nothing_is_put_into_the_inbox_of_a_run_that_is_over_or_unknown(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(finish("r", 1, RunStatus::Completed, None)).await;
    assert_eq!(append(stores, "r", "a", 1).await, Appended::Over(RunStatus::Completed));
    assert_eq!(append(stores, "nobody", "a", 1).await, Appended::Gone);
}

pub async fn what_a_commit_has_drained_is_gone_and_the_rest_stays(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    append(stores, "r", "a", 1).await;
    append(stores, "r", "b", 1).await;
    let first = ids(stores, 1).await[0];
    stores.committed(AdvanceRun { drained: vec![first], ..advance("r", 1) }).await;
    assert_eq!(said(stores, 1).await, [pause("b")]);
}

pub async fn a_refused_commit_drains_nothing(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    append(stores, "r", "a", 1).await;
    let drained = ids(stores, 1).await;
    stores.commit(AdvanceRun { drained, epoch: Epoch::new(9), ..advance("r", 1) }).await;
    assert_eq!(said(stores, 1).await, [pause("a")]);
}

pub async fn a_claim_brings_the_inbox(stores: &Stores) {
    stores.committed(start("r")).await;
    append(stores, "r", "a", 1).await;
    let claimed = stores.leases.claim(executor(1), 5, at(1)).await.expect("the store works");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].inbox.iter().map(|entry| entry.message.clone()).collect::<Vec<_>>(), [pause("a")]);
}

pub async fn a_run_that_sleeps_is_woken_by_its_inbox_alone(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(AdvanceRun { wake: Wake::Asleep, ..advance("r", 1) }).await;
    let due = async |second| stores.leases.claim(executor(2), 5, at(second)).await.expect("the store works").len();
    assert_eq!(due(1_000_000).await, 0);
    append(stores, "r", "a", 50).await;
    assert_eq!(due(49).await, 0);
    assert_eq!(due(50).await, 1);
}

pub async fn a_message_makes_a_parked_run_due(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(AdvanceRun { wake: Wake::At(at(9000)), ..advance("r", 1) }).await;
    append(stores, "r", "a", 50).await;
    assert_eq!(stores.leases.claim(executor(2), 5, at(50)).await.expect("the store works").len(), 1);
}

pub async fn a_run_that_is_given_back_with_mail_is_due_at_once(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    append(stores, "r", "a", 1).await;
    let given_back = AdvanceRun { wake: Wake::Asleep, ..advance("r", 1) };
    let given_at = given_back.at;
    stores.committed(given_back).await;
    assert_eq!(stores.leases.claim(executor(2), 5, given_at).await.expect("the store works").len(), 1);
}

pub async fn the_inbox_of_a_run_that_ends_is_emptied(stores: &Stores) {
    for (run, end) in [("failed", true), ("cancelled", false)] {
        stores.committed(owned_start(run)).await;
        append(stores, run, "a", 1).await;
        if end {
            stores.committed(finish(run, 1, RunStatus::Failed, Some("no"))).await;
        } else {
            stores.committed(cancel(run)).await;
        }
        stores.committed(resume(run)).await;
        let claimed = stores.leases.claim(executor(3), 5, at(1_000_000)).await.expect("the store works");
        assert!(claimed.iter().all(|claimed| claimed.inbox.is_empty()), "{run}");
    }
}

pub async fn a_pause_shows_in_the_runs_row_until_it_ends_or_is_resumed(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let paused = |paused| Some(RunUpdate { paused, ..update(RunStatus::Running, None) });
    stores.committed(AdvanceRun { update: paused(true), ..advance("r", 1) }).await;
    assert!(stores.run(&run_id("r")).await.paused);
    let seq = stores.runs.history(&run_id("r")).await.expect("the store works");
    let last = seq.last().map_or(0, |record| record.first.get() + record.events.len() as u64 - 1);
    stores.committed(AdvanceRun { update: paused(false), ..advance("r", last) }).await;
    assert!(!stores.run(&run_id("r")).await.paused);
    let seq = stores.runs.history(&run_id("r")).await.expect("the store works");
    let last = seq.last().map_or(0, |record| record.first.get() + record.events.len() as u64 - 1);
    stores.committed(AdvanceRun { update: paused(true), ..advance("r", last) }).await;
    stores.committed(cancel("r")).await;
    assert!(!stores.run(&run_id("r")).await.paused);
}
