//! Bad data, broken connections and batches that cross.

use adapters_postgres::PgStore;
use domain::{
    agents::Agent,
    ids::{Epoch, Seq},
    ports::{RunJournal, RunLeases, Runs, StoreError},
    runs::{AdvanceRun, CancelRun, ClosedAttempt, CommitOutcome, EventRecord, RunCommit, RunEvent, StartRun},
};
use futures_util::future::join_all;
use port_contracts::{
    Change, IntoCommit, Stores,
    samples::{advance, agent, at, cancel, closed, commit_id, executor, owned_start, payload, run_id, start, workflow},
};
use serde_json::json;

use crate::stores::{fresh, migrated, open};

/// Text that no column of PostgreSQL can hold.
fn poisoned(run: &str) -> RunCommit {
    AdvanceRun { events: vec![RunEvent::RunFailed { error: "a\0b".to_owned() }], ..advance(run, 1) }.into_commit()
}

#[tokio::test]
async fn a_commit_that_cannot_be_written_does_not_take_the_others_of_its_batch_with_it() {
    let stores = fresh().await;
    let runs: Vec<String> = (0..100).map(|n| format!("r{n}")).collect();
    let starts: Vec<RunCommit> = runs.iter().map(|run| owned_start(run).into_commit()).collect();
    stores.journal.commit(starts.into()).await.expect("the store works");
    let mut batch: Vec<RunCommit> = runs.iter().map(|run| advance(run, 1).into_commit()).collect();
    batch[37] = poisoned("r37");
    // Nothing that SQL has to find out about: the number does not fit the column.
    batch[80] = AdvanceRun { closed: vec![closed(2), closed(u64::MAX)], ..advance("r80", 1) }.into_commit();
    let before = stores.all_of(&run_id("r37")).await;
    let outcomes = stores.journal.commit(batch.into()).await.expect("the store works");
    let guilty: Vec<usize> = (0..100).filter(|n| outcomes[*n] == CommitOutcome::Unstorable).collect();
    assert_eq!(guilty, [37, 80]);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == CommitOutcome::Committed).count(), 98);
    assert_eq!(stores.all_of(&run_id("r37")).await, before);
    stores.committed(advance("r37", 1)).await;
    stores.committed(advance("r99", 2)).await;
}

#[tokio::test]
async fn a_lone_commit_that_cannot_be_written_is_unstorable() {
    let stores = fresh().await;
    stores.committed(owned_start("r")).await;
    assert_eq!(stores.commit(poisoned("r")).await, CommitOutcome::Unstorable);
    let long = StartRun { workflow_name: "x".repeat(256), ..start("long") };
    assert_eq!(stores.commit(long).await, CommitOutcome::Unstorable);
    let by = CancelRun { by: "x".repeat(256), ..cancel("r") };
    assert_eq!(stores.commit(by).await, CommitOutcome::Unstorable);
    let absent = stores.runs.get(&run_id("long")).await.expect("the store works");
    assert!(absent.is_none() && stores.run(&run_id("r")).await.cancelled_at.is_none());
}

#[tokio::test]
async fn numbers_that_jsonb_would_spell_otherwise_come_back_byte_for_byte() {
    let stores = fresh().await;
    let odd = payload(json!({"a": [1e16, -0.0, 1.0, 1.5e-300, 1e22], "b": "1e5"}));
    stores.committed(StartRun { input: odd.clone(), ..owned_start("r") }).await;
    let row = ClosedAttempt { input: odd.clone(), output: Some(odd.clone()), ..closed(2) };
    stores.committed(AdvanceRun { closed: vec![row], ..advance("r", 1) }).await;
    let (row, steps, _) = stores.all_of(&run_id("r")).await;
    let outputs = stores.runs.outputs(&run_id("r"), &[Seq::new(2)]).await.expect("the store works");
    assert_eq!(row.expect("the run is there").input.text(), odd.text());
    assert_eq!((steps[0].input.text(), outputs[0].1.text()), (odd.text(), odd.text()));

    let mut definition = workflow(1, "w", 1);
    let step = definition.document.steps.get_mut("a").expect("the sample has a step");
    step.input_mapping = json!({"x": 1e16}).as_object().cloned();
    stores.changed(&[Change::AddWorkflow(definition.clone())]).await;
    assert_eq!(stores.workflows.get(definition.id).await.expect("the store works"), Some(definition));
}

#[tokio::test]
async fn a_run_with_the_longest_id_has_rows_too() {
    let stores = fresh().await;
    let long = "r".repeat(255);
    stores.committed(owned_start(&long)).await;
    stores.committed(AdvanceRun { closed: vec![closed(2), closed(3)], ..advance(&long, 1) }).await;
    assert_eq!(stores.runs.steps(&run_id(&long)).await.expect("the store works").len(), 2);
}

/// PostgreSQL itself would answer such a commit with a rollback, and say that all is well.
#[tokio::test]
async fn a_unit_of_work_cannot_be_committed_after_a_refused_change() {
    let stores = fresh().await;
    stores.changed(&[Change::AddAgent(agent("a"))]).await;
    let unstorable = Agent { description: Some("a\0b".to_owned()), ..agent("c") };
    for refused in
        [Change::AddAgent(agent("a")), Change::AddAgent(unstorable), Change::AddWorkflow(workflow(1, "v", 1))]
    {
        let mut unit = stores.transactions.begin().await.expect("the store works");
        Change::AddAgent(agent("b")).ask(unit.as_mut()).await.expect("nobody has this name");
        let mut first = Change::AddWorkflow(workflow(1, "w", 1)).ask(unit.as_mut()).await;
        first = first.and(refused.ask(unit.as_mut()).await);
        assert!(first.is_err(), "{refused:?}");
        assert!(unit.commit().await.is_err(), "{refused:?}");
        assert_eq!(stores.agents.get(agent("b").id).await.expect("the store works"), None);
    }
}

/// Sends a batch until it is answered, as the core's writer does.
async fn insist(store: &PgStore, batch: &[RunCommit]) -> Vec<CommitOutcome> {
    for _ in 0..20 {
        match store.commit(batch.into()).await {
            Ok(outcomes) => return outcomes,
            Err(StoreError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the store does not come back")
}

#[tokio::test]
async fn a_store_whose_connections_broke_goes_on_with_new_ones() {
    let database = migrated().await;
    let store = open(&database).await;
    let stores = Stores::new(store.clone()).guarded(database.url().to_owned());
    stores.committed(owned_start("r")).await;
    let batch = [advance("r", 1).into_commit(), start("s").into_commit()];
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    let outcomes = insist(&store, &batch).await;
    assert_eq!(outcomes, [CommitOutcome::Committed; 2]);
    assert_eq!(insist(&store, &batch).await, [CommitOutcome::AlreadyApplied; 2]);
    stores.committed(advance("r", 2)).await;
}

/// Batches of two processes, with the same runs in opposite orders.
#[tokio::test]
async fn of_two_batches_that_cross_each_commit_has_one_winner() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    let runs: Vec<String> = (0..60).map(|n| format!("r{n:02}")).collect();
    let starts: Vec<RunCommit> = runs.iter().map(|run| owned_start(run).into_commit()).collect();
    one.commit(starts.into()).await.expect("the store works");
    for round in 0..5 {
        let advances = |order: &mut dyn Iterator<Item = &String>| -> Vec<RunCommit> {
            let next = |run: &String| AdvanceRun { closed: vec![closed(2 + round)], ..advance(run, 1 + round) };
            order.map(|run| next(run).into_commit()).collect()
        };
        let forwards = advances(&mut runs.iter());
        let backwards = advances(&mut runs.iter().rev());
        let (first, second) = tokio::join!(one.commit(forwards.into()), other.commit(backwards.into()));
        let mut second = second.expect("the store works");
        second.reverse();
        for (first, second) in first.expect("the store works").into_iter().zip(second) {
            let winners = [first, second].into_iter().filter(|outcome| *outcome == CommitOutcome::Committed).count();
            assert_eq!(winners, 1, "{first:?} {second:?}");
            assert!([first, second].contains(&CommitOutcome::Moved), "{first:?} {second:?}");
        }
    }
}

#[tokio::test]
async fn the_same_start_sent_twice_at_once_makes_one_run() {
    let database = migrated().await;
    let (one, other) = (open(&database).await, open(&database).await);
    let batch: Vec<RunCommit> = (0..50).map(|n| start(&format!("r{n}")).into_commit()).collect();
    let (first, second) = tokio::join!(one.commit(batch.clone().into()), other.commit(batch.into()));
    for (first, second) in first.expect("the store works").into_iter().zip(second.expect("the store works")) {
        let mut both = [first, second];
        both.sort_by_key(|outcome| *outcome == CommitOutcome::AlreadyApplied);
        assert_eq!(both, [CommitOutcome::Committed, CommitOutcome::AlreadyApplied]);
    }
    let claimed = one.claim(executor(1), 100, at(0)).await.expect("the store works");
    assert_eq!(claimed.len(), 50);
    assert!(claimed.iter().all(|claimed| claimed.history.len() == 1));
}

#[tokio::test]
async fn a_cancellation_is_never_lost_to_a_busy_owner() {
    let database = migrated().await;
    let (owner, operator) = (open(&database).await, open(&database).await);
    owner.commit([owned_start("r").into_commit()].into()).await.expect("the store works");
    let busy = async {
        let mut seq = 1;
        loop {
            let next = owner.commit([advance("r", seq).into_commit()].into()).await.expect("the store works");
            match next[0] {
                CommitOutcome::Committed => seq += 1,
                refused => return (seq, refused),
            }
        }
    };
    let cancelled = operator.commit([cancel("r").into_commit()].into());
    let ((seq, refused), cancelled) = tokio::join!(busy, cancelled);
    assert_eq!((cancelled.expect("the store works")[0], refused), (CommitOutcome::Committed, CommitOutcome::Absorbed));
    let history = operator.history(&run_id("r")).await.expect("the store works");
    let numbers: Vec<u64> = history.iter().flat_map(EventRecord::numbered).map(|(seq, _)| seq.get()).collect();
    assert_eq!(numbers, (1..=seq + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn replicas_claim_each_run_once() {
    let database = migrated().await;
    let first = open(&database).await;
    let starts: Vec<RunCommit> = (0..90).map(|n| start(&format!("r{n}")).into_commit()).collect();
    first.commit(starts.into()).await.expect("the store works");
    let replicas = join_all((0..3).map(|_| open(&database))).await;
    let claims = (1..).zip(&replicas).map(|(by, replica)| replica.claim(executor(by), 50, at(0)));
    let claims: Vec<_> = join_all(claims).await.into_iter().flat_map(|claim| claim.expect("the store works")).collect();
    let mut runs: Vec<_> = claims.iter().map(|claimed| claimed.run.as_str()).collect();
    runs.sort_unstable();
    runs.dedup();
    assert_eq!((claims.len(), runs.len()), (90, 90));
    assert!(claims.iter().all(|claimed| claimed.epoch == Epoch::new(1)));
    let again = AdvanceRun { commit: commit_id(), ..advance("r0", 1) };
    assert_eq!(first.commit([again.into_commit()].into()).await.expect("the store works"), [CommitOutcome::Committed]);
}
