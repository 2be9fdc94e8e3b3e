//! From the stored events of a run to a state that can be gone on with.

use std::sync::Arc;

use application::plans::PlanCache;
use domain::{
    ids::{RunId, Seq},
    payload::Payload,
    ports::{Runs, StoreError},
    runs::{
        AgentCall, ChildResume, EventRecord, RunData, RunState, calls_in_flight, outputs_needed, restore_outputs,
        resumed_children,
    },
    workflows::SharedPlan,
};

/// Loads runs.
#[derive(Clone)]
pub struct RunLoader {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
}

/// A run that can be gone on with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its plan.
    pub plan: SharedPlan,
    /// Its state, folded from its events.
    pub state: RunState,
    /// Its data, with the outputs that are still needed.
    pub data: RunData,
    /// The calls that may be under way; a new owner makes them again.
    pub calls: Vec<AgentCall>,
    /// The runs that may have to be resumed for this one; a new owner does it again.
    pub resumes: Vec<ChildResume>,
}

impl RunLoader {
    /// Loads from these ports.
    pub fn new(runs: Arc<dyn Runs>, plans: Arc<PlanCache>) -> Self {
        Self { runs, plans }
    }

    /// Prepares a run whose events and input are at hand.
    pub async fn prepare(&self, run: &RunId, history: &[EventRecord], input: Payload) -> Result<Loaded, StoreError> {
        let state = RunState::fold(history).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let plan = self.plans.get(state.plan()).await?;
        let mut data = RunData::new(run.clone(), input);
        let needed = outputs_needed(&plan, &state);
        if !needed.is_empty() {
            let executions: Vec<Seq> = needed.keys().copied().collect();
            for (execution, output) in self.runs.outputs(run, &executions).await? {
                if let Some(path) = needed.get(&execution) {
                    data.outputs.insert((*path).clone(), output);
                }
            }
        }
        restore_outputs(&plan, &state, &mut data);
        let calls = calls_in_flight(&plan, &state, &mut data).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let resumes = resumed_children(&state, run);
        Ok(Loaded { plan, state, data, calls, resumes })
    }

    /// Prepares a run from its id alone.
    pub async fn reload(&self, run: &RunId) -> Result<Loaded, StoreError> {
        let history = self.runs.history(run).await?;
        let row = self.runs.get(run).await?.ok_or_else(|| StoreError::Corrupt(format!("run {run} is missing")))?;
        self.prepare(run, &history, row.input).await
    }
}
