//! This process as a member of the fleet: its identity and its lease, the heart that keeps both, and the watch over others.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::{
    ids::ExecutorId,
    ports::{Clock, Duties, Fleet, IdGenerator, LifeSign, Requests, RunLeases, StoreError},
};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{lease::Lease, observer::Observer};

/// How long a process may be silent before its work is given to others. They notice within a second after that, and give the
/// work back in slices: with this a dead executor's runs go on within about five seconds.
pub const LEASE: Duration = Duration::from_secs(4);

/// How many beats a lease has.
const BEATS: u32 = 6;

/// How many looks at the others a lease has: what passes between two of them comes on top of the lease of whoever is dead.
const LOOKS: u32 = 12;

/// What everybody in the process knows of its membership. Cheap to clone.
#[derive(Clone)]
pub struct Membership {
    identity: watch::Receiver<ExecutorId>,
    /// Kept by those who have no heart, so that their identity does not end.
    _alone: Option<Arc<watch::Sender<ExecutorId>>>,
    lease: Arc<Lease>,
}

/// What a heart needs.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct FleetPorts {
    pub fleet: Arc<dyn Fleet>,
    pub leases: Arc<dyn RunLeases>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// Why a process did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A living member does what must not be done beside this one's duties.
    #[error("{}, and {rival} does the opposite on the same database: two engines would take the same requests", what(*.requests))]
    Excluded {
        /// The member.
        rival: ExecutorId,
        /// What this process would have to do with requests.
        requests: Requests,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn what(requests: Requests) -> &'static str {
    match requests {
        Requests::Ignores => "this process has nothing to do with requests to execute runs",
        Requests::Takes => "this process takes requests to execute runs (--accept-requests false forbids it)",
        Requests::Makes => "this process has the existing executor asked to execute runs (--engine external)",
    }
}

/// Beats, and takes over what dead members leave.
pub struct Heart {
    ports: FleetPorts,
    duties: Duties,
    length: Duration,
    lease: Arc<Lease>,
    identity: watch::Sender<ExecutorId>,
    observer: Observer,
}

impl Membership {
    /// The only process on its store: nobody watches it, and it watches nobody.
    pub fn alone(me: ExecutorId) -> Self {
        let (sender, identity) = watch::channel(me);
        Self { identity, _alone: Some(Arc::new(sender)), lease: Arc::new(Lease::for_ever()) }
    }

    /// Joins the fleet. The membership lasts as long as the heart beats. A member that excludes this one is watched until its
    /// heart beats, or for a lease if it does not: perhaps nobody else is there to bury it.
    pub async fn join(ports: FleetPorts, duties: Duties, lease: Duration) -> Result<(Self, Heart), JoinError> {
        let me = ExecutorId::new(ports.ids.unique());
        let mut rivals = Observer::new(lease);
        let mut first_seen = HashMap::new();
        let sent = loop {
            let sent = Instant::now();
            let excluding = ports.fleet.join(me, duties).await?;
            if excluding.is_empty() {
                break sent;
            }
            for sign in &excluding {
                if *first_seen.entry(sign.member).or_insert(sign.beat) != sign.beat {
                    return Err(JoinError::Excluded { rival: sign.member, requests: duties.requests });
                }
            }
            for dead in rivals.look(&excluding, sent) {
                // What it owned is found by the heart: its owner is no member.
                ports.fleet.bury(dead).await?;
            }
            tokio::time::sleep(lease / BEATS / 2).await;
        };
        Ok(Self::entered(ports, duties, lease, me, sent))
    }

    /// The membership of an executor that the fleet has entered; `sent` is when it was asked to.
    pub fn entered(ports: FleetPorts, duties: Duties, lease: Duration, me: ExecutorId, sent: Instant) -> (Self, Heart) {
        let shared = Arc::new(Lease::expired(sent));
        shared.renew(sent, lease);
        let (sender, identity) = watch::channel(me);
        let membership = Self { identity, _alone: None, lease: Arc::clone(&shared) };
        let observer = Observer::new(lease);
        (membership, Heart { ports, duties, length: lease, lease: shared, identity: sender, observer })
    }

    /// Who this process is at the moment.
    pub fn me(&self) -> ExecutorId {
        *self.identity.borrow()
    }

    /// Whether this process may begin anything for what it owns.
    pub fn holds(&self) -> bool {
        self.lease.holds()
    }

    /// The same at a moment that is not before the last beat.
    pub fn holds_at(&self, now: Instant) -> bool {
        self.lease.holds_at(now)
    }

    /// Waits until this process has become somebody else: what it owned before is no longer its own.
    pub(crate) async fn reborn(&mut self) {
        if self.identity.changed().await.is_err() {
            // The heart has stopped, at the end of a drain: nothing changes any more.
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Heart {
    /// Beats until it is told to stop, then leaves the fleet. Whatever taking over takes, it keeps no beat waiting.
    pub async fn beat_on(mut self, stop: CancellationToken) {
        let observer = std::mem::replace(&mut self.observer, Observer::new(self.length));
        tokio::join!(self.keep_beating(&stop), stop.run_until_cancelled(self.keep_watch(observer)));
        let me = *self.identity.borrow();
        if let Err(error) = self.ports.fleet.leave(me).await {
            tracing::warn!(%error, "this process could not leave the fleet; others will find it silent");
        }
    }

    async fn keep_beating(&self, stop: &CancellationToken) {
        let mut beats = self.every(BEATS);
        while stop.run_until_cancelled(beats.tick()).await.is_some() {
            if let Err(error) = self.beat(Instant::now()).await {
                tracing::warn!(%error, "the heart could not beat; calls wait until it can");
            }
        }
    }

    /// Beats once, at this moment. Whoever finds that others have taken it for dead becomes somebody else.
    pub async fn beat(&self, sent: Instant) -> Result<(), StoreError> {
        let me = *self.identity.borrow();
        if self.ports.fleet.beat(me).await? {
            self.lease.renew(sent, self.length);
            return Ok(());
        }
        self.be_reborn(me, sent).await
    }

    async fn keep_watch(&self, mut observer: Observer) {
        let mut looks = self.every(LOOKS);
        loop {
            looks.tick().await;
            if let Err(error) = self.look(&mut observer, Instant::now()).await {
                tracing::warn!(%error, "it could not be looked who is alive");
            }
        }
    }

    /// Looks once, at this moment, who is alive, and takes over what the dead have left.
    pub async fn look(&self, observer: &mut Observer, now: Instant) -> Result<(), StoreError> {
        // Owners first: whoever owns a run has joined before, so one that is not among the members has left or is dead.
        let owners = self.ports.leases.owners().await?;
        let signs = self.ports.fleet.life_signs().await?;
        let me = *self.identity.borrow();
        // Nobody judges himself: a heart that cannot beat for the moment is for others to judge.
        for dead in observer.look(&signs, now).into_iter().filter(|dead| dead.member != me) {
            self.bury(dead).await?;
        }
        for owner in owners.into_iter().filter(|owner| signs.iter().all(|sign| sign.member != *owner)) {
            self.take_over(owner).await?;
        }
        Ok(())
    }

    fn every(&self, part: u32) -> Interval {
        let mut interval = tokio::time::interval(self.length / part);
        // After a freeze once is enough.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    }

    /// Others have taken this process for dead: its runs are theirs. It goes on as somebody else.
    async fn be_reborn(&self, before: ExecutorId, sent: Instant) -> Result<(), StoreError> {
        let me = ExecutorId::new(self.ports.ids.unique());
        if let Some(rival) = self.ports.fleet.join(me, self.duties).await?.first() {
            let why = JoinError::Excluded { rival: rival.member, requests: self.duties.requests };
            tracing::error!(error = %why, "others took this process for dead, and it cannot come back; nothing is begun here");
            return Ok(());
        }
        tracing::warn!(executor.id = %me, before = %before, "others took this process for dead; it goes on under a new id");
        metrics::counter!("orrery_leases_lost_total").increment(1);
        self.identity.send_replace(me);
        self.lease.renew(sent, self.length);
        Ok(())
    }

    async fn bury(&self, dead: LifeSign) -> Result<(), StoreError> {
        if self.ports.fleet.bury(dead).await? {
            tracing::warn!(executor.id = %dead.member, "a process is silent for a whole lease; others take its work over");
            self.take_over(dead.member).await?;
        }
        Ok(())
    }

    async fn take_over(&self, owner: ExecutorId) -> Result<(), StoreError> {
        let runs = self.ports.leases.release(owner, self.ports.clock.now()).await?;
        if runs > 0 {
            tracing::info!(runs, executor.id = %owner, "runs of a process that is gone can be claimed");
            metrics::counter!("orrery_runs_taken_over_total").increment(runs);
        }
        Ok(())
    }
}
