//! One life of an executor: its engine, its heart, its clock, and what its shell has yet to do.

use std::{fmt, sync::Arc};

use domain::{
    Timestamp,
    ids::{CommitId, Epoch, ExecutorId, RunId},
    ports::{Adopted, Duties, Fleet, IdGenerator, Mail, Requests},
    runs::{AgentCall, CallKey, CallOutcome, ChildDefinition, CommitOutcome, InboxEntry, InboxMessage},
    workflows::ChildTarget,
};
use executor::{Effect, EngineCore, FleetPorts, Heart, Loaded, Membership, Observer};

use crate::{
    clocks::{SkewedClock, usual_error, worst_error},
    line::Line,
    now,
    time::LEASE,
    world::World,
};

const DUTIES: Duties = Duties { executes: true, relays: false, requests: Requests::Takes };

pub(crate) struct Node {
    /// Who it was when its runs became its own; its membership may know better.
    pub(crate) id: ExecutorId,
    pub(crate) core: EngineCore,
    pub(crate) pending: Vec<Pending>,
    /// Whether it drains, to be replaced once nothing of its own is under way.
    pub(crate) retiring: bool,
    pub(crate) membership: Membership,
    pub(crate) heart: Heart,
    pub(crate) observer: Observer,
    pub(crate) line: Arc<Line>,
    pub(crate) clock: Arc<SkewedClock>,
    /// It does nothing until then.
    pub(crate) frozen_until: Option<Timestamp>,
    /// It does not reach the store until then.
    pub(crate) cut_until: Option<Timestamp>,
}

/// Something that an executor's shell has yet to do or to tell; a crash loses it.
#[derive(Clone)]
pub(crate) enum Pending {
    Do(Arc<Effect>),
    Tell(Told),
    /// A call that waits for its agent, and does not leave as long as its run is paused.
    Held(Arc<Effect>),
}

impl Pending {
    /// Whether it is such a held call.
    pub(crate) fn is_held(&self, of: impl Fn(&AgentCall) -> bool) -> bool {
        matches!(self, Self::Held(effect) if pending_call(effect, of))
    }
}

/// Whether an effect is such a call.
pub(crate) fn pending_call(effect: &Effect, of: impl Fn(&AgentCall) -> bool) -> bool {
    matches!(effect, Effect::Call(call) if of(call))
}

#[derive(Clone)]
pub(crate) enum Told {
    Adopted(Box<Adopted>),
    Claimed { by: ExecutorId, run: RunId, epoch: Epoch, loaded: Box<Loaded>, inbox: Vec<InboxEntry> },
    Owned { by: ExecutorId, runs: Vec<(RunId, Epoch)> },
    Reloaded(RunId, Epoch, Box<Loaded>),
    CallEnded(CallKey, CallOutcome),
    CommitEnded(RunId, CommitId, CommitOutcome),
    Cancelled(RunId, Epoch),
    Mail(Mail),
    LookedUp(RunId, ChildTarget, Result<ChildDefinition, String>),
    Resumed(RunId, CommitId, Option<InboxMessage>),
}

impl Told {
    /// Whether the bus between an executor's tasks, or whoever answers them, may say it twice.
    pub(crate) fn may_come_twice(&self) -> bool {
        match self {
            Self::CallEnded(..) | Self::CommitEnded(..) | Self::Mail(..) | Self::LookedUp(..) | Self::Resumed(..) => {
                true
            }
            // Said by the executor's own scans, once each.
            Self::Adopted(_) | Self::Claimed { .. } | Self::Owned { .. } | Self::Reloaded(..) | Self::Cancelled(..) => {
                false
            }
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adopted(run) => write!(f, "adopted {}", run.run),
            Self::Claimed { run, epoch, .. } => write!(f, "claimed {run} at epoch {epoch}"),
            Self::Owned { runs, .. } => write!(f, "it owns {} runs", runs.len()),
            Self::Reloaded(run, ..) => write!(f, "reloaded {run}"),
            Self::CallEnded(key, outcome) => {
                write!(f, "call of {} round {} of {} ended: {outcome:?}", key.path, key.round, key.run)
            }
            Self::CommitEnded(run, _, outcome) => write!(f, "commit to {run} ended: {outcome:?}"),
            Self::Cancelled(run, epoch) => write!(f, "{run} was cancelled at epoch {epoch}"),
            Self::Mail(mail) => write!(f, "{} has mail at epoch {}", mail.run, mail.epoch),
            Self::LookedUp(run, target, _) => write!(f, "{target} was looked up for {run}"),
            Self::Resumed(run, ..) => write!(f, "a run was resumed for {run}"),
        }
    }
}

impl Node {
    /// Whether it may begin anything.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen_until.is_some()
    }
}

impl World {
    /// A process that starts. While the store is away it would wait for it; here it comes up as if it had been there just before.
    pub(crate) fn node(&mut self) -> Node {
        let id = ExecutorId::new(self.wiring.ids.unique());
        now(self.wiring.store.join(id, DUTIES)).expect("memory");
        let line = Arc::new(Line::new(self.wiring.store.clone(), Arc::clone(&self.wiring.witness)));
        let badly = self.faults && self.rng.u8(0..10) == 0;
        let error = if badly { worst_error(&mut self.rng) } else { usual_error(&mut self.rng) };
        let clock = Arc::new(SkewedClock::new(self.wiring.clock.clone(), error));
        let ports = FleetPorts {
            fleet: line.clone(),
            leases: line.clone(),
            clock: clock.clone(),
            ids: self.wiring.ids.clone(),
        };
        let (membership, heart) = Membership::entered(ports, DUTIES, LEASE, id, self.instant());
        self.report.counts.skewed += u64::from(badly);
        Node {
            id,
            core: EngineCore::new(self.wiring.ids.clone()),
            pending: Vec::new(),
            retiring: false,
            membership,
            heart,
            observer: Observer::new(LEASE),
            line,
            clock,
            frozen_until: None,
            cut_until: None,
        }
    }

    /// One of the executors that are not frozen.
    pub(crate) fn awake(&mut self) -> Option<usize> {
        let at = self.rng.usize(0..self.nodes.len());
        Some(at).filter(|at| !self.nodes[*at].is_frozen())
    }
}
