//! Compiled plans, shared by all runs of a version.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    ids::PlanHash,
    ports::{Schemas, StoreError, Workflows},
    workflows::{Plan, SharedPlan, compile},
};

/// The most plans kept. Beyond it the cache starts anew, which costs one read and one compilation per plan in use.
const CAPACITY: usize = 1024;

/// Finds plans by their hash, from memory or from the store.
pub struct PlanCache {
    workflows: Arc<dyn Workflows>,
    schemas: Arc<dyn Schemas>,
    compiled: Mutex<HashMap<PlanHash, SharedPlan>>,
}

impl PlanCache {
    /// An empty cache before a store.
    pub fn new(workflows: Arc<dyn Workflows>, schemas: Arc<dyn Schemas>) -> Self {
        Self { workflows, schemas, compiled: Mutex::default() }
    }

    /// The plan with a hash. `Corrupt` if the store does not hold it or it no longer compiles: a plan is stored before any
    /// run is pinned to it.
    pub async fn get(&self, hash: PlanHash) -> Result<SharedPlan, StoreError> {
        if let Some(plan) = self.cached(hash) {
            return Ok(plan);
        }
        let document =
            self.workflows.plan(hash).await?.ok_or_else(|| StoreError::Corrupt(format!("plan {hash} is missing")))?;
        let plan = compile(&document, &*self.schemas)
            .map_err(|_| StoreError::Corrupt(format!("plan {hash} does not compile")))?;
        Ok(self.insert(hash, plan))
    }

    /// Keeps a plan that its caller has compiled, and whose document is stored.
    pub(crate) fn insert(&self, hash: PlanHash, plan: Plan) -> SharedPlan {
        let plan = Arc::new(plan);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= CAPACITY {
            compiled.clear();
        }
        compiled.insert(hash, Arc::clone(&plan));
        plan
    }

    /// The plan with a hash, if it is at hand: then its document is stored.
    pub(crate) fn cached(&self, hash: PlanHash) -> Option<SharedPlan> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).map(Arc::clone)
    }
}
