//! The keeper of the dead letters, in virtual time.

use std::{sync::Arc, time::Duration};

use adapters_memory::{MemoryStore, VirtualClock};
use domain::{
    Timestamp,
    ids::{CommitId, DeadLetterId, Epoch, ExecutorId, PlanHash, RunId, Seq, StepPath, WorkflowId},
    page::{PageRequest, SortOrder},
    payload::Payload,
    ports::DeadLetters,
    runs::{
        AdvanceRun, CommitOutcome, DeadLetter, DeadLetterFilter, Labels, Outward, RunCommit, RunEvent, RunOrigin,
        RunStatus, StartRun, Wake,
    },
};
use executor::DeadLetterKeeper;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const DAY: Duration = Duration::from_hours(24);

fn at(day: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + day * 86_400, 0).expect("a time")
}

fn commit(n: u128) -> CommitId {
    CommitId::new(Uuid::from_u128(n))
}

/// A run with so many steps that fail for good on a day.
fn failures(store: &MemoryStore, day: i64, steps: u64) {
    let (run, plan) = (RunId::parse(&format!("run-{day}")).expect("an id"), PlanHash::new([7; 32]));
    let start = StartRun {
        commit: commit(1),
        run: run.clone(),
        workflow: WorkflowId::new(Uuid::nil()),
        workflow_name: "w".into(),
        workflow_version: 1,
        plan,
        input: Payload::empty(),
        triggered_by: "test".into(),
        labels: Labels::default(),
        at: at(day),
        starts_at: None,
        events: vec![RunEvent::Started { plan, parent: None, starts_at: None, trace: None }],
        status: RunStatus::Running,
        owner: Some(ExecutorId::new(Uuid::nil())),
        parent: None,
        audit: None,
    };
    let letter = |n: u64| {
        let path = StepPath::parse(&format!("each[{n}]/a")).expect("a path");
        DeadLetter {
            id: DeadLetterId::of(&run, &path),
            step: domain::ids::StepId::parse("a").expect("an id"),
            path,
            agent: domain::agents::AgentName::parse("A").expect("a name"),
            execution: Seq::new(n),
            generation: 0,
            round: 0,
            attempts: 1,
            reason: "HTTP 503".into(),
        }
    };
    let advance = AdvanceRun {
        commit: commit(2),
        run: run.clone(),
        epoch: Epoch::new(1),
        seq: Seq::new(1),
        at: at(day),
        origin: RunOrigin { from: None, since: at(day) },
        events: Vec::new(),
        closed: Vec::new(),
        update: None,
        drained: Vec::new(),
        wake: Wake::Owned,
        outward: Outward { dead_letters: (0..steps).map(letter).collect(), ..Outward::default() },
    };
    let outcomes = store.commit_now(&[RunCommit::Start(start), RunCommit::Advance(advance)]);
    assert_eq!(outcomes, [CommitOutcome::Committed; 2]);
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
fn keep(store: &MemoryStore, clock: &VirtualClock, keep_for: Option<Duration>) -> (JoinHandle<()>, CancellationToken) {
    let keeper = DeadLetterKeeper::new(Arc::new(store.clone()), Arc::new(clock.clone()), keep_for);
    let stop = CancellationToken::new();
    (tokio::spawn(keeper.run(stop.clone())), stop)
}

async fn kept(store: &MemoryStore) -> u64 {
    let page = PageRequest::new(1, 1).expect("a page");
    let found = DeadLetters::list(store, &DeadLetterFilter::default(), SortOrder::Ascending, page).await;
    found.expect("memory works").total.expect("a numbered page").count()
}

#[tokio::test(start_paused = true)]
async fn what_is_old_enough_is_removed_however_much_there_is_and_the_rest_is_kept() {
    let (store, clock) = (MemoryStore::new(), VirtualClock::new(at(30)));
    failures(&store, 0, 1_200);
    failures(&store, 5, 3);
    let (keeper, stop) = keep(&store, &clock, Some(DAY * 30));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kept(&store).await, 1_203, "nothing is older than thirty days");
    clock.set(at(31));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(kept(&store).await, 3);
    stop.cancel();
    keeper.await.expect("it ends when it is told to");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_everything_is_kept() {
    let (store, clock) = (MemoryStore::new(), VirtualClock::new(at(10_000)));
    failures(&store, 0, 3);
    let (_keeper, _stop) = keep(&store, &clock, None);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(kept(&store).await, 3);
}
