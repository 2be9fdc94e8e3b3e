//! Lists the step executions of a run.

use std::sync::Arc;

use domain::{
    ids::RunId,
    ports::{Runs, StoreError},
    runs::{StepExecution, open_attempts},
};

use super::GetRunError;
use crate::{Ports, plans::PlanCache};

/// Lists the step executions of a run, one per attempt.
pub struct ListSteps {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
}

impl ListSteps {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { runs: ports.runs.clone(), plans: ports.plans.clone() }
    }

    /// All attempts in the order of their dispatch. Those under way have no row; they are derived from the run's events.
    pub async fn execute(&self, id: &RunId) -> Result<Vec<StepExecution>, GetRunError> {
        let run = self.runs.get(id).await?.ok_or_else(|| GetRunError::NotFound(id.clone()))?;
        // The events first: a row that is newer than they are only means that nothing needs to be derived for it.
        let history = self.runs.history(id).await?;
        let mut steps = self.runs.steps(id).await?;
        // Without a plan the old executor looks after the run, and writes rows of steps under way itself.
        if let Some(plan) = run.plan {
            match self.plans.get(plan).await {
                Ok(plan) => steps.extend(open_attempts(&plan, &run, &history, &steps)),
                // The run of a foreign plan that cannot be executed has failed at once, and has no steps.
                Err(StoreError::Corrupt(reason)) => {
                    tracing::debug!(run.id = %id, reason, "no plan to derive steps from");
                }
                Err(error) => return Err(error.into()),
            }
            steps.sort_by_key(|step| step.execution);
        }
        Ok(steps)
    }
}
