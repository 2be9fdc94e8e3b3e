//! How long this process may believe that its runs are its own.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// The lease of this process, renewed by each good beat. Others take its runs over once a whole lease has passed without
/// one; calls end a quarter earlier, so that no call is begun that somebody else may be making already.
pub(crate) struct Lease {
    born: Instant,
    /// Milliseconds after `born`.
    good_until: AtomicU64,
    renewed: Notify,
}

impl Lease {
    /// A lease that nobody can take away: there is only this process.
    pub(crate) fn for_ever() -> Self {
        Self { born: Instant::now(), good_until: AtomicU64::new(u64::MAX), renewed: Notify::new() }
    }

    /// A lease that has yet to be renewed for the first time, and counts from a moment.
    pub(crate) fn expired(born: Instant) -> Self {
        Self { born, good_until: AtomicU64::new(0), renewed: Notify::new() }
    }

    /// A beat was good that was sent at this time.
    pub(crate) fn renew(&self, sent: Instant, lease: Duration) {
        let good_until = sent.saturating_duration_since(self.born) + lease * 3 / 4;
        self.good_until.store(millis(good_until), Ordering::Relaxed);
        self.renewed.notify_waiters();
    }

    /// Whether the lease holds now. The clock behind it goes on while the process is frozen.
    pub(crate) fn holds(&self) -> bool {
        self.holds_at(Instant::now())
    }

    /// Whether it holds at a moment that is not before its last renewal.
    pub(crate) fn holds_at(&self, now: Instant) -> bool {
        let good_until = self.good_until.load(Ordering::Relaxed);
        good_until == u64::MAX || millis(now.saturating_duration_since(self.born)) < good_until
    }

    /// Waits until it holds.
    pub(crate) async fn held(&self) {
        loop {
            // Before the look: a renewal in between would be missed.
            let renewed = self.renewed.notified();
            if self.holds() {
                return;
            }
            renewed.await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(4);

    #[test]
    fn a_lease_ends_a_quarter_before_others_take_over() {
        let lease = Lease::expired(Instant::now());
        assert!(!lease.holds());
        lease.renew(Instant::now(), LEASE);
        assert!(lease.holds());
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_millis(3001)) else { return };
        let lease = Lease::expired(long_ago);
        lease.renew(long_ago, LEASE);
        assert!(!lease.holds());
    }

    #[test]
    fn the_only_process_needs_no_beat() {
        assert!(Lease::for_ever().holds());
    }

    #[tokio::test]
    async fn whoever_waits_for_the_lease_goes_on_with_its_renewal() {
        let lease = Lease::expired(Instant::now());
        let renewal = async {
            tokio::task::yield_now().await;
            lease.renew(Instant::now(), LEASE);
        };
        tokio::join!(lease.held(), renewal);
    }
}
