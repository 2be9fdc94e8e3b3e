//! Watches runs for those who follow them: one question to the store for all watched runs, four times a second and only while
//! somebody watches. Of what this process commits itself, the watchers are told at once.
//!
//! It knows no events: what has happened is read by whoever wants to know it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    ids::{RunId, Seq},
    ports::{RunWatch, Runs, StoreError, WatchedRun},
    runs::{RunCommit, RunTip, StartRun},
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How often the store is asked.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long it is left alone after it could not answer.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// How many runs are asked after in one question.
const SLICE: usize = 500;

/// The watch of a process. Clones share it.
#[derive(Clone)]
pub struct WatchHub {
    shared: Arc<Shared>,
}

struct Shared {
    runs: Arc<dyn Runs>,
    watched: Mutex<Watched>,
    /// How many runs are watched, to be known without the lock: the writer asks for every commit.
    count: AtomicUsize,
    /// Somebody has begun to watch, or a run is to be looked at now.
    wake: Notify,
}

#[derive(Default)]
struct Watched {
    runs: HashMap<RunId, Entry>,
    /// Runs that have moved to where only the store knows.
    urgent: HashSet<RunId>,
}

struct Entry {
    tip: watch::Sender<Option<RunTip>>,
    watchers: usize,
}

impl WatchHub {
    /// A watch over a store. It asks nothing until [`WatchHub::run`] runs.
    pub fn new(runs: Arc<dyn Runs>) -> Self {
        let shared = Shared { runs, watched: Mutex::default(), count: AtomicUsize::new(0), wake: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Asks the store for as long as it is not told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut next = Instant::now();
        let mut failing = false;
        loop {
            let all = tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.wake.notified() => false,
                () = tokio::time::sleep_until(next), if self.is_watching() => true,
            };
            let answer = self.look(all).await;
            match &answer {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "it cannot be seen how the runs that are followed get on; trying again");
                }
                Err(_) => {}
            }
            if all {
                next = Instant::now() + if answer.is_ok() { LOOK_EVERY } else { LEAVE_ALONE };
            }
        }
    }

    /// Tells the watchers of a run that this commit of it is durable.
    pub(crate) fn committed(&self, commit: &RunCommit) {
        if !self.is_watching() {
            return;
        }
        match commit {
            RunCommit::Start(start) => self.started(start),
            RunCommit::Advance(advance) => {
                let last = Seq::new(advance.seq.get() + advance.events.len() as u64);
                let status = advance.update.as_ref().map(|update| update.status);
                let mut watched = self.shared.lock();
                let known = watched.runs.get(&advance.run).map(|entry| *entry.tip.borrow());
                // Who was over and moves was resumed meanwhile, and its row has another status.
                let live = known.flatten().map(|tip| tip.status).filter(|status| !status.is_terminal());
                match (known, status.or(live)) {
                    (None, _) => {}
                    (Some(_), Some(status)) => watched.tell(&advance.run, RunTip { last, status }),
                    // The commit does not say, and nobody has asked for it yet.
                    (Some(_), None) => self.look_soon(&mut watched, &advance.run),
                }
                drop(watched);
                advance.outward.children.iter().for_each(|child| self.started(child));
            }
            // Their numbers are the store's.
            RunCommit::Cancel(_) | RunCommit::Resume(_) | RunCommit::Adopt(_) => {
                self.look_soon(&mut self.shared.lock(), commit.run());
            }
        }
    }

    fn started(&self, start: &StartRun) {
        let tip = RunTip { last: Seq::new(start.events.len() as u64), status: start.status };
        self.shared.lock().tell(&start.run, tip);
    }

    fn look_soon(&self, watched: &mut Watched, run: &RunId) {
        if watched.runs.contains_key(run) {
            watched.urgent.insert(run.clone());
            self.shared.wake.notify_one();
        }
    }

    fn is_watching(&self) -> bool {
        self.shared.count.load(Ordering::Relaxed) > 0
    }

    /// Asks after all watched runs, or after the urgent ones.
    async fn look(&self, all: bool) -> Result<(), StoreError> {
        let asked: Vec<RunId> = {
            let mut watched = self.shared.lock();
            let urgent = std::mem::take(&mut watched.urgent);
            if all { watched.runs.keys().cloned().collect() } else { urgent.into_iter().collect() }
        };
        for runs in asked.chunks(SLICE) {
            let tips = self.shared.runs.tips(runs).await?;
            let watched = self.shared.lock();
            for (run, tip) in &tips {
                watched.tell(run, *tip);
            }
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// What is told may be older than what is known: a question to the store can be overtaken by a commit.
    fn tell(&self, run: &RunId, tip: RunTip) {
        let Some(entry) = self.runs.get(run) else { return };
        entry.tip.send_if_modified(|known| {
            let news = known.is_none_or(|known| is_news(known, tip));
            if news {
                *known = Some(tip);
            }
            news
        });
    }
}

/// Whether somebody who knows one tip has to be told the other.
fn is_news(known: RunTip, told: RunTip) -> bool {
    told.last > known.last || told.last == known.last && told.status != known.status
}

impl RunWatch for WatchHub {
    fn watch(&self, run: &RunId) -> Box<dyn WatchedRun> {
        let mut watched = self.shared.lock();
        let entry =
            watched.runs.entry(run.clone()).or_insert_with(|| Entry { tip: watch::Sender::new(None), watchers: 0 });
        entry.watchers += 1;
        let tip = entry.tip.subscribe();
        self.shared.count.store(watched.runs.len(), Ordering::Relaxed);
        drop(watched);
        self.shared.wake.notify_one();
        Box::new(Watcher { shared: Arc::clone(&self.shared), run: run.clone(), tip })
    }
}

struct Watcher {
    shared: Arc<Shared>,
    run: RunId,
    tip: watch::Receiver<Option<RunTip>>,
}

#[async_trait]
impl WatchedRun for Watcher {
    async fn moved(&mut self, known: RunTip) -> RunTip {
        let news = |tip: &Option<RunTip>| tip.is_some_and(|tip| is_news(known, tip));
        let told = self.tip.wait_for(news).await.map(|tip| *tip);
        match told {
            Ok(Some(tip)) => tip,
            // The sender lives in the table for as long as somebody watches, which this one does.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watched = self.shared.lock();
        if let Some(entry) = watched.runs.get_mut(&self.run) {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                watched.runs.remove(&self.run);
                watched.urgent.remove(&self.run);
            }
        }
        self.shared.count.store(watched.runs.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "watching_tests.rs"]
mod tests;
