//! What those read who follow runs: see [`Runs`](domain::ports::Runs).

use domain::{
    ids::Seq,
    runs::{AdvanceRun, ClosedAttempt, RunEvent, RunStatus, RunTip, StepStatus},
};

use crate::{
    fixture::Stores,
    samples::{advance, at, cancel, closed, finish, owned_start, run_id, start, step_id},
};

/// A run whose records have one, three and two events.
async fn six_events(stores: &Stores) {
    let passed = |n: usize| vec![RunEvent::StepPassed { path: step_id("s").top_level() }; n];
    stores.committed(owned_start("other")).await;
    stores.committed(owned_start("r")).await;
    let first = stores.tip("r").await.last.get();
    assert_eq!(first, 1, "the sample starts with one event");
    stores.committed(AdvanceRun { events: passed(3), at: at(4), ..advance("r", 1) }).await;
    stores.committed(AdvanceRun { events: passed(2), at: at(6), ..advance("r", 4) }).await;
}

pub async fn events_after_a_number_come_in_order_and_no_more_than_asked_for(stores: &Stores) {
    six_events(stores).await;
    for (after, limit, wanted) in [
        (0, 100, vec![1, 2, 3, 4, 5, 6]),
        (0, 1, vec![1]),
        (1, 2, vec![2, 3]),
        (2, 3, vec![3, 4, 5]),
        (3, 100, vec![4, 5, 6]),
        (5, 1, vec![6]),
        (6, 100, vec![]),
        (700, 100, vec![]),
    ] {
        let found = stores.runs.events(&run_id("r"), Seq::new(after), limit).await.expect("the store works");
        let numbers: Vec<u64> = found.iter().map(|event| event.seq.get()).collect();
        assert_eq!(numbers, wanted, "after {after}, at most {limit}");
    }
    let found = stores.runs.events(&run_id("r"), Seq::new(3), 2).await.expect("the store works");
    assert_eq!(found.iter().map(|event| event.at).collect::<Vec<_>>(), [at(4), at(6)]);
    assert!(found.iter().all(|event| matches!(event.event, RunEvent::StepPassed { .. })));
    assert_eq!(stores.runs.events(&run_id("nobody"), Seq::new(0), 9).await.expect("the store works"), []);
}

pub async fn where_runs_stand_is_told_of_those_that_are_there(stores: &Stores) {
    stores.committed(start("waits")).await;
    stores.committed(owned_start("moves")).await;
    stores.committed(owned_start("ends")).await;
    stores.committed(finish("ends", 1, RunStatus::Failed, Some("broken"))).await;
    stores.committed(owned_start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    let asked = ["nobody", "moves", "ends", "cancelled", "waits"].map(run_id);
    let mut tips = stores.runs.tips(&asked).await.expect("the store works");
    tips.sort_by(|(one, _), (other, _)| one.cmp(other));
    let tip = |run: &str, last, status| (run_id(run), RunTip { last: Seq::new(last), status });
    let ends = stores.runs.history(&run_id("ends")).await.expect("the store works");
    let last = ends.last().map(|record| record.first.get() + record.events.len() as u64 - 1).expect("it has events");
    assert_eq!(
        tips,
        [
            tip("cancelled", 2, RunStatus::Cancelled),
            tip("ends", last, RunStatus::Failed),
            tip("moves", 1, RunStatus::Running),
            tip("waits", 1, RunStatus::Pending),
        ]
    );
    assert_eq!(stores.runs.tips(&[]).await.expect("the store works"), []);
}

pub async fn rows_of_ended_attempts_are_told_without_their_data(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let failed = ClosedAttempt { output: None, error: Some("timed out".into()), attempt: 2, ..closed(3) };
    stores.committed(AdvanceRun { closed: vec![closed(2), failed], ..advance("r", 1) }).await;
    let asked = [4, 3, 2].map(Seq::new);
    let mut found = stores.runs.attempts(&run_id("r"), &asked).await.expect("the store works");
    found.sort_by_key(|row| row.execution);
    let [good, bad] = found.as_slice() else { panic!("two attempts have ended: {found:?}") };
    assert_eq!((good.status, good.attempt, good.error.as_deref()), (StepStatus::Completed, 1, None));
    assert_eq!((bad.status, bad.attempt, bad.error.as_deref()), (StepStatus::Failed, 2, Some("timed out")));
    let sample = closed(2);
    assert_eq!(
        (&good.agent, good.started_at, good.completed_at),
        (&sample.agent, sample.started_at, Some(sample.completed_at))
    );
    assert_eq!(stores.runs.attempts(&run_id("nobody"), &asked).await.expect("the store works"), []);
}
