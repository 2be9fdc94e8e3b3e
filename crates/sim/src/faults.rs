//! What goes wrong: crashes, leases lost, commits that arrive late, answers that arrive twice, and drains.

use domain::ports::{Clock, RunLeases};
use executor::{Effect, EngineInput};

use crate::{
    now,
    world::{Pending, Told, World},
};

impl World {
    /// `kill -9`: everything in memory is lost; commits that were sent may still arrive.
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
        self.dead.push(old.id);
        self.report.counts.crashes += 1;
        self.log(|| format!("node {at} crashes"));
    }

    /// An executor is taken for dead although it is only frozen: its runs are given to others, and it goes on.
    pub(crate) fn rob(&mut self) -> Result<(), String> {
        let at = self.rng.usize(0..self.nodes.len());
        let id = self.nodes[at].id;
        let runs = now(self.wiring.store.release(id, self.wiring.clock.now())).map_err(|e| e.to_string())?;
        self.report.counts.robberies += 1;
        self.log(|| format!("node {at} is taken for dead and loses {runs} runs"));
        if self.rng.bool() {
            self.be_reborn(at);
        }
        Ok(())
    }

    /// It learns of it: it drops everything and goes on as somebody else. What was started for it meanwhile is found by whoever
    /// looks for the runs of the dead.
    fn be_reborn(&mut self, at: usize) {
        let id = self.node().id;
        let before = std::mem::replace(&mut self.nodes[at].id, id);
        self.dead.push(before);
        self.log(|| format!("node {at} goes on under a new id"));
        self.input(at, EngineInput::Disowned);
    }

    /// The lease of a dead executor is found to have run out.
    pub(crate) fn expire(&mut self) -> Result<(), String> {
        if let Some(id) = self.dead.pop() {
            let runs = now(self.wiring.store.release(id, self.wiring.clock.now())).map_err(|e| e.to_string())?;
            self.log(|| format!("a dead executor's {runs} runs are released"));
        }
        Ok(())
    }

    /// A commit of a dead process arrives.
    pub(crate) fn haunt(&mut self) -> Result<(), String> {
        let Some(commit) = self.ghosts.pop() else { return Ok(()) };
        let outcome = self.wiring.store.commit_now(std::slice::from_ref(&commit))[0];
        self.log(|| format!("a dead executor's commit to {} arrives: {outcome:?}", commit.run()));
        self.check(commit.run()).map(drop)
    }

    /// Something that an executor will be told is told twice.
    pub(crate) fn duplicate(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        let told: Vec<_> = self.nodes[at]
            .pending
            .iter()
            .filter(|p| {
                matches!(
                    p,
                    Pending::Tell(
                        Told::CallEnded(..)
                            | Told::CommitEnded(..)
                            | Told::Mail(..)
                            | Told::LookedUp(..)
                            | Told::Resumed(..)
                    )
                )
            })
            .cloned()
            .collect();
        if let Some(pending) = self.rng.choice(told) {
            self.nodes[at].pending.push(pending);
        }
    }

    /// SIGTERM: an executor takes nothing new and gives back what it has.
    pub(crate) fn drain(&mut self) {
        let at = self.rng.usize(0..self.nodes.len());
        if !self.nodes[at].retiring {
            self.nodes[at].core.drain();
            self.nodes[at].retiring = true;
            self.report.counts.drains += 1;
            self.log(|| format!("node {at} drains"));
        }
    }

    /// Drained executors end: whatever is still theirs is released, and the next process takes their place.
    pub(crate) fn retire(&mut self) -> Result<(), String> {
        for at in 0..self.nodes.len() {
            if self.nodes[at].retiring && !self.nodes[at].core.is_busy() {
                let fresh = self.node();
                let old = std::mem::replace(&mut self.nodes[at], fresh);
                let runs =
                    now(self.wiring.store.release(old.id, self.wiring.clock.now())).map_err(|e| e.to_string())?;
                self.log(|| format!("node {at} has drained and gives {runs} runs back"));
            }
        }
        Ok(())
    }
}
