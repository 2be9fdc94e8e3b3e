//! The contracts of [`RunJournal`](domain::ports::RunJournal): batches and starts.

mod advance;
mod blind;

use domain::{
    ids::{Epoch, Seq},
    runs::{
        AdvanceRun, CommitOutcome,
        CommitOutcome::{Absorbed, AlreadyApplied, Committed, Duplicate, Fenced, Gone, Moved},
        EventRecord, RunCommit, RunEvent, RunStatus, StartRun,
    },
};

pub use advance::*;
pub use blind::*;

use crate::{
    IntoCommit, Stores,
    samples::{
        advance, at, cancel, commit_id, executor, finish, owned_start, payload, plan_hash, resume, run_id, start,
    },
};

async fn outcomes(stores: &Stores, batch: &[RunCommit]) -> Vec<CommitOutcome> {
    stores.journal.commit(batch.into()).await.expect("the store works")
}

pub async fn a_batch_gets_one_outcome_for_each_commit_in_order(stores: &Stores) {
    let batch = [
        start("r").into_commit(),
        start("r").into_commit(),
        cancel("unknown").into_commit(),
        start("s").into_commit(),
        cancel("s").into_commit(),
        cancel("s").into_commit(),
    ];
    assert_eq!(outcomes(stores, &batch).await, [Committed, Duplicate, Gone, Committed, Committed, Absorbed]);
}

pub async fn an_empty_batch_has_no_outcomes(stores: &Stores) {
    assert_eq!(outcomes(stores, &[]).await, []);
}

pub async fn a_started_run_is_there(stores: &Stores) {
    let start = start("r");
    stores.committed(start.clone()).await;
    let (row, steps, history) = stores.all_of(&start.run).await;
    let row = row.expect("the run is there");
    assert_eq!((row.id, row.workflow, row.plan), (start.run, start.workflow.into(), Some(start.plan)));
    assert_eq!((row.workflow_name, row.workflow_version), (start.workflow_name, Some(start.workflow_version)));
    assert_eq!((row.status, row.input, row.triggered_by), (start.status, start.input, Some(start.triggered_by)));
    assert_eq!((row.created_at, row.updated_at), (start.at, start.at));
    assert_eq!((row.completed_at, row.cancelled_at, row.cancelled_by, row.error), (None, None, None, None));
    assert_eq!(steps, []);
    assert_eq!(history, [EventRecord { first: Seq::new(1), commit: start.commit, at: start.at, events: start.events }]);
}

pub async fn a_second_start_is_a_duplicate_and_changes_nothing(stores: &Stores) {
    stores.committed(start("r")).await;
    let before = stores.all_of(&run_id("r")).await;
    let other = StartRun {
        input: payload(serde_json::json!({"other": true})),
        owner: Some(executor(1)),
        at: at(99),
        ..start("r")
    };
    assert_eq!(stores.commit(other).await, Duplicate);
    assert_eq!(stores.all_of(&run_id("r")).await, before);
    assert_eq!(stores.leases.owners().await.expect("the store works"), []);
}

pub async fn a_repeated_start_is_already_applied(stores: &Stores) {
    let start = owned_start("r");
    stores.committed(start.clone()).await;
    stores.committed(advance("r", 1)).await;
    let before = stores.all_of(&start.run).await;
    assert_eq!(stores.commit(start.clone()).await, AlreadyApplied);
    assert_eq!(stores.all_of(&start.run).await, before);
}

/// A first step whose input cannot be resolved ends the run in the commit that starts it.
pub async fn a_run_that_failed_at_its_start_says_so(stores: &Stores) {
    let events = vec![
        RunEvent::Started { plan: plan_hash(1), parent: None, starts_at: None, trace: None },
        RunEvent::RunFailed { error: "no such member".to_owned() },
    ];
    stores.committed(StartRun { events, status: RunStatus::Failed, ..start("r") }).await;
    let row = stores.run(&run_id("r")).await;
    assert_eq!((row.status, row.error.as_deref()), (RunStatus::Failed, Some("no such member")));
    assert_eq!(row.completed_at, Some(at(0)));
    assert_eq!(stores.leases.claim(executor(1), 10, at(1)).await.expect("the store works"), []);
    stores.committed(resume("r")).await;
}

/// Two fresh runs, each with a commit that would be accepted alone; others of the batch are refused.
pub async fn an_outcome_does_not_depend_on_the_other_runs_of_the_batch(stores: &Stores) {
    for run in ["a", "b", "c"] {
        stores.committed(owned_start(run)).await;
    }
    stores.committed(finish("c", 1, RunStatus::Completed, None)).await;
    let stale = AdvanceRun { epoch: Epoch::new(7), ..advance("b", 1) };
    let batch = [
        advance("a", 1).into_commit(),
        stale.into_commit(),
        advance("c", 2).into_commit(),
        advance("unknown", 1).into_commit(),
        advance("b", 9).into_commit(),
        start("a").into_commit(),
        advance("b", 1).into_commit(),
        start("d").into_commit(),
    ];
    let expected = [Committed, Fenced, Absorbed, Gone, Moved, Duplicate, Committed, Committed];
    assert_eq!(outcomes(stores, &batch).await, expected);
}

pub async fn several_commits_to_one_run_are_applied_in_order(stores: &Stores) {
    let batch = [
        owned_start("r").into_commit(),
        advance("r", 1).into_commit(),
        advance("r", 1).into_commit(),
        advance("r", 2).into_commit(),
        cancel("r").into_commit(),
        advance("r", 4).into_commit(),
        resume("r").into_commit(),
    ];
    let expected = [Committed, Committed, Moved, Committed, Committed, Absorbed, Committed];
    assert_eq!(outcomes(stores, &batch).await, expected);
    let history = stores.runs.history(&run_id("r")).await.expect("the store works");
    let numbers: Vec<_> = history.iter().flat_map(EventRecord::numbered).map(|(number, _)| number.get()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(stores.run(&run_id("r")).await.status, RunStatus::Pending);
}

/// What a caller does after an error: the outcome was unknown, the commits are the same.
pub async fn a_batch_can_be_sent_again(stores: &Stores) {
    let batch = [
        owned_start("r").into_commit(),
        advance("r", 1).into_commit(),
        cancel("r").into_commit(),
        resume("r").into_commit(),
        start("s").into_commit(),
    ];
    assert_eq!(outcomes(stores, &batch).await, [Committed; 5]);
    let before = (stores.all_of(&run_id("r")).await, stores.all_of(&run_id("s")).await);
    assert_eq!(outcomes(stores, &batch).await, [AlreadyApplied; 5]);
    let half = [batch[1].clone(), StartRun { commit: commit_id(), ..start("t") }.into_commit()];
    assert_eq!(outcomes(stores, &half).await, [AlreadyApplied, Committed]);
    assert_eq!((stores.all_of(&run_id("r")).await, stores.all_of(&run_id("s")).await), before);
}
