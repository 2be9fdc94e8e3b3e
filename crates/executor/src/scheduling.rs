//! The driver of schedules: looks when something is due, and has it decided and started.
//!
//! Every process with an API or an engine has one, and all of them look at the same schedules; the store lets one of them decide
//! about each tick. Nothing is agreed on, so nobody has to notice that another one is dead.

use std::{sync::Arc, time::Duration};

use application::{Ports, schedules::FireSchedule};
use domain::{
    Timestamp,
    ports::{Clock, Schedules, StoreError},
    schedules::{Schedule, Tick, TickStatus},
};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

/// How often the schedules are looked at where none is due before.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many schedules are taken at a time, and how many of them are fired at once.
const SLICE: usize = 200;
const AT_ONCE: usize = 16;

/// After how long a tick that is still to be started is taken for one whose process is dead or has given up.
const LEFT_AFTER: Duration = Duration::from_secs(2);

/// How many looks apart old ticks are removed, and how many of them in one transaction.
const FORGET_EVERY: u64 = 60;
const OLD_TICKS: usize = 1_000;

/// Looks after the schedules for as long as it is not told to stop.
pub struct Scheduler {
    schedules: Arc<dyn Schedules>,
    clock: Arc<dyn Clock>,
    fire_schedule: FireSchedule,
    keep_for: Duration,
}

impl Scheduler {
    /// A driver that forgets ticks which were decided longer ago than this.
    pub fn new(ports: &Ports, keep_for: Duration) -> Self {
        let (schedules, clock) = (ports.schedules.clone(), ports.clock.clone());
        Self { schedules, clock, fire_schedule: FireSchedule::new(ports), keep_for }
    }

    /// Looks after them until it is told to stop; what was begun is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut looks = 0_u64;
        while !stop.is_cancelled() {
            let pause = match self.look().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "the schedules could not be looked at; trying again");
                    LOOK_EVERY
                }
            };
            if looks.is_multiple_of(FORGET_EVERY)
                && let Err(error) = self.forget(&stop).await
            {
                tracing::warn!(%error, "old ticks of schedules could not be removed; trying again");
            }
            looks += 1;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does all that is due; answers how long nothing else is.
    pub async fn look(&self) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let left = self.schedules.unstarted(now - delta(LEFT_AFTER), SLICE).await?;
        stream::iter(left).for_each_concurrent(AT_ONCE, |tick| self.make_up(tick)).await;
        // A little further than now, to know when to look again.
        let soon = self.schedules.due(self.clock.now() + delta(LOOK_EVERY), SLICE).await?;
        let now = self.clock.now();
        let (due, later): (Vec<_>, Vec<_>) = soon.into_iter().partition(|schedule| schedule.is_due(now));
        let is_all = due.len() < SLICE;
        let next = later.iter().filter_map(|schedule| schedule.next_at).min();
        let following = stream::iter(due).map(|schedule| self.fire(schedule)).buffer_unordered(AT_ONCE);
        let following: Vec<Option<Timestamp>> = following.collect().await;
        if !is_all {
            return Ok(Duration::ZERO);
        }
        let next = following.into_iter().flatten().chain(next).min();
        let wait = next.map_or(LOOK_EVERY, |next| (next - self.clock.now()).to_std().unwrap_or_default());
        Ok(wait.min(LOOK_EVERY))
    }

    /// Answers when the schedule is due again, if this process knows.
    async fn fire(&self, schedule: Schedule) -> Option<Timestamp> {
        let name = schedule.name.clone();
        match self.fire_schedule.execute(schedule).await {
            Ok(fired) => {
                fired.ticks.iter().for_each(|tick| self.measured(tick));
                fired.next_at
            }
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(schedule.name = %name, %error, "a schedule cannot tick; somebody should look");
                None
            }
            Err(error) => {
                tracing::warn!(schedule.name = %name, %error, "a schedule could not tick; trying again");
                None
            }
        }
    }

    async fn make_up(&self, tick: Tick) {
        match self.fire_schedule.make_up(tick).await {
            Ok(Some(tick)) => self.measured(&tick),
            // The schedule was deleted meanwhile.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the run of a tick could not be started; trying again"),
        }
    }

    fn measured(&self, tick: &Tick) {
        let outcome = tick.reason.map_or(tick.status.as_str(), |reason| reason.as_str());
        metrics::counter!("orrery_schedule_ticks_total", "outcome" => outcome).increment(u64::from(tick.count));
        if tick.status == TickStatus::Started && !tick.manual {
            let lag = (self.clock.now() - tick.at).to_std().unwrap_or_default();
            metrics::histogram!("orrery_schedule_lag_seconds").record(lag.as_secs_f64());
        }
    }

    async fn forget(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(oldest) = self.clock.now().checked_sub_signed(delta(self.keep_for)) else { return Ok(()) };
        while !stop.is_cancelled() {
            let removed = self.schedules.forget_ticks(oldest, OLD_TICKS).await?;
            crate::measures::removed("schedule_ticks", removed);
            if removed < OLD_TICKS as u64 {
                break;
            }
        }
        Ok(())
    }
}

fn delta(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::MAX)
}
