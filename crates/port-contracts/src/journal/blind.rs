//! The contracts of `Cancel` and `Resume`, which need no knowledge of the run.

use domain::{
    ids::{Epoch, Seq},
    runs::{AdvanceRun, CancelRun, CommitOutcome, EventRecord, Rerun, ResumeRun, Resumption, RunStatus, RunUpdate},
};

use serde_json::json;

use crate::{
    Stores,
    samples::{
        advance, at, cancel, closed, executor, finish, owned_start, payload, resume, run_id, start, step_id, update,
    },
};

pub async fn a_cancel_gets_the_next_number_and_keeps_the_epoch(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(AdvanceRun { closed: vec![closed(2)], ..advance("r", 1) }).await;
    let cancel = cancel("r");
    stores.committed(cancel.clone()).await;
    let (row, steps, history) = stores.all_of(&run_id("r")).await;
    let row = row.expect("the run is there");
    assert_eq!((row.status, row.error.as_deref()), (RunStatus::Cancelled, Some("Cancelled: not needed")));
    assert_eq!((row.cancelled_at, row.cancelled_by.as_deref()), (Some(at(20)), Some("operator")));
    assert_eq!((row.updated_at, row.completed_at), (at(20), None));
    assert_eq!(steps.len(), 1);
    let record = EventRecord { first: Seq::new(3), commit: cancel.commit, at: cancel.at, events: vec![cancel.event()] };
    assert_eq!(history.last(), Some(&record));
    // Another epoch would be fenced first.
    assert_eq!(stores.commit(advance("r", 3)).await, CommitOutcome::Absorbed);
    assert_eq!(stores.leases.owners().await.expect("the store works"), [executor(1)]);
}

pub async fn a_cancel_without_a_reason_leaves_the_message(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let update = Some(update(RunStatus::Running, Some("before")));
    stores.committed(AdvanceRun { update, ..advance("r", 1) }).await;
    stores.committed(CancelRun { reason: None, ..cancel("r") }).await;
    assert_eq!(stores.run(&run_id("r")).await.error.as_deref(), Some("before"));
}

pub async fn a_cancel_of_an_unknown_run_is_gone(stores: &Stores) {
    assert_eq!(stores.commit(cancel("r")).await, CommitOutcome::Gone);
    assert_eq!(stores.all_of(&run_id("r")).await, (None, vec![], vec![]));
}

pub async fn a_repeated_cancel_is_already_applied(stores: &Stores) {
    stores.committed(start("r")).await;
    let first = cancel("r");
    stores.committed(first.clone()).await;
    assert_eq!(stores.commit(first.clone()).await, CommitOutcome::AlreadyApplied);
    stores.committed(resume("r")).await;
    let before = stores.all_of(&run_id("r")).await;
    assert_eq!(stores.commit(first).await, CommitOutcome::AlreadyApplied, "after a resume");
    assert_eq!(stores.all_of(&run_id("r")).await, before);
}

pub async fn a_terminal_run_absorbs_a_cancel(stores: &Stores) {
    for (run, status, error) in [("done", RunStatus::Completed, None), ("failed", RunStatus::Failed, Some("broken"))] {
        stores.committed(owned_start(run)).await;
        stores.committed(finish(run, 1, status, error)).await;
        let before = stores.all_of(&run_id(run)).await;
        assert_eq!(stores.commit(cancel(run)).await, CommitOutcome::Absorbed);
        assert_eq!(stores.all_of(&run_id(run)).await, before);
    }
    stores.committed(start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    let before = stores.all_of(&run_id("cancelled")).await;
    assert_eq!(stores.commit(cancel("cancelled")).await, CommitOutcome::Absorbed);
    assert_eq!(stores.all_of(&run_id("cancelled")).await, before);
}

pub async fn a_resume_gives_the_run_back_with_a_higher_epoch(stores: &Stores) {
    stores.committed(owned_start("failed")).await;
    stores.committed(finish("failed", 1, RunStatus::Failed, Some("broken"))).await;
    stores.committed(owned_start("cancelled")).await;
    stores.committed(cancel("cancelled")).await;
    for run in ["failed", "cancelled"] {
        let resume = resume(run);
        stores.committed(resume.clone()).await;
        let (row, _, history) = stores.all_of(&run_id(run)).await;
        let row = row.expect("the run is there");
        assert_eq!((row.status, row.error, row.updated_at), (RunStatus::Pending, None, at(30)));
        assert_eq!((row.completed_at, row.cancelled_at, row.cancelled_by), (None, None, None));
        let record =
            EventRecord { first: Seq::new(3), commit: resume.commit, at: resume.at, events: vec![resume.event()] };
        assert_eq!(history.last(), Some(&record));
        assert_eq!(stores.commit(advance(run, 3)).await, CommitOutcome::Fenced, "the last owner's commit");
    }
    assert_eq!(stores.leases.owners().await.expect("the store works"), []);
    assert_eq!(stores.leases.claim(executor(2), 9, at(29)).await.expect("the store works"), []);
    let claimed = stores.leases.claim(executor(2), 9, at(30)).await.expect("the store works");
    assert_eq!(claimed.iter().map(|claimed| claimed.epoch).collect::<Vec<_>>(), [Epoch::new(3); 2]);
}

pub async fn a_resume_of_an_unknown_run_is_gone(stores: &Stores) {
    assert_eq!(stores.commit(resume("r")).await, CommitOutcome::Gone);
}

pub async fn a_repeated_resume_is_already_applied(stores: &Stores) {
    stores.committed(start("r")).await;
    stores.committed(cancel("r")).await;
    let first = resume("r");
    stores.committed(first.clone()).await;
    assert_eq!(stores.commit(first.clone()).await, CommitOutcome::AlreadyApplied);
    stores.committed(cancel("r")).await;
    let before = stores.all_of(&run_id("r")).await;
    assert_eq!(stores.commit(first).await, CommitOutcome::AlreadyApplied, "after another cancellation");
    assert_eq!(stores.all_of(&run_id("r")).await, before);
}

pub async fn only_failed_and_cancelled_runs_can_be_resumed(stores: &Stores) {
    stores.committed(start("pending")).await;
    stores.committed(owned_start("running")).await;
    stores.committed(owned_start("done")).await;
    stores.committed(finish("done", 1, RunStatus::Completed, None)).await;
    for run in ["pending", "running", "done"] {
        let before = stores.all_of(&run_id(run)).await;
        assert_eq!(stores.commit(resume(run)).await, CommitOutcome::Absorbed, "{run}");
        assert_eq!(stores.all_of(&run_id(run)).await, before);
    }
    stores.committed(advance("running", 1)).await;
}

pub async fn a_completed_run_is_resumed_only_to_do_a_step_anew(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let done = finish("r", 1, RunStatus::Completed, None);
    let output = Some(payload(json!(7)));
    let update = done.update.clone().map(|update| RunUpdate { output, ..update });
    stores.committed(AdvanceRun { update, ..done }).await;
    let rerun = Rerun { from: step_id("a").top_level(), undone: vec![step_id("b").top_level()] };
    let again = ResumeRun { what: Resumption::From(rerun), ..resume("r") };
    assert_eq!(stores.commit(resume("r")).await, CommitOutcome::Absorbed);
    stores.committed(again.clone()).await;
    let row = stores.run(&run_id("r")).await;
    assert_eq!((row.status, row.output, row.completed_at), (RunStatus::Pending, None, None));
    let history = stores.runs.history(&run_id("r")).await.expect("the store works");
    assert_eq!(history.last().expect("a record").events, [again.event()]);
    let claimed = stores.leases.claim(executor(2), 5, at(1_000_000)).await.expect("the store works");
    assert_eq!(claimed.len(), 1);
}

pub async fn a_run_that_is_to_skip_a_step_is_told_so_in_the_commit_that_resumes_it(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    stores.committed(finish("r", 1, RunStatus::Failed, Some("no"))).await;
    let what = Resumption::Skipping { path: step_id("a").top_level(), output: payload(json!(7)) };
    let skipping = ResumeRun { what, ..resume("r") };
    stores.committed(skipping.clone()).await;
    assert_eq!(stores.commit(skipping.clone()).await, CommitOutcome::AlreadyApplied);
    let claimed = stores.leases.claim(executor(2), 5, at(1_000_000)).await.expect("the store works");
    let told: Vec<_> = claimed[0].inbox.iter().map(|entry| entry.message.clone()).collect();
    assert_eq!(told, [skipping.note().expect("it has something to say").message]);
}
