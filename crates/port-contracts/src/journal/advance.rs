//! The contracts of `Advance`.

use domain::{
    ids::{Epoch, Seq, StepExecutionId},
    runs::{
        AdvanceRun, ClosedAttempt, CommitOutcome, EventRecord, RunEvent, RunStatus, StepExecution, StepStatus, Wake,
    },
};

use crate::{
    Stores,
    samples::{
        advance, at, cancel, closed, dispatched, executor, finish, owned_start, resume, run_id, start, step_id, update,
    },
};

pub async fn an_advance_of_an_unknown_run_is_gone(stores: &Stores) {
    assert_eq!(stores.commit(advance("r", 1)).await, CommitOutcome::Gone);
    assert_eq!(stores.all_of(&run_id("r")).await, (None, vec![], vec![]));
}

pub async fn an_advance_adds_its_events_rows_and_update(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(advance("r", 1)).await;
    let succeeded = RunEvent::StepSucceeded { path: step_id("a").top_level(), execution: Seq::new(2) };
    let commit = AdvanceRun {
        events: vec![succeeded, dispatched()],
        closed: vec![closed(2)],
        update: Some(update(RunStatus::Running, Some("careful"))),
        ..advance("r", 2)
    };
    stores.committed(commit.clone()).await;
    let (row, steps, history) = stores.all_of(&run_id("r")).await;
    let row = row.expect("the run is there");
    assert_eq!((row.status, row.error.as_deref()), (RunStatus::Running, Some("careful")));
    assert_eq!((row.created_at, row.updated_at, row.completed_at), (at(0), at(10), None));
    let ClosedAttempt { execution, step, path, agent, attempt, input, output, error, .. } = closed(2);
    let expected = StepExecution {
        id: StepExecutionId::derive(&run_id("r"), &step, execution),
        execution: Some(execution),
        run: run_id("r"),
        step,
        path,
        agent,
        status: StepStatus::Completed,
        attempt,
        input,
        output,
        started_at: at(5),
        completed_at: Some(at(10)),
        error,
    };
    assert_eq!(steps, [expected]);
    let record = EventRecord { first: Seq::new(3), commit: commit.commit, at: commit.at, events: commit.events };
    assert_eq!(history.last(), Some(&record));
    stores.committed(advance("r", 4)).await;
}

pub async fn an_advance_without_an_update_leaves_the_row_alone(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let before = stores.run(&run_id("r")).await;
    stores.committed(advance("r", 1)).await;
    assert_eq!(stores.run(&run_id("r")).await, before);
}

pub async fn a_repeated_advance_is_already_applied(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let commit = AdvanceRun { closed: vec![closed(2)], ..advance("r", 1) };
    stores.committed(commit.clone()).await;
    let before = stores.all_of(&run_id("r")).await;
    assert_eq!(stores.commit(commit).await, CommitOutcome::AlreadyApplied);
    assert_eq!(stores.all_of(&run_id("r")).await, before);
}

/// The repeat wins over every other check: the commit was durable, whatever happened to the run since.
pub async fn a_repeat_is_recognised_after_all_that_followed(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let commit = advance("r", 1);
    stores.committed(commit.clone()).await;
    stores.committed(advance("r", 2)).await;
    assert_eq!(stores.commit(commit.clone()).await, CommitOutcome::AlreadyApplied, "after another commit");
    stores.committed(cancel("r")).await;
    assert_eq!(stores.commit(commit.clone()).await, CommitOutcome::AlreadyApplied, "after a cancellation");
    stores.committed(resume("r")).await;
    assert_eq!(stores.commit(commit.clone()).await, CommitOutcome::AlreadyApplied, "under another epoch");
    let end = AdvanceRun { epoch: Epoch::new(2), ..finish("r", 5, RunStatus::Completed, None) };
    stores.committed(end.clone()).await;
    assert_eq!(stores.commit(end).await, CommitOutcome::AlreadyApplied, "of the last commit");
}

pub async fn a_commit_with_a_stale_epoch_changes_nothing(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let before = stores.all_of(&run_id("r")).await;
    for epoch in [0, 2, 9] {
        let commit = AdvanceRun {
            epoch: Epoch::new(epoch),
            closed: vec![closed(2)],
            ..finish("r", 1, RunStatus::Failed, Some("late"))
        };
        assert_eq!(stores.commit(commit).await, CommitOutcome::Fenced);
    }
    assert_eq!(stores.all_of(&run_id("r")).await, before);
    assert_eq!(stores.leases.owners().await.expect("the store works"), [executor(1)]);
    stores.committed(advance("r", 1)).await;
}

pub async fn a_commit_with_another_seq_changes_nothing(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(advance("r", 1)).await;
    let before = stores.all_of(&run_id("r")).await;
    for seq in [0, 1, 3, 50] {
        let commit = AdvanceRun { closed: vec![closed(2)], ..finish("r", seq, RunStatus::Failed, Some("late")) };
        assert_eq!(stores.commit(commit).await, CommitOutcome::Moved, "seq {seq}");
    }
    assert_eq!(stores.all_of(&run_id("r")).await, before);
    stores.committed(advance("r", 2)).await;
}

pub async fn a_terminal_run_absorbs_advances(stores: &Stores) {
    for (run, status, error) in [("done", RunStatus::Completed, None), ("failed", RunStatus::Failed, Some("broken"))] {
        stores.committed(owned_start(run)).await;
        stores.committed(finish(run, 1, status, error)).await;
        let before = stores.all_of(&run_id(run)).await;
        let row = before.0.as_ref().expect("the run is there");
        assert_eq!((row.status, row.error.as_deref(), row.completed_at), (status, error, Some(at(10))));
        assert_eq!(stores.commit(advance(run, 2)).await, CommitOutcome::Absorbed);
        assert_eq!(stores.all_of(&run_id(run)).await, before);
    }
    stores.committed(owned_start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    assert_eq!(stores.commit(advance("cancelled", 2)).await, CommitOutcome::Absorbed);
}

/// Fenced, then absorbed, then moved.
pub async fn the_checks_of_an_advance_have_their_order(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let stale = AdvanceRun { epoch: Epoch::new(0), ..advance("r", 7) };
    assert_eq!(stores.commit(stale.clone()).await, CommitOutcome::Fenced, "stale epoch and stale seq");
    stores.committed(cancel("r")).await;
    assert_eq!(stores.commit(stale).await, CommitOutcome::Fenced, "stale epoch of a terminal run");
    assert_eq!(stores.commit(advance("r", 7)).await, CommitOutcome::Absorbed, "stale seq of a terminal run");
}

pub async fn an_advance_without_events_gives_the_run_back(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let before = stores.all_of(&run_id("r")).await;
    let back = AdvanceRun { events: vec![], wake: Wake::At(at(60)), ..advance("r", 1) };
    stores.committed(back).await;
    assert_eq!(stores.all_of(&run_id("r")).await, before);
    assert_eq!(stores.leases.owners().await.expect("the store works"), []);
    let claimed = stores.leases.claim(executor(2), 1, at(60)).await.expect("the store works");
    assert_eq!(claimed.len(), 1);
    stores.committed(AdvanceRun { epoch: claimed[0].epoch, ..advance("r", 1) }).await;
}

pub async fn the_last_advance_takes_the_run_from_its_owner(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(finish("r", 1, RunStatus::Completed, None)).await;
    assert_eq!(stores.leases.owners().await.expect("the store works"), []);
    stores.committed(start("s")).await;
}
