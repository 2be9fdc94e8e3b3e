//! The one writer of run commits in a process: takes what is queued, commits it as one batch, takes what has gathered.
//!
//! It never waits for company: an idle system commits at once, a busy one shares each fsync among many runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    ports::{NoSpans, Overloaded, RunJournal, RunWriter, Spans, StoreError, Then},
    runs::{CommitOutcome, RunCommit},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{FeedHub, WatchHub, telling};

/// The most commits in a batch.
const BATCH: usize = 512;

/// The most payload bytes in a batch, unless a single commit carries more.
const BATCH_BYTES: usize = 4 << 20;

/// How long the store may take for a batch; what it may have done by then is found out by sending the same batch again.
const PATIENCE: Duration = Duration::from_secs(40);

/// How many commits of use cases may wait. An executor's own are bounded by the runs it owns.
const WAITING: usize = 2048;

/// A commit with a large payload takes several places: one, and one more for each of these.
const BYTES_PER_PLACE: usize = 64 << 10;

/// Who is told of what this process writes.
#[derive(Clone)]
pub struct Watchers {
    /// Those who follow a run.
    pub runs: WatchHub,
    /// Those who follow all runs.
    pub feed: FeedHub,
}

impl Watchers {
    /// Only of what is durable.
    fn tell(&self, commits: &[RunCommit], outcomes: &[CommitOutcome]) {
        for (commit, outcome) in commits.iter().zip(outcomes) {
            if matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied) {
                self.runs.committed(commit);
            }
        }
        self.feed.changed();
    }
}

/// The queue before the writer. Cheap to clone.
#[derive(Clone)]
pub struct CommitQueue {
    failing: Arc<AtomicBool>,
    queue: mpsc::UnboundedSender<(RunCommit, Then)>,
    waiting: Arc<Semaphore>,
}

impl CommitQueue {
    /// A queue, and its writer as a future to be spawned; the writer ends when all queues are gone and everything is written.
    pub fn new(journal: Arc<dyn RunJournal>) -> (Self, impl Future<Output = ()> + Send) {
        Self::telling(journal, None, Arc::new(NoSpans))
    }

    /// The same; those who watch are told of what is written, and so are those who follow traces.
    pub fn telling(
        journal: Arc<dyn RunJournal>,
        watchers: Option<Watchers>,
        spans: Arc<dyn Spans>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, queued) = mpsc::unbounded_channel();
        let failing = Arc::new(AtomicBool::new(false));
        let writer = write_all(journal, queued, Arc::clone(&failing), watchers, spans);
        (Self { failing, queue, waiting: Arc::new(Semaphore::new(WAITING)) }, writer)
    }

    /// Whether the last attempt to write failed, so that nothing can be made durable at the moment.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Queues a commit of the executor.
    pub(crate) fn submit(&self, commit: RunCommit, done: impl FnOnce(CommitOutcome) + Send + 'static) {
        // Fails only when the writer has ended, which is when the process does.
        let _ = self.queue.send((commit, Box::new(done)));
    }
}

#[async_trait]
impl RunWriter for CommitQueue {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        // What waits behind a store that cannot write would be answered nobody knows when.
        if self.is_failing() {
            return Err(Overloaded);
        }
        let places = 1 + u32::try_from(commit.weight() / BYTES_PER_PLACE).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.waiting).try_acquire_many_owned(places).map_err(|_| Overloaded)?;
        let (answer, outcome) = oneshot::channel();
        self.submit(commit, |outcome| {
            // The place is the commit's, not the caller's: who hangs up frees none.
            drop(places);
            then(outcome);
            // The caller may have hung up; the commit is durable all the same.
            let _ = answer.send(outcome);
        });
        outcome.await.map_err(|_| Overloaded)
    }
}

async fn write_all(
    journal: Arc<dyn RunJournal>,
    mut queued: mpsc::UnboundedReceiver<(RunCommit, Then)>,
    failing: Arc<AtomicBool>,
    watchers: Option<Watchers>,
    spans: Arc<dyn Spans>,
) {
    let mut taken = Vec::with_capacity(BATCH);
    while queued.recv_many(&mut taken, BATCH).await > 0 {
        while !taken.is_empty() {
            let (commits, done): (Vec<_>, Vec<_>) = taken.drain(..fitting(&taken)).unzip();
            let commits: Arc<[RunCommit]> = commits.into();
            let started = Instant::now();
            let outcomes = write(&*journal, &commits, &failing).await;
            metrics::histogram!("orrery_commit_duration_seconds").record(started.elapsed());
            telling::tell(&commits, &outcomes, &*spans);
            if let Some(watchers) = &watchers {
                watchers.tell(&commits, &outcomes);
            }
            done.into_iter().zip(outcomes).for_each(|(done, outcome)| done(outcome));
        }
    }
}

/// How many of the commits fit into one batch; at least one.
fn fitting(taken: &[(RunCommit, Then)]) -> usize {
    let mut bytes = 0;
    let fits = taken.iter().take_while(|(commit, _)| {
        let before = bytes;
        bytes += commit.weight();
        before == 0 || bytes <= BATCH_BYTES
    });
    fits.count()
}

/// Writes a batch until its outcome is known. Sending the same commits again is harmless: the store recognises them.
async fn write(journal: &dyn RunJournal, commits: &Arc<[RunCommit]>, failing: &AtomicBool) -> Vec<CommitOutcome> {
    let mut wait = Duration::from_millis(20);
    loop {
        // A connection whose other end is gone without a word would be waited for much longer.
        let answer = tokio::time::timeout(PATIENCE, journal.commit(Arc::clone(commits))).await;
        match answer.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned()))) {
            Ok(outcomes) => {
                failing.store(false, Ordering::Relaxed);
                return outcomes;
            }
            Err(error) => {
                tracing::error!(%error, commits = commits.len(), "run commits could not be written; trying again");
                failing.store(true, Ordering::Relaxed);
                metrics::counter!("orrery_commit_errors_total").increment(1);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(2));
            }
        }
    }
}
