//! The real use cases over the memory adapters, with a writer that commits at once and an engine port that only notes what
//! it was told.

use std::sync::{Arc, Mutex};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{Ports, UseCases, plans::PlanCache};
use async_trait::async_trait;
use domain::{
    Timestamp,
    agents::Agent,
    ids::{ExecutorId, RunId},
    ports::{Adopted, AgentGateway, AgentHealth, Engine, Overloaded, RunWriter, Then},
    runs::{AgentRequest, CallIds, CallOutcome, CommitOutcome, RunCommit},
};
use executor::RunLoader;

/// Everything around the executors.
pub(crate) struct Wiring {
    pub(crate) store: MemoryStore,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Arc<SequentialIds>,
    pub(crate) uses: UseCases,
    pub(crate) loader: RunLoader,
    pub(crate) doorstep: Arc<Doorstep>,
}

impl Wiring {
    pub(crate) fn new(seed: u64) -> Self {
        let store = MemoryStore::new();
        let shared = Arc::new(store.clone());
        let clock = VirtualClock::new(Timestamp::from_timestamp(1_800_000_000, 0).expect("a time"));
        let ids = Arc::new(SequentialIds::new(seed));
        let plans = Arc::new(PlanCache::new(shared.clone(), Arc::new(JsonSchemas)));
        let doorstep = Arc::new(Doorstep::default());
        let uses = UseCases::new(&Ports {
            agents: shared.clone(),
            workflows: shared.clone(),
            transactions: shared.clone(),
            runs: shared.clone(),
            inbox: shared.clone(),
            leases: shared.clone(),
            fleet: None,
            dead_letters: shared.clone(),
            traffic: shared.clone(),
            writer: Arc::new(AtOnce(store.clone())),
            gateway: Arc::new(NoGateway),
            engine: doorstep.clone(),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            plans: plans.clone(),
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            external: None,
        });
        Self { store, clock, ids, uses, loader: RunLoader::new(shared, plans), doorstep }
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
}

struct AtOnce(MemoryStore);

#[async_trait]
impl RunWriter for AtOnce {
    async fn write_then(&self, commit: RunCommit, then: Then) -> Result<CommitOutcome, Overloaded> {
        let outcome = self.0.commit_now(&[commit])[0];
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
