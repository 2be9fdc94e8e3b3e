//! The contracts of [`RunFeed`](domain::ports::RunFeed).

use domain::{
    ids::FeedPlace,
    runs::{AdvanceRun, RunChange, RunStatus, Wake},
};

use crate::{
    Change, IntoCommit, Stores,
    audit::entry,
    samples::{advance, at, cancel, finish, owned_start, resume, start, update},
};

const START: FeedPlace = FeedPlace::new(0);

async fn after(stores: &Stores, place: FeedPlace) -> Vec<RunChange> {
    stores.feed.after(place, 100).await.expect("the store works").changes
}

/// What all changes say.
async fn told(stores: &Stores) -> Vec<(String, RunStatus)> {
    let changes = after(stores, START).await;
    changes.iter().map(|change| (change.run.to_string(), change.status)).collect()
}

fn expected(changes: &[(&str, RunStatus)]) -> Vec<(String, RunStatus)> {
    changes.iter().map(|(run, status)| ((*run).to_owned(), *status)).collect()
}

pub async fn a_change_says_which_run_of_which_workflow_what_and_when(stores: &Stores) {
    stores.committed(start("r")).await;
    let changes = after(stores, START).await;
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    let start = start("r");
    let wanted = RunChange {
        place: change.place,
        at: start.at,
        run: start.run,
        workflow: start.workflow.into(),
        workflow_name: start.workflow_name,
        status: RunStatus::Pending,
    };
    assert_eq!(*change, wanted);
}

pub async fn every_change_of_a_status_is_told_in_its_order(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(finish("r", 1, RunStatus::Failed, Some("no"))).await;
    stores.committed(resume("r")).await;
    stores.committed(cancel("r")).await;
    let statuses = [RunStatus::Running, RunStatus::Failed, RunStatus::Pending, RunStatus::Cancelled];
    assert_eq!(told(stores).await, expected(&statuses.map(|status| ("r", status))));
    let times: Vec<_> = after(stores, START).await.iter().map(|change| change.at).collect();
    assert_eq!(times[1..], [at(10), at(30), at(20)]);
}

pub async fn what_changes_no_status_is_not_told(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(advance("r", 1)).await;
    let paused = AdvanceRun { update: Some(update(RunStatus::Running, None)), ..advance("r", 2) };
    stores.committed(paused).await;
    stores.committed(AdvanceRun { wake: Wake::At(at(50)), ..advance("r", 3) }).await;
    stores.changed(&[Change::Record(entry(1))]).await;
    assert_eq!(told(stores).await, expected(&[("r", RunStatus::Running)]));
}

pub async fn a_refused_commit_is_not_told(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.commit(owned_start("r")).await;
    stores.commit(finish("r", 7, RunStatus::Completed, None)).await;
    stores.commit(resume("r")).await;
    stores.commit(cancel("unknown")).await;
    assert_eq!(told(stores).await, expected(&[("r", RunStatus::Running)]));
}

pub async fn a_batch_tells_all_its_changes_and_those_of_one_run_in_their_order(stores: &Stores) {
    let batch = [
        owned_start("a").into_commit(),
        owned_start("b").into_commit(),
        finish("a", 1, RunStatus::Completed, None).into_commit(),
        cancel("b").into_commit(),
        resume("b").into_commit(),
    ];
    stores.journal.commit(batch.into()).await.expect("the store works");
    let told = told(stores).await;
    let of = |run: &str| told.iter().filter(|(told, _)| told == run).map(|(_, status)| *status).collect::<Vec<_>>();
    assert_eq!(of("a"), [RunStatus::Running, RunStatus::Completed]);
    assert_eq!(of("b"), [RunStatus::Running, RunStatus::Cancelled, RunStatus::Pending]);
    assert_eq!(told.len(), 5);
}

pub async fn a_reader_goes_on_where_it_was_and_is_given_no_more_than_asked_for(stores: &Stores) {
    for run in ["a", "b", "c"] {
        stores.committed(start(run)).await;
    }
    let all = after(stores, START).await;
    assert_eq!(stores.feed.after(START, 2).await.expect("the store works").changes, all[..2]);
    assert_eq!(after(stores, all[1].place).await, all[2..]);
    assert_eq!(after(stores, all[2].place).await, []);
    stores.committed(start("d")).await;
    let later = after(stores, all[2].place).await;
    assert_eq!(later.iter().map(|change| change.run.as_str()).collect::<Vec<_>>(), ["d"]);
}

pub async fn whoever_begins_at_the_end_is_given_what_comes(stores: &Stores) {
    let end = async || stores.feed.end().await.expect("the store works");
    assert_eq!(end().await, START);
    stores.committed(start("before")).await;
    let here = end().await;
    assert_eq!(after(stores, here).await, []);
    stores.committed(start("after")).await;
    let later = after(stores, here).await;
    assert_eq!(later.iter().map(|change| change.run.as_str()).collect::<Vec<_>>(), ["after"]);
}

pub async fn a_change_that_is_forgotten_is_missed_by_who_has_not_read_it(stores: &Stores) {
    for run in ["a", "b", "c", "d"] {
        stores.committed(start(run)).await;
    }
    let all = after(stores, START).await;
    let forget = async |before: i64, up_to: FeedPlace, limit: usize| {
        stores.feed.forget(at(before), up_to, limit).await.expect("the store works")
    };
    assert_eq!(forget(0, all[3].place, 9).await, 0, "none is that old");
    assert!(!stores.feed.after(START, 9).await.expect("the store works").missed);
    assert_eq!(forget(99, all[2].place, 1).await, 1);
    assert_eq!(forget(99, all[1].place, 9).await, 1, "what is not asked for stays");
    let from_start = stores.feed.after(START, 9).await.expect("the store works");
    assert_eq!((from_start.changes.as_slice(), from_start.missed), (&all[2..], true));
    let from_there = stores.feed.after(all[1].place, 9).await.expect("the store works");
    assert_eq!((from_there.changes.as_slice(), from_there.missed), (&all[2..], false));
}

pub async fn places_rise_though_all_is_forgotten(stores: &Stores) {
    stores.committed(start("a")).await;
    let end = stores.feed.end().await.expect("the store works");
    stores.feed.forget(at(99), end, 9).await.expect("the store works");
    stores.committed(start("b")).await;
    let later = after(stores, end).await;
    assert_eq!(later.iter().map(|change| change.run.as_str()).collect::<Vec<_>>(), ["b"]);
    assert!(stores.feed.end().await.expect("the store works") > end);
}
