//! What goes wrong: crashes, freezes, cut lines, a store or a bus that is away, clocks that jump, commits that arrive late,
//! answers that arrive twice, and drains.

use domain::ports::{Clock, Fleet, RunLeases};
use executor::Effect;

use crate::{clocks, node::Pending, now, shell::From, time::LEASE, world::World};

impl World {
    /// `kill -9`: everything in memory is lost; commits that were sent may still arrive. Others will find its heart silent.
    pub(crate) fn crash(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let fresh = self.node();
        let old = std::mem::replace(&mut self.nodes[at], fresh);
        for pending in old.pending {
            if let (Pending::Do(effect), true) = (pending, self.rng.bool())
                && let Effect::Commit(commit) = &*effect
            {
                self.ghosts.push(commit.clone());
            }
        }
        self.report.counts.crashes += 1;
        self.log(|| format!("node {at} crashes"));
    }

    /// SIGSTOP: it stands still, for a while or for longer than its lease at once, and goes on as if nothing had been.
    pub(crate) fn freeze(&mut self) {
        let Some(at) = self.awake() else { return };
        self.report.counts.freezes += 1;
        if self.rng.bool() {
            let until = self.soon(90);
            self.nodes[at].frozen_until = Some(until);
            self.log(|| format!("node {at} freezes"));
            return;
        }
        self.log(|| format!("node {at} freezes for longer than its lease"));
        let long = LEASE * 3 / 2;
        self.nodes[at].frozen_until = Some(self.store_time() + long);
        self.pass(long);
    }

    /// An executor does not reach the store, while others do.
    pub(crate) fn cut(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let until = self.soon(90);
        self.nodes[at].cut_until = Some(until);
        self.nodes[at].line.cut(true);
        self.report.counts.cuts += 1;
        self.log(|| format!("node {at} does not reach the store any more"));
    }

    /// Nobody reaches the store.
    pub(crate) fn lose_store(&mut self) {
        let until = self.soon(120);
        self.away_until = Some(until);
        self.wiring.journal.away(true);
        for node in &mut self.nodes {
            node.cut_until = Some(until);
            node.line.cut(true);
        }
        self.report.counts.outages += 1;
        self.log(|| "the store is away".into());
    }

    pub(crate) fn lose_bus(&mut self) {
        self.bus.away_until = Some(self.soon(120));
        self.report.counts.silences += 1;
        self.log(|| "the bus is away".into());
    }

    /// A clock is steered badly, or well again.
    pub(crate) fn jump(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let error =
            if self.rng.bool() { clocks::worst_error(&mut self.rng) } else { clocks::usual_error(&mut self.rng) };
        self.nodes[at].clock.steer(error);
        self.report.counts.skewed += 1;
        self.log(|| format!("the clock of node {at} is wrong by {error} ms"));
    }

    /// A commit arrives for whose outcome nobody waits any more.
    pub(crate) fn haunt(&mut self) -> Result<(), String> {
        if self.ghosts.is_empty() {
            return Ok(());
        }
        let commit = self.ghosts.swap_remove(self.rng.usize(0..self.ghosts.len()));
        self.arrive(&commit, From::Gone).map(drop)
    }

    /// Something that an executor will be told is told twice.
    pub(crate) fn duplicate(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let pending = &mut self.nodes[at].pending;
        let told = pending.iter().filter(|p| matches!(p, Pending::Tell(told) if told.may_come_twice()));
        if let Some(again) = self.rng.choice(told.collect::<Vec<_>>()).cloned() {
            pending.push(again);
            self.report.counts.doubled += 1;
        }
    }

    /// SIGTERM: an executor takes nothing new and gives back what it has.
    pub(crate) fn drain(&mut self) {
        let Some(at) = self.awake().filter(|at| !self.nodes[*at].retiring) else { return };
        self.nodes[at].core.drain();
        self.nodes[at].retiring = true;
        self.report.counts.drains += 1;
        self.log(|| format!("node {at} drains"));
    }

    /// Drained executors end: whatever is still theirs is released, and the next process takes their place.
    pub(crate) fn retire(&mut self) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            if node.retiring && !node.is_frozen() && !node.core.is_busy() {
                let fresh = self.node();
                let old = std::mem::replace(&mut self.nodes[at], fresh);
                let me = old.membership.me();
                // What does not arrive, others find: its heart is silent from now on.
                let released = now(old.line.release(me, old.clock.now()));
                let _ = now(old.line.leave(me));
                self.log(|| format!("node {at} has drained and gives runs back: {released:?}"));
            }
        }
    }
}
