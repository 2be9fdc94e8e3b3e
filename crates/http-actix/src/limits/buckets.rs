//! A token bucket for each client, in bounded memory.
//!
//! What is kept of a client is one number. Buckets that have filled up again are dropped when room is needed, for a new one is
//! as full as they. If the room is still taken, whoever is new shares one bucket with everybody else who is new: an attack
//! from a million addresses is one client then, and those who were here before keep their own.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    NotUntil, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    nanos::Nanos,
    state::StateStore,
};

use super::Rate;

/// How many parts the table has, so that workers seldom wait for each other, and how many clients each part keeps.
const SHARDS: usize = 64;
const MOST_PER_SHARD: usize = 1024;
/// How many new clients a full part takes in before it looks for room again: looking goes over all of it.
const LOOK_AFTER: usize = 128;

/// Where a client stands with one of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The name of the limit.
    pub(crate) policy: &'static str,
    /// How many requests may come at once.
    pub(crate) quota: u32,
    /// The time in which an empty bucket fills.
    pub(crate) window: Duration,
    /// How many may come now.
    pub(crate) remaining: u32,
    /// The time until the bucket is full, if nothing is asked.
    pub(crate) full_in: Duration,
}

/// One more request than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Where the client stands.
    pub(crate) standing: Standing,
    /// The time until the next one is taken.
    pub(crate) wait: Duration,
}

/// The buckets of one limit.
pub(super) struct Buckets<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    policy: &'static str,
    rate: Rate,
    limiter: RateLimiter<K, Table<K>, C, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(policy: &'static str, rate: Rate) -> Self {
        Self::with_clock(policy, rate, DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone, C: Clock> Buckets<K, C> {
    fn with_clock(policy: &'static str, rate: Rate, clock: C) -> Self {
        let limiter = RateLimiter::new(rate.quota(), Table::new(rate.period()), clock);
        Self { policy, rate, limiter }
    }

    /// Takes one from the bucket of a client.
    pub(super) fn take(&self, key: &K) -> Result<Standing, TooMany> {
        match self.limiter.check_key(key) {
            Ok(snapshot) => Ok(self.standing(&snapshot)),
            Err(not_yet) => Err(self.too_many(&not_yet)),
        }
    }

    fn standing(&self, snapshot: &StateSnapshot) -> Standing {
        self.with_remaining(snapshot.remaining_burst_capacity())
    }

    fn too_many(&self, not_yet: &NotUntil<C::Instant>) -> TooMany {
        TooMany { standing: self.with_remaining(0), wait: not_yet.wait_time_from(self.limiter.clock().now()) }
    }

    fn with_remaining(&self, remaining: u32) -> Standing {
        Standing {
            policy: self.policy,
            quota: self.rate.burst(),
            window: self.rate.window(),
            remaining,
            full_in: self.rate.period() * self.rate.burst().saturating_sub(remaining),
        }
    }
}

/// When each client's bucket will be full, which is all that a bucket is.
struct Table<K> {
    shards: Box<[Mutex<Shard<K>>]>,
    hasher: RandomState,
    /// The time in which one more comes back.
    period: Nanos,
}

struct Shard<K> {
    known: HashMap<K, Nanos>,
    /// The bucket of all who found no room.
    crowd: Option<Nanos>,
    /// How many have found none since room was looked for.
    turned_away: usize,
}

impl<K> Table<K> {
    fn new(period: Duration) -> Self {
        let shard = |_| Mutex::new(Shard { known: HashMap::new(), crowd: None, turned_away: LOOK_AFTER });
        Self { shards: (0..SHARDS).map(shard).collect(), hasher: RandomState::new(), period: period.into() }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Table<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[hash].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = shard.known.get_mut(key) {
            let (outcome, later) = f(Some(*full_at))?;
            *full_at = later;
            return Ok(outcome);
        }
        let (outcome, full_at) = f(None)?;
        // One was taken from a full bucket just now.
        if shard.has_room(full_at.saturating_sub(self.period)) {
            shard.known.insert(key.clone(), full_at);
            return Ok(outcome);
        }
        let (outcome, later) = f(shard.crowd)?;
        shard.crowd = Some(later);
        Ok(outcome)
    }
}

impl<K: Hash + Eq> Shard<K> {
    /// Whether one more client can be kept. A bucket that is full is like a new one, and needs not be.
    fn has_room(&mut self, now: Nanos) -> bool {
        if self.known.len() < MOST_PER_SHARD {
            return true;
        }
        self.turned_away += 1;
        if self.turned_away < LOOK_AFTER {
            return false;
        }
        self.turned_away = 0;
        self.known.retain(|_, full_at| *full_at > now);
        self.known.len() < MOST_PER_SHARD
    }
}

/// For texts such as "in 3 s": what is left of a second counts as one.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn buckets(rate: &str) -> (Buckets<u32, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Buckets::with_clock("test", rate.parse().expect("a rate"), clock.clone()), clock)
    }

    fn kept(buckets: Buckets<u32, FakeRelativeClock>) -> usize {
        let table = buckets.limiter.into_state_store();
        table.shards.iter().map(|shard| shard.lock().expect("no panic").known.len()).sum()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (buckets, clock) = buckets("2/s,3");
        let left: Vec<_> = (0..3).map(|_| buckets.take(&1).expect("a burst").remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = buckets.take(&1).expect_err("one too many");
        assert_eq!((refused.wait, refused.standing.remaining), (Duration::from_millis(500), 0));
        assert_eq!(refused.standing.full_in, Duration::from_millis(1500));
        clock.advance(Duration::from_millis(500));
        assert!(buckets.take(&1).is_ok());
        assert!(buckets.take(&1).is_err());
        assert!(buckets.take(&2).is_ok(), "another client has its own");
    }

    #[test]
    fn memory_is_bounded_and_who_was_here_before_keeps_its_bucket() {
        let (buckets, clock) = buckets("1/h,2");
        assert!(buckets.take(&0).is_ok());
        let passed = (1..200_000).filter(|client| buckets.take(client).is_ok()).count();
        let most = SHARDS * MOST_PER_SHARD;
        // Each part's crowd had two.
        assert_eq!(passed, most - 1 + 2 * SHARDS);
        assert!(buckets.take(&0).is_ok() && buckets.take(&0).is_err());
        // When the buckets have filled up, there is room again.
        clock.advance(Duration::from_hours(3));
        let passed = (300_000..350_000).filter(|client| buckets.take(client).is_ok()).count();
        assert!(passed > 40_000, "{passed}");
        assert!(kept(buckets) <= most);
    }
}
