//! The real use cases over the memory adapters, with a writer that commits at once and an engine port that only notes what
//! it was told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use application::{
    Ports, UseCases,
    plans::PlanCache,
    runs::{ServeEvents, ServeRequests},
};
use async_trait::async_trait;
use domain::{
    Timestamp,
    agents::{Agent, WaitingCall},
    ids::{ExecutorId, RunId},
    ports::{Adopted, AgentGateway, AgentHealth, Engine, Overloaded, RunWriter, Then},
    runs::{AgentRequest, CallIds, CallOutcome, CommitOutcome, RunCommit},
};
use executor::{FeedHub, RunLoader, WatchHub};

use crate::{
    line::{Witness, listen},
    schemas::KnownSchemas,
};

/// When every world begins, in seconds.
pub(crate) const START: i64 = 1_800_000_000;

/// Everything around the executors.
pub(crate) struct Wiring {
    pub(crate) store: MemoryStore,
    pub(crate) journal: Journal,
    pub(crate) witness: Witness,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Arc<SequentialIds>,
    pub(crate) uses: UseCases,
    pub(crate) requests: ServeRequests,
    pub(crate) events: ServeEvents,
    pub(crate) plans: Arc<PlanCache>,
    pub(crate) loader: RunLoader,
    pub(crate) doorstep: Arc<Doorstep>,
}

impl Wiring {
    pub(crate) fn new(seed: u64) -> Self {
        let store = MemoryStore::announcing();
        let shared = Arc::new(store.clone());
        let clock = VirtualClock::new(Timestamp::from_timestamp(START, 0).expect("a time"));
        let ids = Arc::new(SequentialIds::new(seed));
        let plans = Arc::new(PlanCache::new(shared.clone(), Arc::new(KnownSchemas)));
        let doorstep = Arc::new(Doorstep::default());
        let witness = Witness::default();
        let journal = Journal { store: store.clone(), witness: witness.clone(), away: Arc::default() };
        let ports = Ports {
            agents: shared.clone(),
            workflows: shared.clone(),
            transactions: shared.clone(),
            runs: shared.clone(),
            // Nobody follows anything here.
            watch: Arc::new(WatchHub::new(shared.clone())),
            feed: shared.clone(),
            feed_watch: Arc::new(FeedHub::new(shared.clone())),
            inbox: shared.clone(),
            leases: shared.clone(),
            fleet: None,
            dead_letters: shared.clone(),
            audit: shared.clone(),
            schedules: shared.clone(),
            calendar: Arc::new(domain::ports::NoCalendar),
            traffic: shared.clone(),
            writer: Arc::new(journal.clone()),
            gateway: Arc::new(NoGateway),
            engine: doorstep.clone(),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            plans: plans.clone(),
            schemas: Arc::new(KnownSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: domain::agents::Networks::default(),
            external: None,
        };
        Self {
            store,
            journal,
            witness,
            clock,
            ids,
            uses: UseCases::new(&ports),
            requests: ServeRequests::new(&ports),
            events: ServeEvents::new(&ports),
            loader: RunLoader::new(shared, plans.clone()),
            plans,
            doorstep,
        }
    }
}

/// What use cases leave for the executors, until the scheduler delivers it, or a crash loses it.
#[derive(Default)]
pub(crate) struct Doorstep {
    pub(crate) offered: Mutex<Option<ExecutorId>>,
    pub(crate) adopted: Mutex<Vec<Adopted>>,
}

impl Engine for Doorstep {
    fn offer(&self) -> Option<ExecutorId> {
        *self.offered.lock().expect("not poisoned")
    }
    fn adopt(&self, run: Adopted) {
        self.adopted.lock().expect("not poisoned").push(run);
    }
    fn ring(&self) {}
    fn agents_changed(&self) {}
    fn cancelled(&self, _: &RunId) {}

    fn waiting_of(&self, _: ExecutorId, _: &RunId) -> Option<Vec<WaitingCall>> {
        None
    }
}

/// The way of all commits; the witness hears of each.
#[derive(Clone)]
pub(crate) struct Journal {
    store: MemoryStore,
    witness: Witness,
    /// Whether use cases do not reach it.
    away: Arc<AtomicBool>,
}

impl Journal {
    pub(crate) fn commit(&self, commit: &RunCommit) -> CommitOutcome {
        let outcome = self.store.commit_now(std::slice::from_ref(commit))[0];
        listen(&self.witness).committed(commit, outcome);
        outcome
    }

    pub(crate) fn away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }
}

#[async_trait]
impl RunWriter for Journal {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Overloaded);
        }
        let outcome = self.commit(&commit);
        then(outcome);
        Ok(outcome)
    }
}

/// Use cases of a simulation never call agents; the executors do.
struct NoGateway;

#[async_trait]
impl AgentGateway for NoGateway {
    async fn call(&self, _: &Agent, _: &AgentRequest) -> CallOutcome {
        unreachable!("only executors call agents")
    }
    async fn cancel(&self, _: &Agent, _: &CallIds) {}
    async fn health(&self, _: &Agent) -> AgentHealth {
        unreachable!("the simulation asks no agent for its health")
    }
}
