//! Follows the feed of runs for all who follow it at this process: one reader, four times a second and only while somebody follows. What
//! it has read lately is at hand; who comes back from farther ago reads the store until it has caught up.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    ids::FeedPlace,
    ports::{FeedSlice, FeedWatch, FollowedFeed, RunFeed, StoreError},
    runs::RunChange,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How often the feed is read.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How soon it is read again after this process has changed something.
const AT_LEAST: Duration = Duration::from_millis(20);

/// How long the store is left alone after it could not answer.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// How many changes are read at once.
const SLICE: usize = 500;

/// How many changes are at hand.
const AT_HAND: usize = 10_000;

/// The reader of a process. Clones share it.
#[derive(Clone)]
pub struct FeedHub {
    shared: Arc<Shared>,
}

struct Shared {
    feed: Arc<dyn RunFeed>,
    recent: Mutex<Option<Recent>>,
    /// Up to where the feed was read, for those who wait.
    read_to: watch::Sender<Option<FeedPlace>>,
    followers: AtomicUsize,
    wake: Notify,
}

/// All changes between two places.
struct Recent {
    from: FeedPlace,
    to: FeedPlace,
    changes: VecDeque<RunChange>,
}

impl Recent {
    fn add(&mut self, changes: Vec<RunChange>) {
        self.to = changes.last().map_or(self.to, |last| last.place);
        self.changes.extend(changes);
        while self.changes.len() > AT_HAND {
            self.from = self.changes.pop_front().map_or(self.from, |first| first.place);
        }
    }

    /// The changes after a place, if they are at hand.
    fn after(&self, place: FeedPlace, limit: usize) -> Option<Vec<RunChange>> {
        if place < self.from {
            return None;
        }
        let first = self.changes.partition_point(|change| change.place <= place);
        Some(self.changes.iter().skip(first).take(limit).cloned().collect())
    }
}

impl FeedHub {
    /// A reader of a feed. It reads nothing until [`FeedHub::run`] runs.
    pub fn new(feed: Arc<dyn RunFeed>) -> Self {
        let (recent, read_to) = (Mutex::new(None), watch::Sender::new(None));
        let shared = Shared { feed, recent, read_to, followers: AtomicUsize::new(0), wake: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Reads for as long as it is not told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut next = Instant::now();
        let mut failing = false;
        loop {
            let follows = self.shared.followers.load(Ordering::Relaxed) > 0;
            if !follows {
                // It would have to be read on to stay whole.
                self.shared.lock().take();
                self.shared.read_to.send_replace(None);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.shared.wake.notified() => {
                    next = next.min(Instant::now() + AT_LEAST);
                    continue;
                }
                () = tokio::time::sleep_until(next), if follows => {}
            }
            let answer = self.look().await;
            next = Instant::now() + if answer.is_ok() { LOOK_EVERY } else { LEAVE_ALONE };
            match answer {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the feed of runs cannot be read for those who follow it; trying again");
                }
                Err(_) => {}
            }
        }
    }

    /// A run may have changed its status.
    pub(crate) fn changed(&self) {
        if self.shared.followers.load(Ordering::Relaxed) > 0 {
            self.shared.wake.notify_one();
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let known = self.shared.lock().as_ref().map(|recent| recent.to);
        let mut place = if let Some(place) = known {
            place
        } else {
            let end = self.shared.feed.end().await?;
            *self.shared.lock() = Some(Recent { from: end, to: end, changes: VecDeque::new() });
            end
        };
        loop {
            let FeedSlice { changes, .. } = self.shared.feed.after(place, SLICE).await?;
            let is_all = changes.len() < SLICE;
            if let Some(recent) = self.shared.lock().as_mut() {
                recent.add(changes);
                place = recent.to;
            }
            self.shared.read_to.send_if_modified(|read_to| read_to.replace(place) != Some(place));
            if is_all {
                return Ok(());
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Recent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FeedWatch for FeedHub {
    fn follow(&self) -> Box<dyn FollowedFeed> {
        self.shared.followers.fetch_add(1, Ordering::Relaxed);
        self.shared.wake.notify_one();
        Box::new(Follower { shared: Arc::clone(&self.shared), read_to: self.shared.read_to.subscribe() })
    }
}

struct Follower {
    shared: Arc<Shared>,
    read_to: watch::Receiver<Option<FeedPlace>>,
}

impl Follower {
    /// What is at hand after a place; nothing where that was too long ago, or nothing is at hand yet.
    fn at_hand(&self, place: FeedPlace, limit: usize) -> Option<Vec<RunChange>> {
        self.shared.lock().as_ref().and_then(|recent| recent.after(place, limit))
    }
}

#[async_trait]
impl FollowedFeed for Follower {
    async fn after(&mut self, place: FeedPlace, limit: usize) -> Result<FeedSlice, StoreError> {
        loop {
            self.read_to.mark_unchanged();
            match self.at_hand(place, limit) {
                Some(changes) if !changes.is_empty() => return Ok(FeedSlice { changes, missed: false }),
                // The reader comes to it.
                Some(_) => {}
                None => {
                    let slice = self.shared.feed.after(place, limit).await?;
                    if !slice.changes.is_empty() || slice.missed {
                        return Ok(slice);
                    }
                }
            }
            // The sender lives as long as this.
            let _ = self.read_to.changed().await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if self.shared.followers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.shared.wake.notify_one();
        }
    }
}

#[cfg(test)]
#[path = "feeding_tests.rs"]
mod tests;
