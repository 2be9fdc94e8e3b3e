//! What a store puts into its [`Outbox`](domain::ports::Outbox) when it was opened to announce.

use domain::{
    ids::Seq,
    ports::{Backlog, SHARDS, Shard},
    runs::{
        AdoptRun, AdvanceRun, CancelRun, ClosedAttempt, CommitOutcome, OutboxMessage, RunCommit, RunEnded, RunEvent,
        RunStatus, StartRun,
    },
};

use crate::{
    IntoCommit, SharedStores,
    dead_letters::{leaves, letter},
    samples::{adopt, advance, at, cancel, closed, finish, owned_start, resume, run_id, start},
};

/// What a commit that is the run's last event says.
fn news(commit: &RunCommit, last: u64) -> RunEnded {
    RunEnded::of(commit, Seq::new(last)).expect("it ends the run")
}

pub async fn a_run_that_ends_is_announced(stores: &SharedStores) {
    let completed = finish("done", 1, RunStatus::Completed, None).into_commit();
    let failed = finish("failed", 1, RunStatus::Failed, Some("broken")).into_commit();
    let cancelled = cancel("cancelled").into_commit();
    for (run, end) in [("done", completed), ("failed", failed), ("cancelled", cancelled)] {
        stores.committed(owned_start(run)).await;
        stores.committed(end.clone()).await;
        assert_eq!(stores.news(run).await, [news(&end, 2)]);
    }
    let queued = stores.waiting().await;
    assert!(queued.iter().all(|queued| queued.shard == Shard::of(queued.message.run().as_str())));
}

pub async fn a_run_that_fails_at_its_start_is_announced(stores: &SharedStores) {
    let mut first = start("r");
    first.events.push(RunEvent::RunFailed { error: "at once".to_owned() });
    let first = StartRun { status: RunStatus::Failed, ..first }.into_commit();
    stores.committed(first.clone()).await;
    assert_eq!(stores.news("r").await, [news(&first, 2)]);
}

pub async fn what_does_not_end_a_run_is_not_announced(stores: &SharedStores) {
    stores.committed(owned_start("r")).await;
    stores.committed(advance("r", 1)).await;
    stores.committed(start("waiting")).await;
    stores.committed(adopt("adopted")).await;
    assert_eq!(stores.waiting().await, []);
}

pub async fn a_run_that_ends_where_it_is_adopted_is_announced(stores: &SharedStores) {
    stores.committed(AdoptRun { failure: Some("no plan".to_owned()), ..adopt("failed") }).await;
    let [news] = &stores.news("failed").await[..] else { panic!("one message") };
    assert_eq!((news.status.as_str(), news.error_message.as_deref()), ("FAILED", Some("no plan")));
    assert_eq!(news.event_id, "failed-2");

    stores.commit(CancelRun { ahead: true, ..cancel("cancelled") }).await;
    assert_eq!(stores.commit(adopt("cancelled")).await, CommitOutcome::Absorbed);
    let [news] = &stores.news("cancelled").await[..] else { panic!("one message") };
    assert_eq!((news.status.as_str(), news.event_id.as_str()), ("CANCELLED", "cancelled-2"));
}

pub async fn a_refused_commit_announces_nothing(stores: &SharedStores) {
    stores.committed(owned_start("r")).await;
    let end = finish("r", 1, RunStatus::Completed, None);
    stores.committed(end.clone()).await;
    let late = [
        end.clone().into_commit(),
        cancel("r").into_commit(),
        finish("r", 5, RunStatus::Completed, None).into_commit(),
    ];
    let outcomes = stores.journal.commit(late.into()).await.expect("the store works");
    assert!(!outcomes.contains(&CommitOutcome::Committed), "{outcomes:?}");
    assert_eq!(stores.news("r").await, [news(&end.into_commit(), 2)]);
}

pub async fn later_messages_of_a_run_have_higher_numbers(stores: &SharedStores) {
    let ends = [cancel("r").into_commit(), cancel("r").into_commit(), cancel("r").into_commit()];
    stores.committed(start("r")).await;
    stores.committed(ends[0].clone()).await;
    // Also within one batch.
    let batch = [resume("r").into_commit(), ends[1].clone(), resume("r").into_commit(), ends[2].clone()];
    stores.journal.commit(batch.into()).await.expect("the store works");
    assert_eq!(stores.news("r").await, [news(&ends[0], 2), news(&ends[1], 4), news(&ends[2], 6)]);
    assert!(stores.waiting().await.is_sorted_by(|one, other| one.id < other.id));
}

pub async fn some_shards_are_read_in_one_question_and_so_many_of_each(stores: &SharedStores) {
    let runs: Vec<String> = (0..60).map(|n| format!("r{n}")).collect();
    let starts = runs.iter().map(|run| start(run).into_commit());
    stores
        .journal
        .commit(starts.chain(runs.iter().map(|run| cancel(run).into_commit())).collect())
        .await
        .expect("it works");
    let of = |shard: Shard| runs.iter().filter(|run| Shard::of(run) == shard).count();
    let shards: Vec<Shard> = [3, 9].into_iter().filter_map(Shard::new).collect();
    let found = stores.outbox.oldest(&shards, 2).await.expect("the store works");
    for shard in &shards {
        let numbers: Vec<u64> = found.iter().filter(|queued| queued.shard == *shard).map(|queued| queued.id).collect();
        assert_eq!(numbers.len(), of(*shard).min(2));
        assert!(numbers.is_sorted());
    }
    assert_eq!(found.len(), shards.iter().map(|shard| of(*shard).min(2)).sum::<usize>());
    assert_eq!(stores.outbox.oldest(&[], 9).await.expect("the store works"), []);
}

pub async fn what_waits_is_counted_and_known_by_its_age(stores: &SharedStores) {
    let backlog = async || stores.outbox.backlog().await.expect("the store works");
    assert_eq!(backlog().await, Backlog::default());
    for (run, second) in [("a", 40), ("b", 41)] {
        stores.committed(start(run)).await;
        stores.committed(CancelRun { at: at(second), ..cancel(run) }).await;
    }
    let both = backlog().await;
    assert!(both.waiting == 2 && both.oldest.is_some(), "{both:?}");
    let again = AdvanceRun { run: run_id("a"), ..advance("a", 1) };
    stores.commit(again).await;
    assert_eq!(backlog().await, both);
    stores.joined(&[1]).await;
    let held = stores.hold(1, usize::from(SHARDS) + 1).await;
    for (run, left) in [("a", 1), ("b", 0)] {
        let shard = Shard::of(run_id(run).as_str());
        let ids = stores.waiting().await.into_iter().filter(|queued| queued.message.run() == &run_id(run));
        let held = *held.iter().find(|held| held.shard == shard).expect("it is held");
        let ids: Vec<u64> = ids.map(|queued| queued.id).collect();
        stores.outbox.delivered(&[(held, ids)]).await.expect("the store works");
        let rest = backlog().await;
        assert_eq!((rest.waiting, rest.oldest.is_some()), (left, left > 0));
        assert!(left == 0 || rest.oldest > both.oldest, "the older one is gone: {rest:?}");
    }
}

pub async fn a_dead_letter_is_announced_before_the_end_of_its_run(stores: &SharedStores) {
    stores.committed(owned_start("r")).await;
    let failed = ClosedAttempt { output: None, error: Some("HTTP 503".to_owned()), ..closed(2) };
    let end = AdvanceRun {
        closed: vec![failed.clone()],
        outward: leaves("r", 1, vec![letter("r", "HTTP 503")]).outward,
        ..finish("r", 1, RunStatus::Failed, Some("HTTP 503"))
    };
    stores.committed(end).await;
    let [OutboxMessage::DeadLetterLeft(left), OutboxMessage::RunEnded(ended)] = &stores.told("r").await[..] else {
        panic!("two messages in this order")
    };
    assert_eq!((left.event_id.as_str(), ended.status.as_str()), (format!("{}-1", left.dlq_id).as_str(), "FAILED"));
    assert_eq!((left.workflow_name.as_str(), left.workflow_version), ("greeting", Some(1)));
    assert_eq!((left.failure_reason.as_str(), left.attempts, left.timestamp), ("HTTP 503", 3, at(10)));
    assert_eq!(left.original_task.input, Some(failed.input));
}

pub async fn each_failure_of_an_entry_is_news_of_its_own(stores: &SharedStores) {
    stores.committed(owned_start("r")).await;
    stores.committed(leaves("r", 1, vec![letter("r", "first")])).await;
    stores.committed(leaves("r", 2, vec![letter("r", "second")])).await;
    let told = stores.told("r").await;
    let ids: Vec<_> = told.iter().map(|message| message.event_id().rsplit_once('-').expect("a number").1).collect();
    assert_eq!(ids, ["1", "2"]);
    let stale = leaves("r", 2, vec![letter("r", "late")]);
    assert_eq!(stores.commit(stale).await, CommitOutcome::Moved);
    assert_eq!(stores.told("r").await.len(), 2);
}
