//! The time of a store that several processes share, carried on by this process's monotonic clock between two readings: no
//! matter how wrong the machine's own clock is, all processes decide by one time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    Timestamp,
    ports::{Clock, StoreError, StoreTime},
};
use tokio_util::sync::CancellationToken;

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(2);

/// A reading that took longer than this says too little.
const PROMPT: Duration = Duration::from_millis(500);

/// The clock of processes on a shared store.
pub(super) struct SteeredClock {
    hand: Mutex<Hand>,
}

struct Hand {
    /// A moment, and what time it was by the store.
    read_at: Instant,
    told: Timestamp,
    /// The latest time that anybody was told here.
    latest: Timestamp,
}

impl SteeredClock {
    /// Reads the store's time; the first reading has to succeed.
    pub(super) async fn start(time: &dyn StoreTime) -> Result<Arc<Self>, StoreError> {
        let told = time.read().await?;
        Ok(Arc::new(Self { hand: Mutex::new(Hand { read_at: Instant::now(), told, latest: told }) }))
    }

    /// Keeps to the store's time until it is told to stop.
    pub(super) async fn keep(self: Arc<Self>, time: Arc<dyn StoreTime>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let asked = Instant::now();
            // What cannot be asked now is carried on from the last answer.
            if let Ok(told) = time.read().await
                && asked.elapsed() < PROMPT
            {
                self.steer(told, asked + asked.elapsed() / 2);
            }
        }
    }

    fn steer(&self, told: Timestamp, read_at: Instant) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        (hand.told, hand.read_at) = (told, read_at);
    }

    fn at(&self, moment: Instant) -> Timestamp {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        let since = moment.saturating_duration_since(hand.read_at);
        let since = chrono::TimeDelta::from_std(since).unwrap_or(chrono::TimeDelta::MAX);
        let now = hand.told.checked_add_signed(since).unwrap_or(Timestamp::MAX_UTC);
        hand.latest = hand.latest.max(now);
        hand.latest
    }
}

impl Clock for SteeredClock {
    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn between_two_readings_time_goes_on_and_never_back() {
        let start = Instant::now();
        let hand = Hand { read_at: start, told: at(1000), latest: at(1000) };
        let clock = SteeredClock { hand: Mutex::new(hand) };
        assert_eq!(clock.at(start + Duration::from_secs(3)), at(1003));
        clock.steer(at(1001), start + Duration::from_secs(3));
        assert_eq!(clock.at(start + Duration::from_secs(3)), at(1003), "it stands rather than going back");
        assert_eq!(clock.at(start + Duration::from_secs(6)), at(1004));
        clock.steer(at(9000), start + Duration::from_secs(7));
        assert_eq!(clock.at(start + Duration::from_secs(8)), at(9001));
    }
}
