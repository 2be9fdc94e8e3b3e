//! The watch, in virtual time, over a store that only says where runs stand and how often it was asked.

use std::sync::atomic::AtomicU64;

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, PlanHash},
    ports::MockRuns,
    runs::{AdvanceRun, CancelRun, Outward, RunEvent, RunOrigin, RunStatus, RunUpdate, Wake},
};
use uuid::Uuid;

use super::*;

/// Where runs stand, and how often that was asked.
#[derive(Default)]
struct Table {
    tips: Mutex<HashMap<RunId, RunTip>>,
    questions: AtomicU64,
    away: std::sync::atomic::AtomicBool,
}

impl Table {
    fn set(&self, run: &RunId, last: u64, status: RunStatus) {
        self.tips.lock().expect("not poisoned").insert(run.clone(), tip(last, status));
    }

    fn questions(&self) -> u64 {
        self.questions.load(Ordering::Relaxed)
    }
}

fn run(name: &str) -> RunId {
    RunId::parse(name).expect("a run id")
}

fn tip(last: u64, status: RunStatus) -> RunTip {
    RunTip { last: Seq::new(last), status }
}

fn running() -> (Arc<Table>, WatchHub) {
    let table = Arc::new(Table::default());
    let (asked, mut runs) = (table.clone(), MockRuns::new());
    runs.expect_tips().returning(move |runs| {
        asked.questions.fetch_add(1, Ordering::Relaxed);
        if asked.away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".to_owned()));
        }
        let tips = asked.tips.lock().expect("not poisoned");
        Ok(runs.iter().filter_map(|run| Some((run.clone(), *tips.get(run)?))).collect())
    });
    let hub = WatchHub::new(Arc::new(runs));
    // Ends with the test's runtime.
    drop(tokio::task::spawn_local(hub.clone().run(CancellationToken::new())));
    (table, hub)
}

/// Runs a test with what it spawns on this thread.
async fn here(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

fn advance(run: &RunId, seq: u64, status: Option<RunStatus>) -> RunCommit {
    RunCommit::Advance(AdvanceRun {
        drained: Vec::new(),
        commit: CommitId::new(Uuid::nil()),
        run: run.clone(),
        epoch: Epoch::new(1),
        seq: Seq::new(seq),
        at: Timestamp::UNIX_EPOCH,
        origin: RunOrigin { from: None, since: Timestamp::UNIX_EPOCH },
        events: vec![RunEvent::Started { plan: PlanHash::new([0; 32]), parent: None, starts_at: None, trace: None }; 2],
        closed: Vec::new(),
        update: status.map(|status| RunUpdate::to(status, None)),
        wake: Wake::Owned,
        outward: Outward::default(),
    })
}

const MOMENT: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_only_while_somebody_watches() {
    here(async {
        let (table, hub) = running();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(table.questions(), 0);
        let watched = hub.watch(&run("r"));
        tokio::time::sleep(Duration::from_secs(10)).await;
        let asked = table.questions();
        assert!((40..=42).contains(&asked), "four times a second: {asked}");
        drop(watched);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(table.questions() <= asked + 1, "nobody watches any more");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn all_watched_runs_are_one_question_however_many_watch_them() {
    here(async {
        let (table, hub) = running();
        let watched: Vec<_> = (0..200).map(|n| hub.watch(&run(&format!("r{}", n % 50)))).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(table.questions() <= 5, "{}", table.questions());
        drop(watched);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_process_moves_is_told_of_at_the_next_look() {
    here(async {
        let (table, hub) = running();
        table.set(&run("r"), 1, RunStatus::Pending);
        let mut watched = hub.watch(&run("r"));
        let known = tip(1, RunStatus::Pending);
        assert!(tokio::time::timeout(Duration::from_secs(5), watched.moved(known)).await.is_err(), "it has not moved");
        table.set(&run("r"), 4, RunStatus::Running);
        let told = tokio::time::timeout(LOOK_EVERY + MOMENT, watched.moved(known)).await;
        assert_eq!(told.expect("within a look"), tip(4, RunStatus::Running));
        // One of the existing system's: another status and no event.
        table.set(&run("r"), 4, RunStatus::Completed);
        let told = watched.moved(tip(4, RunStatus::Running)).await;
        assert_eq!(told, tip(4, RunStatus::Completed));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_this_process_commits_is_told_at_once() {
    here(async {
        let (table, hub) = running();
        table.set(&run("r"), 3, RunStatus::Running);
        let mut watched = hub.watch(&run("r"));
        tokio::time::sleep(LOOK_EVERY / 2).await;
        let asked = table.questions();
        hub.committed(&advance(&run("r"), 3, None));
        let told = tokio::time::timeout(MOMENT, watched.moved(tip(3, RunStatus::Running))).await;
        assert_eq!(told.expect("at once"), tip(5, RunStatus::Running));
        hub.committed(&advance(&run("r"), 5, Some(RunStatus::Completed)));
        let told = tokio::time::timeout(MOMENT, watched.moved(tip(5, RunStatus::Running))).await;
        assert_eq!(told.expect("at once"), tip(7, RunStatus::Completed));
        assert_eq!(table.questions(), asked, "the store was not asked for it");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_commit_does_not_say_is_asked_for_at_once() {
    here(async {
        let (table, hub) = running();
        table.set(&run("r"), 3, RunStatus::Failed);
        let mut watched = hub.watch(&run("r"));
        tokio::time::sleep(MOMENT).await;
        // Resumed elsewhere, and moved on here: its status is not the one that was known.
        table.set(&run("r"), 6, RunStatus::Running);
        hub.committed(&advance(&run("r"), 4, None));
        let told = tokio::time::timeout(MOMENT, watched.moved(tip(3, RunStatus::Failed))).await;
        assert_eq!(told.expect("at once"), tip(6, RunStatus::Running));
        table.set(&run("r"), 7, RunStatus::Cancelled);
        hub.committed(&RunCommit::Cancel(CancelRun {
            ahead: false,
            commit: CommitId::new(Uuid::nil()),
            run: run("r"),
            at: Timestamp::UNIX_EPOCH,
            by: "somebody".to_owned(),
            reason: None,
            from: None,
            audit: None,
        }));
        let told = tokio::time::timeout(MOMENT, watched.moved(tip(6, RunStatus::Running))).await;
        assert_eq!(told.expect("at once"), tip(7, RunStatus::Cancelled));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_commit_has_overtaken_is_no_news() {
    here(async {
        let (table, hub) = running();
        table.set(&run("r"), 3, RunStatus::Running);
        let mut watched = hub.watch(&run("r"));
        tokio::time::sleep(MOMENT).await;
        hub.committed(&advance(&run("r"), 3, None));
        // The table still says 3.
        let known = watched.moved(tip(3, RunStatus::Running)).await;
        assert!(tokio::time::timeout(Duration::from_secs(2), watched.moved(known)).await.is_err());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_is_asked_again() {
    here(async {
        let (table, hub) = running();
        let mut watched = hub.watch(&run("r"));
        table.away.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(table.questions() <= 12, "it is left alone in between: {}", table.questions());
        table.set(&run("r"), 9, RunStatus::Running);
        table.away.store(false, Ordering::Relaxed);
        let told = tokio::time::timeout(LEAVE_ALONE + MOMENT, watched.moved(tip(1, RunStatus::Pending))).await;
        assert_eq!(told.expect("as soon as it is back"), tip(9, RunStatus::Running));
    })
    .await;
}
