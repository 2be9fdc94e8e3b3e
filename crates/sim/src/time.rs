//! Virtual time: how it passes, and what hearts do meanwhile.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{Timestamp, ports::Clock};
use executor::EngineInput;
use tokio::time::Instant;

use crate::{clocks, now, world::World};

/// The lease of executors.
pub(crate) const LEASE: Duration = Duration::from_secs(24);

/// The time between two beats of a heart: fewer a lease than in the product, but often enough for observers to judge.
const BEAT: Duration = Duration::from_secs(8);

impl World {
    /// The store's time.
    pub(crate) fn store_time(&self) -> Timestamp {
        self.wiring.clock.now()
    }

    /// The same on the clock by which leases are measured.
    pub(crate) fn instant(&self) -> Instant {
        self.began + (self.store_time() - self.began_at).to_std().unwrap_or_default()
    }

    pub(crate) fn pass_time(&mut self) {
        let by = if self.rng.bool() { self.rng.u64(1..200) } else { self.rng.u64(1000..40_000) };
        self.pass(Duration::from_millis(by));
    }

    /// Lets time pass. Hearts beat in it; timers fire at its end.
    pub(crate) fn pass(&mut self, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(self.to_next_beat);
            self.wiring.clock.advance(step);
            left -= step;
            self.to_next_beat -= step;
            self.end_what_is_over();
            if self.to_next_beat.is_zero() {
                self.to_next_beat = BEAT;
                self.let_hearts_beat();
            }
        }
        for at in 0..self.nodes.len() {
            if !self.nodes[at].is_frozen() {
                self.input(at, EngineInput::Tick);
            }
        }
    }

    fn let_hearts_beat(&mut self) {
        let instant = self.instant();
        for node in self.nodes.iter_mut().filter(|node| !node.is_frozen()) {
            // Who does not reach the store tries again with the next beat.
            let _ = now(node.heart.beat(instant));
            let _ = now(node.heart.look(&mut node.observer, instant));
        }
    }

    /// Freezes and cuts that have lasted long enough.
    fn end_what_is_over(&mut self) {
        let time = self.store_time();
        for at in 0..self.nodes.len() {
            let node = &mut self.nodes[at];
            if node.frozen_until.take_if(|until| *until <= time).is_some() {
                self.log(|| format!("node {at} thaws"));
            }
            let node = &mut self.nodes[at];
            if node.cut_until.take_if(|until| *until <= time).is_some() {
                node.line.cut(false);
                self.log(|| format!("node {at} reaches the store again"));
            }
        }
        if self.away_until.take_if(|until| *until <= time).is_some() {
            self.wiring.journal.away(false);
            self.log(|| "the use cases reach the store again".into());
        }
        if self.bus.away_until.take_if(|until| *until <= time).is_some() {
            self.log(|| "the bus is back".into());
        }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn calm_down(&mut self) {
        self.log(|| "the faults stop".into());
        self.faults = false;
        let time = self.store_time();
        for node in &mut self.nodes {
            node.frozen_until = node.frozen_until.map(|_| time);
            node.cut_until = node.cut_until.map(|_| time);
            node.clock.steer(clocks::usual_error(&mut self.rng));
        }
        self.away_until = self.away_until.map(|_| time);
        self.bus.away_until = self.bus.away_until.map(|_| time);
        self.end_what_is_over();
    }

    /// A time at most so many seconds from now.
    pub(crate) fn soon(&mut self, most: i64) -> Timestamp {
        self.store_time() + TimeDelta::seconds(self.rng.i64(1..most))
    }
}
