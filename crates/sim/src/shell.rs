//! The shells of executors: what the engine wants is done, and what comes of it is told, both in any order and late.

use std::{fmt, sync::Arc};

use application::workflows::find_child;
use domain::{
    ids::RunId,
    ports::{Clock, RunLeases},
    runs::{AgentCall, CommitOutcome, RunCommit},
};
use executor::{Effect, EngineInput};

use crate::{
    agents::{carries_poison, policy},
    line::listen,
    node::{Pending, Told, pending_call},
    now,
    world::World,
};

/// Where a commit comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    /// An executor.
    Node(usize),
    /// An executor that does not learn of its arrival.
    Cut(usize),
    /// Somebody who does not wait for its outcome any more.
    Gone,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(at) => write!(f, "node {at}"),
            Self::Cut(at) => write!(f, "node {at}, whose line is cut,"),
            Self::Gone => f.write_str("somebody who is gone"),
        }
    }
}

impl World {
    /// An executor does or tells one of the things that it has to.
    pub(crate) fn deliver(&mut self) -> Result<(), String> {
        let Some(at) = self.awake() else { return Ok(()) };
        let count = self.nodes[at].pending.len();
        if count == 0 {
            return Ok(());
        }
        let pending = self.nodes[at].pending.swap_remove(self.rng.usize(0..count));
        match pending {
            Pending::Do(effect) => self.perform(at, &effect),
            Pending::Tell(told) => {
                self.tell(at, told);
                Ok(())
            }
            held @ Pending::Held(_) => {
                self.nodes[at].pending.push(held);
                Ok(())
            }
        }
    }

    fn tell(&mut self, at: usize, told: Told) {
        self.notice(at);
        let me = self.nodes[at].id;
        self.log(|| format!("node {at} is told: {told}"));
        let input = match told {
            // Given to who this process was before: whoever looks for the runs of the dead finds it.
            Told::Adopted(run) if run.executor != me => return,
            Told::Claimed { by, .. } | Told::Owned { by, .. } if by != me => return,
            Told::Adopted(run) => EngineInput::Adopted(*run),
            Told::Claimed { run, epoch, loaded, inbox, .. } => {
                EngineInput::Claimed { run, epoch, loaded: *loaded, inbox }
            }
            Told::Owned { runs, .. } => EngineInput::Owned(runs),
            Told::Reloaded(run, epoch, loaded) => EngineInput::Reloaded { run, epoch, loaded: *loaded },
            Told::CallEnded(key, outcome) => EngineInput::CallEnded { key, outcome, policy: policy() },
            Told::CommitEnded(run, commit, outcome) => EngineInput::CommitEnded { run, commit, outcome },
            Told::LookedUp(run, target, found) => EngineInput::LookedUp { run, target, found },
            Told::Resumed(run, commit, ended) => EngineInput::Resumed { run, commit, ended },
            Told::Mail(mail) => EngineInput::Mail(mail),
            Told::Cancelled(run, epoch) => EngineInput::Cancelled(run, epoch),
        };
        self.feed(at, input);
    }

    pub(crate) fn input(&mut self, at: usize, input: EngineInput) {
        self.notice(at);
        self.feed(at, input);
    }

    /// Others have taken it for dead: it drops everything and goes on as somebody else.
    fn notice(&mut self, at: usize) {
        let me = self.nodes[at].membership.me();
        if me != self.nodes[at].id {
            self.nodes[at].id = me;
            self.report.counts.robberies += 1;
            self.log(|| format!("node {at} was taken for dead, and goes on under a new id"));
            self.feed(at, EngineInput::Disowned);
        }
    }

    fn feed(&mut self, at: usize, input: EngineInput) {
        let mut effects = Vec::new();
        let node = &mut self.nodes[at];
        node.core.on(input, node.clock.now(), &mut effects);
        for effect in effects {
            match effect {
                // The shell does this at once, unless the answer is among what it has yet to read; anything else takes its time.
                Effect::Abort(run, path) | Effect::Cancel(run, path) => {
                    self.nodes[at].pending.retain(|p| !p.is_held(|call| call.key.run == run && call.key.path == path));
                    if !(self.faults && self.rng.u8(0..4) == 0) {
                        self.nodes[at].pending.retain(
                            |p| !matches!(p, Pending::Tell(Told::CallEnded(key, _)) if key.run == run && key.path == path),
                        );
                    }
                }
                Effect::Commit(_)
                | Effect::Call(_)
                | Effect::Reload(..)
                | Effect::GiveBack(_)
                | Effect::LookUp(..)
                | Effect::Resume(..) => {
                    self.nodes[at].pending.push(Pending::Do(Arc::new(effect)));
                }
                Effect::Hold(run, holds) => self.hold(at, &run, holds),
                // Nobody watches, and whoever has room looks by itself.
                Effect::Report(_) | Effect::Ring => {}
            }
        }
    }

    /// Calls of a paused run that still wait for their agent's limit or breaker do not leave; the others have left.
    fn hold(&mut self, at: usize, run: &RunId, holds: bool) {
        for pending in &mut self.nodes[at].pending {
            match pending {
                Pending::Do(effect) if holds && matches!(&**effect, Effect::Call(call) if call.key.run == *run) => {
                    if self.rng.bool() {
                        *pending = Pending::Held(Arc::clone(effect));
                        self.report.counts.held += 1;
                    }
                }
                Pending::Held(effect) if !holds && pending_call(effect, |call| call.key.run == *run) => {
                    *pending = Pending::Do(Arc::clone(effect));
                }
                Pending::Do(_) | Pending::Tell(_) | Pending::Held(_) => {}
            }
        }
    }

    fn perform(&mut self, at: usize, effect: &Arc<Effect>) -> Result<(), String> {
        let is_cut = self.nodes[at].line.is_cut();
        match &**effect {
            Effect::Commit(commit) => self.commit(at, commit, effect),
            Effect::Call(call) => self.call(at, call, effect),
            Effect::Abort(..) | Effect::Cancel(..) | Effect::Hold(..) | Effect::Report(_) | Effect::Ring => Ok(()),
            // The shell insists until it gets an answer.
            Effect::LookUp(..) | Effect::Resume(..) | Effect::Reload(..) if is_cut => {
                self.later(at, effect);
                Ok(())
            }
            Effect::LookUp(run, target) => {
                let found = now(find_child(&self.wiring.store, target)).map_err(|e| e.to_string())?;
                let told = Told::LookedUp(run.clone(), target.clone(), found);
                self.nodes[at].pending.push(Pending::Tell(told));
                Ok(())
            }
            Effect::Resume(run, resume) => self.resume_child(at, run, resume, effect),
            Effect::GiveBack(runs) => {
                let node = &self.nodes[at];
                // What does not arrive is found again by the next audit.
                let _ = now(node.line.give_back(node.id, runs, node.clock.now()));
                Ok(())
            }
            Effect::Reload(run, epoch) => {
                let loaded = now(self.wiring.loader.reload(run)).map_err(|e| e.to_string())?;
                self.nodes[at].pending.push(Pending::Tell(Told::Reloaded(run.clone(), *epoch, Box::new(loaded))));
                Ok(())
            }
        }
    }

    pub(crate) fn later(&mut self, at: usize, effect: &Arc<Effect>) {
        self.nodes[at].pending.push(Pending::Do(Arc::clone(effect)));
    }

    fn commit(&mut self, at: usize, commit: &RunCommit, effect: &Arc<Effect>) -> Result<(), String> {
        if self.nodes[at].line.is_cut() {
            // Nobody knows what becomes of it: the writer sends the same again until it learns it.
            self.later(at, effect);
            self.report.counts.unknown += 1;
            match self.rng.u8(0..4) {
                0 => return self.arrive(commit, From::Cut(at)).map(drop),
                1 => self.ghosts.push(commit.clone()),
                _ => {}
            }
            return Ok(());
        }
        let outcome = self.arrive(commit, From::Node(at))?;
        if self.faults && self.rng.u8(0..12) == 0 {
            // The connection breaks before the answer: the same commit is sent again.
            self.later(at, effect);
        } else {
            self.nodes[at].pending.push(Pending::Tell(Told::CommitEnded(commit.run().clone(), commit.id(), outcome)));
        }
        Ok(())
    }

    /// A commit reaches the store; what it has changed is checked.
    pub(crate) fn arrive(&mut self, commit: &RunCommit, from: From) -> Result<CommitOutcome, String> {
        let outcome = if carries_poison(commit) {
            self.report.counts.unstorable += 1;
            CommitOutcome::Unstorable
        } else {
            self.wiring.journal.commit(commit)
        };
        let refused = !matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied);
        self.report.counts.refused += u64::from(refused);
        self.log(|| format!("{from} commits to {}: {outcome:?}", commit.run()));
        listen(&self.wiring.witness).verdict()?;
        self.check(commit.run())?;
        if let (RunCommit::Advance(advance), CommitOutcome::Committed) = (commit, outcome) {
            for child in &advance.outward.children {
                self.check(&child.run)?;
            }
        }
        Ok(outcome)
    }

    fn call(&mut self, at: usize, call: &AgentCall, effect: &Arc<Effect>) -> Result<(), String> {
        let node = &self.nodes[at];
        // It was taken for dead: whoever has the run now makes the call.
        if node.membership.me() != node.id {
            return Ok(());
        }
        // Frozen between this look and the call, it makes it all the same.
        let too_late_to_stop = self.faults && self.rng.u8(0..3) == 0;
        if !node.membership.holds_at(self.instant()) && !too_late_to_stop {
            self.later(at, effect);
            return Ok(());
        }
        self.memory.check_call(&self.wiring, call, &mut self.report.coverage)?;
        let outcome = self.agents.call(call, &mut self.rng, self.faults)?;
        self.log(|| {
            format!("node {at} calls {} for {} round {} of {}", call.agent, call.key.path, call.key.round, call.key.run)
        });
        self.nodes[at].pending.push(Pending::Tell(Told::CallEnded(call.key.clone(), outcome)));
        Ok(())
    }
}
