//! The reader of the feed, in virtual time, over a feed that counts how often it is read.

use std::sync::atomic::AtomicU64;

use domain::{
    Timestamp,
    ids::{RunId, WorkflowRef},
    ports::MockRunFeed,
    runs::RunStatus,
};

use super::*;

/// A feed, and how often it was read.
#[derive(Default)]
struct Feed {
    changes: Mutex<Vec<RunChange>>,
    forgotten: AtomicU64,
    reads: AtomicU64,
}

impl Feed {
    fn add(&self, place: u64) {
        self.changes.lock().expect("not poisoned").push(RunChange {
            place: FeedPlace::new(place),
            at: Timestamp::UNIX_EPOCH,
            run: RunId::parse(&format!("r{place}")).expect("a run id"),
            workflow: WorkflowRef::from_text("w"),
            workflow_name: "w".to_owned(),
            status: RunStatus::Pending,
        });
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

fn running() -> (Arc<Feed>, FeedHub) {
    let feed = Arc::new(Feed::default());
    let mut port = MockRunFeed::new();
    let end = feed.clone();
    port.expect_end().returning(move || {
        let changes = end.changes.lock().expect("not poisoned");
        Ok(changes.last().map_or(FeedPlace::default(), |last| last.place))
    });
    let after = feed.clone();
    port.expect_after().returning(move |place, limit| {
        after.reads.fetch_add(1, Ordering::Relaxed);
        let changes = after.changes.lock().expect("not poisoned");
        let changes = changes.iter().filter(|change| change.place > place).take(limit).cloned().collect();
        Ok(FeedSlice { changes, missed: place.get() < after.forgotten.load(Ordering::Relaxed) })
    });
    let hub = FeedHub::new(Arc::new(port));
    // Ends with the test's runtime.
    drop(tokio::task::spawn_local(hub.clone().run(CancellationToken::new())));
    (feed, hub)
}

/// Runs a test with what it spawns on this thread.
async fn here(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

fn places(slice: &FeedSlice) -> Vec<u64> {
    slice.changes.iter().map(|change| change.place.get()).collect()
}

async fn soon(followed: &mut Box<dyn FollowedFeed>, after: u64) -> Vec<u64> {
    let slice = tokio::time::timeout(LOOK_EVERY * 2, followed.after(FeedPlace::new(after), 100)).await;
    places(&slice.expect("it is told soon").expect("the feed works"))
}

#[tokio::test(start_paused = true)]
async fn the_feed_is_read_once_for_all_who_follow_and_not_at_all_for_nobody() {
    here(async {
        let (feed, hub) = running();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(feed.reads(), 0);
        feed.add(3);
        let mut followers: Vec<_> = (0..100).map(|_| hub.follow()).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        feed.add(5);
        for follower in &mut followers {
            assert_eq!(soon(follower, 3).await, [5]);
        }
        assert!(feed.reads() <= 10, "{}", feed.reads());
        drop(followers);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let read = feed.reads();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(feed.reads(), read);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_this_process_may_have_changed_is_looked_at_at_once() {
    here(async {
        let (feed, hub) = running();
        let mut followed = hub.follow();
        tokio::time::sleep(LOOK_EVERY / 2).await;
        feed.add(1);
        hub.changed();
        let told = tokio::time::timeout(AT_LEAST * 2, followed.after(FeedPlace::default(), 10)).await;
        assert_eq!(places(&told.expect("at once").expect("the feed works")), [1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_from_farther_ago_than_is_at_hand_is_told_each_change_once() {
    here(async {
        let (feed, hub) = running();
        (1..=250).for_each(|place| feed.add(place));
        let mut followed = hub.follow();
        tokio::time::sleep(LOOK_EVERY).await;
        (251..=260).for_each(|place| feed.add(place));
        let (mut told, mut after) = (Vec::new(), 100);
        while after < 260 {
            told.extend(soon(&mut followed, after).await);
            after = *told.last().expect("something is told");
        }
        assert_eq!(told, (101..=260).collect::<Vec<_>>());
        let read = feed.reads();
        let more = tokio::time::timeout(Duration::from_secs(10), followed.after(FeedPlace::new(260), 10)).await;
        assert!(more.is_err(), "there is nothing more");
        assert!(feed.reads() - read <= 42, "who has caught up reads nothing by itself: {}", feed.reads() - read);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_forgotten_is_told() {
    here(async {
        let (feed, hub) = running();
        feed.add(9);
        feed.forgotten.store(5, Ordering::Relaxed);
        let mut followed = hub.follow();
        tokio::time::sleep(LOOK_EVERY).await;
        let slice = followed.after(FeedPlace::new(2), 10).await.expect("the feed works");
        assert!(slice.missed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn more_than_is_at_hand_can_be_followed_without_a_gap() {
    here(async {
        let (feed, hub) = running();
        let mut followed = hub.follow();
        tokio::time::sleep(LOOK_EVERY).await;
        let many = AT_HAND as u64 + 1_500;
        (1..=many).for_each(|place| feed.add(place));
        tokio::time::sleep(LOOK_EVERY * 2).await;
        let (mut next, mut after) = (1, 0);
        while after < many {
            for place in soon(&mut followed, after).await {
                assert_eq!(place, next, "each once and in order");
                (next, after) = (next + 1, place);
            }
        }
    })
    .await;
}
