//! The contracts of `Adopt`, and of a `Cancel` that comes ahead of it, in a store that only this system writes to.

use domain::{
    ids::{AuditId, Epoch, Seq},
    runs::{
        AdoptRun, Adoption, CancelRun, CommitOutcome,
        CommitOutcome::{Absorbed, AlreadyApplied, Committed, Duplicate, Gone},
        EventRecord, RunCommit, RunEngine, RunEvent, RunStatus,
    },
};

use crate::{
    IntoCommit, SharedStores,
    audit::{audited, told},
    samples::{adopt, advance, at, cancel, executor, finish, owned_start, resume, run_id, start, uuid},
};

fn ahead(run: &str) -> CancelRun {
    CancelRun { ahead: true, ..cancel(run) }
}

async fn claimed(stores: &SharedStores, second: i64) -> Vec<String> {
    let claimed = stores.leases.claim(executor(1), 9, at(second)).await.expect("the store works");
    claimed.iter().map(|claimed| claimed.run.to_string()).collect()
}

async fn outcomes(stores: &SharedStores, batch: &[RunCommit]) -> Vec<CommitOutcome> {
    stores.journal.commit(batch.into()).await.expect("the store works")
}

pub async fn an_adopted_run_is_there_and_waits_to_be_claimed(stores: &SharedStores) {
    let adopt = adopt("r");
    stores.committed(adopt.clone()).await;
    let (row, steps, history) = stores.all_of(&adopt.run).await;
    let row = row.expect("the run is there");
    assert_eq!((row.workflow, row.workflow_name, row.workflow_version), (adopt.workflow, adopt.workflow_name, None));
    assert_eq!((row.engine, row.plan, row.status), (RunEngine::Orrery, Some(adopt.plan), RunStatus::Pending));
    assert_eq!((row.input, row.triggered_by), (adopt.input.clone(), None));
    assert_eq!((row.created_at, row.updated_at), (adopt.at, adopt.at));
    assert_eq!((row.completed_at, row.cancelled_at, row.cancelled_by, row.error), (None, None, None, None));
    let events = vec![RunEvent::Started { plan: adopt.plan, parent: None, starts_at: None, trace: None }];
    let record = EventRecord { first: Seq::new(1), commit: adopt.commit, at: adopt.at, events };
    assert_eq!((steps, history.as_slice()), (vec![], [record].as_slice()));
    assert_eq!(stores.leases.claim(executor(1), 9, at(39)).await.expect("the store works"), []);
    let claimed = stores.leases.claim(executor(1), 9, at(40)).await.expect("the store works");
    assert_eq!((claimed[0].epoch, &claimed[0].input, &claimed[0].history), (Epoch::new(1), &adopt.input, &history));
    stores.committed(advance("r", 1)).await;
}

pub async fn a_repeated_adoption_is_already_applied(stores: &SharedStores) {
    let first = adopt("r");
    stores.committed(first.clone()).await;
    assert_eq!(claimed(stores, 40).await, ["r"]);
    stores.committed(advance("r", 1)).await;
    let before = stores.all_of(&first.run).await;
    assert_eq!(stores.commit(first.clone()).await, AlreadyApplied);
    assert_eq!(stores.all_of(&first.run).await, before);
}

pub async fn an_adoption_of_a_run_that_has_events_is_a_duplicate_and_changes_nothing(stores: &SharedStores) {
    stores.committed(start("started")).await;
    stores.committed(adopt("adopted")).await;
    stores.committed(owned_start("failed")).await;
    stores.committed(finish("failed", 1, RunStatus::Failed, Some("broken"))).await;
    for run in ["started", "adopted", "failed"] {
        for cause in [Adoption::Request, Adoption::Retry] {
            let before = stores.all_of(&run_id(run)).await;
            let failure = Some("not again".to_owned());
            assert_eq!(stores.commit(AdoptRun { cause, failure, ..adopt(run) }).await, Duplicate, "{run}");
            assert_eq!(stores.all_of(&run_id(run)).await, before);
        }
    }
}

pub async fn an_adopted_run_that_cannot_be_done_has_failed(stores: &SharedStores) {
    let adopt = AdoptRun { failure: Some("no such step".to_owned()), ..adopt("r") };
    stores.committed(adopt.clone()).await;
    let (row, _, history) = stores.all_of(&adopt.run).await;
    let row = row.expect("the run is there");
    assert_eq!((row.status, row.error.as_deref()), (RunStatus::Failed, Some("no such step")));
    assert_eq!((row.completed_at, row.cancelled_at), (Some(adopt.at), None));
    assert_eq!(history[0].events, adopt.events(0).0);
    assert_eq!(claimed(stores, 1_000).await, [""; 0]);
    stores.committed(resume("r")).await;
}

pub async fn a_run_that_was_cancelled_ahead_is_cancelled_when_it_is_adopted(stores: &SharedStores) {
    let cancel = ahead("r");
    for _ in 0..2 {
        assert_eq!(stores.commit(cancel.clone()).await, Gone);
    }
    assert_eq!(stores.all_of(&run_id("r")).await, (None, vec![], vec![]));
    let adopt = adopt("r");
    assert_eq!(stores.commit(adopt.clone()).await, Absorbed);
    let (row, _, history) = stores.all_of(&adopt.run).await;
    let row = row.expect("the run is there");
    assert_eq!((row.status, row.error.as_deref()), (RunStatus::Cancelled, Some("Cancelled: not needed")));
    assert_eq!((row.cancelled_at, row.cancelled_by.as_deref()), (Some(adopt.at), Some("operator")));
    assert_eq!((row.completed_at, row.input), (None, adopt.input));
    let events =
        vec![RunEvent::Started { plan: adopt.plan, parent: None, starts_at: None, trace: None }, cancel.event()];
    assert_eq!(history, [EventRecord { first: Seq::new(1), commit: adopt.commit, at: adopt.at, events }]);
    assert_eq!(claimed(stores, 1_000).await, [""; 0]);
}

pub async fn a_run_that_was_cancelled_ahead_can_be_resumed(stores: &SharedStores) {
    stores.commit(ahead("r")).await;
    stores.commit(adopt("r")).await;
    stores.committed(resume("r")).await;
    assert_eq!(stores.commit(adopt("r")).await, Duplicate, "the cancellation is used up");
    assert_eq!(stores.run(&run_id("r")).await.status, RunStatus::Pending);
    assert_eq!(claimed(stores, 30).await, ["r"]);
}

pub async fn a_cancellation_ahead_of_nothing_is_an_ordinary_one(stores: &SharedStores) {
    stores.committed(start("r")).await;
    let cancel = ahead("r");
    stores.committed(cancel.clone()).await;
    assert_eq!(stores.commit(cancel).await, AlreadyApplied);
    assert_eq!(stores.run(&run_id("r")).await.status, RunStatus::Cancelled);
}

pub async fn a_cancellation_that_is_not_ahead_is_forgotten(stores: &SharedStores) {
    assert_eq!(stores.commit(cancel("r")).await, Gone);
    stores.committed(adopt("r")).await;
    assert_eq!(claimed(stores, 40).await, ["r"]);
}

pub async fn a_batch_may_hold_adoptions_with_all_that_belongs_to_them(stores: &SharedStores) {
    let again = adopt("a");
    let batch = [
        again.clone().into_commit(),
        ahead("b").into_commit(),
        adopt("c").into_commit(),
        again.into_commit(),
        adopt("b").into_commit(),
        cancel("c").into_commit(),
        adopt("a").into_commit(),
        start("d").into_commit(),
        resume("c").into_commit(),
    ];
    let expected = [Committed, Gone, Committed, AlreadyApplied, Absorbed, Committed, Duplicate, Committed, Committed];
    assert_eq!(outcomes(stores, &batch).await, expected);
    let mut waiting = claimed(stores, 40).await;
    waiting.sort_unstable();
    assert_eq!(waiting, ["a", "c", "d"]);
}

pub async fn an_adoption_writes_its_entry_if_it_is_committed(stores: &SharedStores) {
    let first = AdoptRun { audit: audited(1), ..adopt("r") };
    stores.committed(first.clone()).await;
    assert_eq!(stores.commit(first).await, AlreadyApplied);
    assert_eq!(stores.commit(AdoptRun { audit: audited(2), ..adopt("r") }).await, Duplicate);
    stores.commit(CancelRun { audit: audited(3), ..ahead("other") }).await;
    assert_eq!(stores.commit(AdoptRun { audit: audited(4), ..adopt("other") }).await, Absorbed);
    assert_eq!(told(stores).await, [AuditId::new(uuid(1))]);
}
