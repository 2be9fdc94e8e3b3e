//! Who is dead: a member whose counter has not moved for a whole lease, by the observer's own monotonic clock, and only
//! while the observer reaches the store. Pure: signs and a time go in.

use std::{collections::HashMap, time::Duration};

use domain::{ids::ExecutorId, ports::LifeSign};
use tokio::time::Instant;

/// Watches the counters of all members.
#[derive(Debug)]
pub struct Observer {
    lease: Duration,
    seen: HashMap<ExecutorId, (u64, Instant)>,
    looked_at: Option<Instant>,
}

impl Observer {
    /// Nobody has been seen so far.
    pub fn new(lease: Duration) -> Self {
        Self { lease, seen: HashMap::new(), looked_at: None }
    }

    /// Looks at the signs of life, and answers those whose members are dead.
    ///
    /// Whoever could not look for half a lease, because the store was away or the observer itself was frozen, has no right to
    /// judge: everybody gets a whole lease anew.
    pub fn look(&mut self, signs: &[LifeSign], now: Instant) -> Vec<LifeSign> {
        let gap = self.looked_at.map(|before| now.saturating_duration_since(before));
        if gap.is_none_or(|gap| gap > self.lease / 2) {
            self.seen.clear();
        }
        self.looked_at = Some(now);
        self.seen.retain(|member, _| signs.iter().any(|sign| sign.member == *member));
        let mut dead = Vec::new();
        for sign in signs {
            let (beat, since) = self.seen.entry(sign.member).or_insert((sign.beat, now));
            if *beat != sign.beat {
                (*beat, *since) = (sign.beat, now);
            } else if now.saturating_duration_since(*since) >= self.lease {
                dead.push(*sign);
            }
        }
        dead
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{Duties, Requests};
    use proptest::prelude::*;

    use super::*;

    const LEASE: Duration = Duration::from_secs(6);

    fn sign(member: u128, beat: u64) -> LifeSign {
        let duties = Duties { executes: true, relays: false, requests: Requests::Ignores };
        LifeSign { member: ExecutorId::new(uuid::Uuid::from_u128(member)), duties, beat }
    }

    #[test]
    fn a_counter_that_stands_still_for_a_lease_is_a_death() {
        let (mut observer, start) = (Observer::new(LEASE), Instant::now());
        for second in 0..6 {
            assert_eq!(observer.look(&[sign(1, 7), sign(2, second)], start + Duration::from_secs(second)), []);
        }
        assert_eq!(observer.look(&[sign(1, 7), sign(2, 6)], start + LEASE), [sign(1, 7)]);
    }

    #[test]
    fn after_an_outage_of_the_store_everybody_gets_a_whole_lease() {
        let (mut observer, start) = (Observer::new(LEASE), Instant::now());
        observer.look(&[sign(1, 7)], start);
        for second in 18..24 {
            assert_eq!(observer.look(&[sign(1, 7)], start + Duration::from_secs(second)), [], "after {second} s");
        }
        assert_eq!(observer.look(&[sign(1, 7)], start + Duration::from_secs(24)), [sign(1, 7)]);
    }

    #[test]
    fn a_member_that_comes_back_begins_anew() {
        let (mut observer, start) = (Observer::new(LEASE), Instant::now());
        for second in 0..12 {
            let signs = if second == 5 { vec![] } else { vec![sign(1, 7)] };
            let dead = observer.look(&signs, start + Duration::from_secs(second));
            assert_eq!(dead, [], "after {second} s");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_dead_who_has_beaten_within_a_lease(looks in prop::collection::vec((1_u64..9000, any::<bool>()), 1..60)) {
            let (mut observer, mut now, mut beat) = (Observer::new(LEASE), Instant::now(), 0);
            let mut beaten_at = now;
            for (millis, beats) in looks {
                now += Duration::from_millis(millis);
                if beats {
                    (beat, beaten_at) = (beat + 1, now);
                }
                let dead = observer.look(&[sign(1, beat)], now);
                prop_assert!(dead.is_empty() || now - beaten_at >= LEASE);
            }
        }
    }
}
