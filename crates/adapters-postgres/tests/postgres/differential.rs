//! Random sequences of commits, claims and releases have the same outcomes in PostgreSQL as in memory, and read the same.

use adapters_memory::MemoryStore;
use domain::{
    ids::{CommitId, Epoch, ExecutorId, RunId, Seq},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    ports::{Claimed, RunJournal, RunLeases, Runs, StoreError},
    runs::{
        AdoptRun, AdvanceRun, CancelRun, CommitOutcome, EventRecord, ResumeRun, Run, RunCommit, RunEvent, RunFilter,
        RunSort, RunStatus, RunUpdate, StartRun, StepExecution, Wake,
    },
};
use port_contracts::samples::{
    adopt, advance, all, at, cancel, closed, dispatched, executor, labels, page, resume, run_id, start, uuid,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::stores;

/// Few runs, numbers and commits, so that they meet.
const RUNS: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<RunCommit>),
    /// Of all that are due or of none: which of two that wait equally long comes first is not promised.
    Claim {
        by: u64,
        limit: usize,
        second: i64,
    },
    TakeEnded(u64),
    Release {
        of: u64,
        second: i64,
    },
}

fn run() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&RUNS[..])
}

fn commit_id() -> impl Strategy<Value = CommitId> {
    (1_u64..40).prop_map(|n| CommitId::new(uuid(n)))
}

fn a_start() -> impl Strategy<Value = RunCommit> {
    (run(), commit_id(), proptest::option::of(1_u64..3), 0_i64..5, 0..6).prop_map(
        |(run, commit, owner, second, kind)| {
            let failed = kind == 0;
            let mut events = start(run).events;
            events.extend(failed.then(|| RunEvent::RunFailed { error: "at once".to_owned() }));
            let status = if failed { RunStatus::Failed } else { RunStatus::Pending };
            RunCommit::Start(StartRun {
                commit,
                owner: owner.map(executor),
                // As many kinds as there are seconds, for the filters to tell apart.
                workflow_version: u32::try_from(second).expect("few seconds"),
                triggered_by: format!("user:{}", second % 2),
                labels: labels(
                    ["", "team:blue", "team:red", "team:blue,env:prod"]
                        [usize::try_from(second.rem_euclid(4)).expect("less than four")],
                ),
                at: at(second),
                events,
                status,
                ..start(run)
            })
        },
    )
}

fn an_advance() -> impl Strategy<Value = RunCommit> {
    let wake = prop_oneof![
        4 => Just(Wake::Owned),
        2 => (0_i64..10).prop_map(|second| Wake::At(at(second))),
        1 => Just(Wake::Never),
    ];
    let status = proptest::sample::select(&[RunStatus::Running, RunStatus::Completed, RunStatus::Failed][..]);
    let update = proptest::option::weighted(
        0.3,
        (status, proptest::option::of(Just("oops".to_owned()))).prop_map(|(status, error)| RunUpdate {
            output: (status == RunStatus::Completed).then(|| port_contracts::samples::payload(serde_json::json!(1e16))),
            cancelled_by: (status == RunStatus::Cancelled).then(|| "somebody".to_owned()),
            status,
            error,
            paused: false,
        }),
    );
    let numbers = (0_u64..4, 0_u64..8, 0_i64..10, 0_usize..3, proptest::collection::vec(1_u64..6, 0..3));
    (run(), commit_id(), numbers, update, wake).prop_map(
        |(run, commit, (epoch, seq, second, events, rows), update, wake)| {
            RunCommit::Advance(AdvanceRun {
                commit,
                epoch: Epoch::new(epoch),
                at: at(second),
                events: vec![dispatched(); events],
                closed: rows.into_iter().map(closed).collect(),
                update,
                wake,
                ..advance(run, seq)
            })
        },
    )
}

fn a_commit() -> impl Strategy<Value = RunCommit> {
    let reason = proptest::option::of(Just("because".to_owned()));
    prop_oneof![
        2 => a_start(),
        8 => an_advance(),
        2 => (run(), commit_id(), reason, any::<bool>())
            .prop_map(|(run, commit, reason, ahead)| RunCommit::Cancel(CancelRun { commit, reason, ahead, ..cancel(run) })),
        1 => (run(), commit_id(), 0_i64..5, proptest::option::weighted(0.2, Just("in vain".to_owned())))
            .prop_map(|(run, commit, second, failure)| {
                RunCommit::Adopt(AdoptRun { commit, at: at(second), failure, ..adopt(run) })
            }),
        1 => (run(), commit_id()).prop_map(|(run, commit)| RunCommit::Resume(ResumeRun { commit, ..resume(run) })),
    ]
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(a_commit(), 1..6).prop_map(Step::Commit),
        2 => (1_u64..3, proptest::sample::select(vec![0, RUNS.len()]), 0_i64..40)
            .prop_map(|(by, limit, second)| Step::Claim { by, limit, second }),
        1 => (1_u64..3).prop_map(Step::TakeEnded),
        1 => (1_u64..3, 0_i64..40).prop_map(|(of, second)| Step::Release { of, second }),
    ]
}

/// What a step answers.
#[derive(Debug, PartialEq)]
enum Answer {
    Outcomes(Vec<CommitOutcome>),
    Claimed(Vec<Claimed>),
    Ended(Vec<(RunId, Epoch)>),
    Released(u64),
}

async fn take(store: &(impl RunJournal + RunLeases), step: &Step) -> Result<Answer, StoreError> {
    Ok(match step {
        Step::Commit(batch) => Answer::Outcomes(store.commit(batch.clone().into()).await?),
        Step::Claim { by, limit, second } => {
            let mut claimed = store.claim(executor(*by), *limit, at(*second)).await?;
            claimed.sort_by(|one, other| one.run.cmp(&other.run));
            Answer::Claimed(claimed)
        }
        Step::TakeEnded(of) => Answer::Ended(store.take_ended(executor(*of)).await?),
        Step::Release { of, second } => Answer::Released(store.release(executor(*of), at(*second)).await?),
    })
}

/// What finds some of the runs and not others.
fn filters() -> Vec<RunFilter> {
    let none = RunFilter::default;
    vec![
        none(),
        RunFilter { statuses: vec![RunStatus::Failed, RunStatus::Cancelled], ..none() },
        RunFilter { workflow_version: Some(2), ..none() },
        RunFilter { completed_after: Some(at(3)), ..none() },
        RunFilter { completed_before: Some(at(3)), ..none() },
        RunFilter { triggered_by: Some("user:1".to_owned()), ..none() },
        RunFilter { error_contains: Some("O".to_owned()), ..none() },
        RunFilter { labels: labels("team:blue"), ..none() },
    ]
}

/// Everything that can be read.
#[derive(Debug, PartialEq)]
struct View {
    owners: Vec<ExecutorId>,
    lists: Vec<Page<Run>>,
    runs: Vec<RunView>,
}

type RunView = (Vec<StepExecution>, Vec<EventRecord>, Vec<(Seq, Payload)>);

async fn view(store: &(impl Runs + RunLeases)) -> Result<View, StoreError> {
    let (mut lists, mut runs) = (Vec::new(), Vec::new());
    for (sort, order) in [(RunSort::CreatedAt, SortOrder::Ascending), (RunSort::UpdatedAt, SortOrder::Descending)] {
        for filter in filters() {
            lists.push(store.list(&filter, sort, order, all()).await?);
            let mut next = Some(page(1, 1));
            while let Some(asked) = next {
                let found = store.list(&filter, sort, order, asked).await?;
                next = found.next.clone().and_then(|next| PageRequest::after(next, 1));
                lists.push(found);
            }
        }
    }
    for run in RUNS.map(run_id) {
        let numbers: Vec<_> = (1..6).map(Seq::new).collect();
        runs.push((store.steps(&run).await?, store.history(&run).await?, store.outputs(&run, &numbers).await?));
    }
    Ok(View { owners: store.owners().await?, lists, runs })
}

/// Each case finds the tables empty; a database for each would take longer than the case.
const EMPTY: &str = "TRUNCATE workflow_runs, step_executions, run_heads, run_events, early_cancellations";

#[test]
fn the_same_steps_have_the_same_outcomes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = runtime.block_on(stores::migrated());
    let store = runtime.block_on(stores::open(&database));
    let case = |steps: Vec<Step>| {
        let memory = MemoryStore::new();
        runtime.block_on(async {
            database.run(EMPTY).await;
            for step in &steps {
                let expected = take(&memory, step).await.expect("memory works");
                prop_assert_eq!(take(&store, step).await.expect("the store works"), expected, "{:?}", step);
            }
            let expected = view(&memory).await.expect("memory works");
            prop_assert_eq!(view(&store).await.expect("the store works"), expected);
            Ok(())
        })
    };
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&proptest::collection::vec(a_step(), 1..24), case)
        .unwrap_or_else(|error| panic!("{error}"));
}
