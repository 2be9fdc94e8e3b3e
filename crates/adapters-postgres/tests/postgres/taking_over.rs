//! Adopting runs that the old system has rows of.

use adapters_postgres::PgStore;
use dev_services::Database;
use domain::{
    ids::{Epoch, Seq},
    ports::{RunJournal, RunLeases, Runs},
    runs::{
        AdoptRun, Adoption, AdvanceRun, CancelRun, CommitOutcome,
        CommitOutcome::{Absorbed, AlreadyApplied, Committed, Duplicate, Gone},
        RunCommit, RunEngine, RunEvent, RunState, RunStatus, StepState, StepStatus,
    },
};
use port_contracts::{
    IntoCommit, Stores,
    samples::{adopt, advance, at, cancel, executor, finish, owned_start, payload, plan_hash, run_id, step_id, uuid},
};
use serde_json::json;

use crate::{
    python::Python,
    stores::{migrated, open},
};

struct Shared {
    stores: Stores,
    store: PgStore,
    python: Python,
    database: Database,
}

async fn shared() -> Shared {
    let database = migrated().await;
    let store = open(&database).await;
    let python = Python::over(&database).await;
    Shared { stores: Stores::new(store.clone()), store, python, database }
}

fn retry(run: &str) -> AdoptRun {
    AdoptRun { cause: Adoption::Retry, ..adopt(run) }
}

fn definition() -> String {
    uuid(7).to_string()
}

#[tokio::test]
async fn a_pending_run_of_the_old_api_is_taken_with_its_input() {
    let mut shared = shared().await;
    shared.python.requests("r", &definition(), at(0)).await;
    shared.stores.committed(adopt("r")).await;
    let row = shared.stores.run(&run_id("r")).await;
    assert_eq!((row.status, row.engine, row.plan), (RunStatus::Pending, RunEngine::Orrery, Some(plan_hash(1))));
    assert_eq!((row.input, row.triggered_by.as_deref()), (payload(json!({"from": "api"})), Some("system")));
    assert_eq!((row.workflow.as_str(), row.created_at, row.updated_at), (definition().as_str(), at(0), at(40)));
    let claimed = shared.store.claim(executor(1), 9, at(40)).await.expect("the store works");
    assert_eq!(
        (claimed.len(), claimed[0].epoch, &claimed[0].input),
        (1, Epoch::new(1), &payload(json!({"from": "api"})))
    );
    shared.stores.committed(advance("r", 1)).await;
}

#[tokio::test]
async fn a_run_whose_row_has_no_input_gets_the_one_of_the_request() {
    let mut shared = shared().await;
    for run in ["unset", "null"] {
        shared.python.starts_unasked(run, at(0)).await;
        shared.python.status(run, "FAILED", at(1)).await;
    }
    shared.database.run("UPDATE workflow_runs SET input_data = 'null' WHERE run_id = 'null'").await;
    for run in ["unset", "null"] {
        shared.stores.committed(retry(run)).await;
        assert_eq!(shared.stores.run(&run_id(run)).await.input, adopt(run).input, "{run}");
    }
}

#[tokio::test]
async fn what_the_cause_does_not_take_is_left_to_the_old_executor() {
    let mut shared = shared().await;
    let statuses = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"];
    for (status, cause, taken) in statuses.into_iter().flat_map(|status| {
        [
            (status, Adoption::Request, status == "PENDING"),
            (status, Adoption::Retry, ["FAILED", "CANCELLED"].contains(&status)),
        ]
    }) {
        let run = format!("{status}-{cause:?}");
        shared.python.requests(&run, &definition(), at(0)).await;
        shared.python.status(&run, status, at(1)).await;
        let before = shared.stores.all_of(&run_id(&run)).await;
        let outcome = shared.stores.commit(AdoptRun { cause, ..adopt(&run) }).await;
        assert_eq!(outcome, if taken { Committed } else { Absorbed }, "{run}");
        assert_eq!(shared.stores.all_of(&run_id(&run)).await == before, !taken, "{run}");
        assert_eq!(shared.stores.run(&run_id(&run)).await.engine == RunEngine::Orrery, taken);
    }
}

#[tokio::test]
async fn a_retried_run_loses_the_traces_of_its_end() {
    let mut shared = shared().await;
    for (run, failure) in [("again", None), ("in vain", Some("no such step".to_owned()))] {
        shared.python.requests(run, &definition(), at(0)).await;
        shared.python.status(run, "FAILED", at(1)).await;
        shared.python.cancels(run, at(2)).await;
        shared.stores.committed(AdoptRun { failure, ..retry(run) }).await;
    }
    let again = shared.stores.run(&run_id("again")).await;
    assert_eq!((again.status, again.error, again.completed_at), (RunStatus::Pending, None, None));
    assert_eq!((again.cancelled_at, again.cancelled_by), (None, None));
    let in_vain = shared.stores.run(&run_id("in vain")).await;
    assert_eq!((in_vain.status, in_vain.error.as_deref()), (RunStatus::Failed, Some("no such step")));
    assert_eq!((in_vain.completed_at, in_vain.cancelled_at), (Some(at(40)), None));
}

#[tokio::test]
async fn the_completed_steps_at_the_front_are_adopted_and_the_last_row_decides() {
    let mut shared = shared().await;
    let python = &mut shared.python;
    python.requests("r", &definition(), at(0)).await;
    // The first step at the second attempt, the second step in vain after it had been completed before.
    python.begins_step("r", "a", "r-a-00000001", at(1)).await;
    python.ends_step("r-a-00000001", None, at(2)).await;
    python.begins_step("r", "a", "r-a-00000002", at(3)).await;
    python.ends_step("r-a-00000002", Some(r#"{"text": "x"}"#), at(4)).await;
    python.begins_step("r", "b", "r-b-00000001", at(5)).await;
    python.ends_step("r-b-00000001", Some("{}"), at(6)).await;
    python.begins_step("r", "b", "r-b-00000002", at(7)).await;
    python.status("r", "FAILED", at(8)).await;
    shared.stores.committed(retry("r")).await;

    let (_, steps, history) = shared.stores.all_of(&run_id("r")).await;
    let adopted = RunEvent::StepAdopted { path: step_id("a").top_level(), execution: Seq::new(2) };
    assert_eq!(
        history[0].events,
        [RunEvent::Started { plan: plan_hash(1), parent: None, starts_at: None, trace: None }, adopted]
    );
    let state = RunState::fold(&history).expect("the events make sense");
    assert_eq!(state.step(&step_id("a").top_level()), Some(&StepState::Succeeded { execution: Seq::new(2) }));
    let rows: Vec<_> = steps.iter().map(|row| (row.id.as_str(), row.execution, row.attempt, row.status)).collect();
    assert_eq!(
        rows,
        [
            ("r-a-00000001", None, 1, StepStatus::Failed),
            ("r-a-00000002", Some(Seq::new(2)), 2, StepStatus::Completed),
            ("r-b-00000001", None, 1, StepStatus::Completed),
            ("r-b-00000002", None, 2, StepStatus::Running),
        ]
    );
    let outputs = shared.store.outputs(&run_id("r"), &[Seq::new(2)]).await.expect("the store works");
    assert_eq!(outputs, [(Seq::new(2), payload(json!({"text": "x"})))]);

    // What is done from now on comes after all of it.
    shared.store.claim(executor(1), 1, at(40)).await.expect("the store works");
    let dispatched =
        RunEvent::StepDispatched { path: step_id("b").top_level(), attempt: 1, generation: 0, round: 0, until: None };
    let closed = port_contracts::samples::closed(3);
    shared.stores.committed(AdvanceRun { events: vec![dispatched], closed: vec![closed], ..advance("r", 2) }).await;
    let steps = shared.store.steps(&run_id("r")).await.expect("the store works");
    assert_eq!((steps.len(), steps[4].execution), (5, Some(Seq::new(3))));
}

#[tokio::test]
async fn a_step_that_was_completed_without_an_output_has_the_output_null() {
    let mut shared = shared().await;
    shared.python.requests("r", &definition(), at(0)).await;
    shared.python.begins_step("r", "a", "r-a-00000001", at(1)).await;
    shared.database.run("UPDATE step_executions SET status = 'COMPLETED'").await;
    shared.stores.committed(adopt("r")).await;
    let outputs = shared.store.outputs(&run_id("r"), &[Seq::new(2)]).await.expect("the store works");
    assert_eq!(outputs, [(Seq::new(2), payload(json!(null)))]);
}

#[tokio::test]
async fn a_run_of_which_everything_is_completed_is_adopted_whole() {
    let mut shared = shared().await;
    shared.python.requests("r", &definition(), at(0)).await;
    for (step, id) in [("a", "r-a-1"), ("b", "r-b-1")] {
        shared.python.begins_step("r", step, id, at(1)).await;
        shared.python.ends_step(id, Some("{}"), at(2)).await;
    }
    shared.stores.committed(adopt("r")).await;
    let history = shared.store.history(&run_id("r")).await.expect("the store works");
    assert_eq!(history[0].events.len(), 3);
    assert_eq!(shared.stores.run(&run_id("r")).await.status, RunStatus::Pending);
}

#[tokio::test]
async fn the_old_apis_retry_of_our_run_resumes_it() {
    let mut shared = shared().await;
    for run in ["failed", "cancelled"] {
        shared.stores.committed(owned_start(run)).await;
    }
    shared.stores.committed(finish("failed", 1, RunStatus::Failed, Some("broken"))).await;
    shared.stores.committed(cancel("cancelled")).await;
    for run in ["failed", "cancelled"] {
        assert_eq!(shared.stores.commit(adopt(run)).await, Duplicate, "nobody has asked for it");
        shared.python.retries(run, at(35)).await;
        let request = adopt(run);
        shared.stores.committed(request.clone()).await;
        let (row, _, history) = shared.stores.all_of(&run_id(run)).await;
        let row = row.expect("the run is there");
        assert_eq!((row.status, row.error, row.completed_at, row.cancelled_at), (RunStatus::Pending, None, None, None));
        let last = history.last().expect("there are events");
        assert_eq!((last.first, &last.events[0]), (Seq::new(3), &RunEvent::RunResumed { by: "system".to_owned() }));
        assert_eq!(shared.stores.commit(request).await, AlreadyApplied);
        assert_eq!(shared.stores.commit(adopt(run)).await, Duplicate);
    }
    let claimed = shared.store.claim(executor(2), 9, at(40)).await.expect("the store works");
    assert_eq!(claimed.iter().map(|claimed| claimed.epoch).collect::<Vec<_>>(), [Epoch::new(3); 2]);
}

#[tokio::test]
async fn what_has_completed_is_not_done_again_whatever_the_old_api_asks_for() {
    let mut shared = shared().await;
    shared.stores.committed(owned_start("r")).await;
    shared.stores.committed(finish("r", 1, RunStatus::Completed, None)).await;
    let (_, _, history) = shared.stores.all_of(&run_id("r")).await;
    shared.python.retries("r", at(35)).await;
    shared.stores.committed(adopt("r")).await;
    let (row, _, after) = shared.stores.all_of(&run_id("r")).await;
    let row = row.expect("the run is there");
    assert_eq!((row.status, row.completed_at, after), (RunStatus::Completed, Some(at(10)), history));
    assert_eq!(shared.stores.commit(adopt("r")).await, Duplicate);
}

#[tokio::test]
async fn a_live_run_whose_row_the_old_api_has_cancelled_is_stopped_by_the_cancellation_that_follows() {
    let mut shared = shared().await;
    shared.stores.committed(owned_start("r")).await;
    shared.python.cancels("r", at(15)).await;
    let running = Some(port_contracts::samples::update(RunStatus::Running, None));
    shared.stores.committed(AdvanceRun { update: running, ..advance("r", 1) }).await;
    assert_eq!(shared.stores.run(&run_id("r")).await.status, RunStatus::Cancelled, "it is not undone");
    shared.stores.committed(CancelRun { ahead: true, ..cancel("r") }).await;
    assert_eq!(shared.stores.commit(advance("r", 3)).await, Absorbed);
    assert_eq!(shared.stores.run(&run_id("r")).await.status, RunStatus::Cancelled);
}

#[tokio::test]
async fn a_cancellation_ahead_is_not_kept_for_a_run_that_has_a_row() {
    let mut shared = shared().await;
    shared.python.requests("r", &definition(), at(0)).await;
    assert_eq!(shared.stores.commit(CancelRun { ahead: true, ..cancel("r") }).await, Gone);
    shared.stores.committed(adopt("r")).await;
    assert_eq!(shared.stores.run(&run_id("r")).await.status, RunStatus::Pending);
}

#[tokio::test]
async fn a_cancellation_ahead_does_not_stop_a_retry_that_knows_of_it() {
    let mut shared = shared().await;
    shared.stores.commit(CancelRun { ahead: true, ..cancel("r") }).await;
    shared.python.requests("r", &definition(), at(25)).await;
    shared.python.status("r", "FAILED", at(26)).await;
    shared.stores.committed(retry("r")).await;
    assert_eq!(shared.stores.run(&run_id("r")).await.status, RunStatus::Pending);
}

/// Both orders are right, losing one of them is not.
#[tokio::test]
async fn a_cancellation_ahead_and_the_adoption_of_its_run_do_not_miss_each_other() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    let runs: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    for run in &runs {
        let cancellation = CancelRun { ahead: true, ..cancel(run) };
        let (first, second) = ([adopt(run).into_commit()], [cancellation.into_commit()]);
        let (adopted, cancelled) = tokio::join!(one.commit(first.into()), other.commit(second.into()));
        let outcomes = (adopted.expect("the store works")[0], cancelled.expect("the store works")[0]);
        assert!([(Committed, Committed), (Absorbed, Gone)].contains(&outcomes), "{outcomes:?}");
        let row = one.get(&run_id(run)).await.expect("the store works").expect("the run is there");
        assert_eq!(row.status, RunStatus::Cancelled);
    }
}

#[tokio::test]
async fn of_two_that_adopt_the_same_runs_one_does() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    let mut python = Python::over(&database).await;
    let runs: Vec<String> = (0..40).map(|n| format!("r{n:02}")).collect();
    for run in runs.iter().step_by(2) {
        python.requests(run, &definition(), at(0)).await;
    }
    let batch = |order: &mut dyn Iterator<Item = &String>| -> Vec<RunCommit> {
        order.map(|run| adopt(run).into_commit()).collect()
    };
    let (forwards, backwards) = (batch(&mut runs.iter()), batch(&mut runs.iter().rev()));
    let (first, second) = tokio::join!(one.commit(forwards.into()), other.commit(backwards.into()));
    let mut second = second.expect("the store works");
    second.reverse();
    for pair in first.expect("the store works").into_iter().zip(second) {
        assert!([(Committed, Duplicate), (Duplicate, Committed)].contains(&pair), "{pair:?}");
    }
    let claimed = one.claim(executor(1), 99, at(40)).await.expect("the store works");
    assert_eq!(claimed.len(), 40);
}

#[tokio::test]
async fn an_adoption_that_cannot_be_written_does_not_take_the_others_with_it() {
    let mut shared = shared().await;
    shared.python.requests("b", &definition(), at(0)).await;
    let long = AdoptRun { workflow_name: "x".repeat(256), ..adopt("long") };
    let batch = [adopt("a").into_commit(), long.into_commit(), adopt("b").into_commit()];
    let outcomes = shared.store.commit(batch.into()).await.expect("the store works");
    assert_eq!(outcomes, [Committed, CommitOutcome::Unstorable, Committed]);
    assert_eq!(shared.store.get(&run_id("long")).await.expect("the store works"), None);
}

#[tokio::test]
async fn steps_of_the_old_executor_are_listed_in_their_order() {
    let mut shared = shared().await;
    shared.python.starts_unasked("r", at(0)).await;
    for (step, id, second) in [("b", "r-b-1", 3), ("a", "r-a-1", 1), ("b", "r-b-2", 5), ("no/name", "r-n-1", 4)] {
        shared.python.begins_step("r", step, id, at(second)).await;
    }
    let steps = shared.store.steps(&run_id("r")).await.expect("the store works");
    let rows: Vec<_> =
        steps.iter().map(|row| (row.id.as_str(), row.path.as_str(), row.attempt, row.execution)).collect();
    assert_eq!(rows, [("r-a-1", "a", 1, None), ("r-b-1", "b", 1, None), ("r-b-2", "b", 2, None)]);
}
