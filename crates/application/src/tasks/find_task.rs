//! Finds the call that a token is about: where it stands, and what it was sent.

use std::sync::Arc;

use domain::{
    access::TaskGrant,
    ids::{RunId, Seq},
    payload::Payload,
    ports::{Runs, StoreError},
    runs::{Run, RunData, RunState, RunStatus, TaskState, input_of_call, outputs_needed, restore_outputs},
    workflows::SharedPlan,
};

use crate::{Ports, plans::PlanCache};

/// Why there is no call to say anything about.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// There is no run with this id, not any more.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// The run is over.
    #[error("The call has ended: the run is {}", .0.as_str())]
    RunOver(RunStatus),
    /// The call has ended, and the run is elsewhere by now.
    #[error("The call has ended: the step is done, was given up, or has called anew")]
    Ended,
    /// The agent was deleted meanwhile.
    #[error("The agent '{0}' has been deleted")]
    NoAgent(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A call, and where it stands.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which call it is, and whose.
    pub grant: TaskGrant,
    /// The run.
    pub run: Run,
    /// Where it stands.
    pub state: TaskState,
    plan: SharedPlan,
    history: RunState,
}

/// Finds calls.
pub struct FindTask {
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
}

impl FindTask {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { runs: ports.runs.clone(), plans: ports.plans.clone() }
    }

    /// The call, whether it is open or over.
    pub async fn execute(&self, grant: &TaskGrant) -> Result<Task, TaskError> {
        let run = self.runs.get(&grant.run).await?.ok_or_else(|| TaskError::NotFound(grant.run.clone()))?;
        let history = self.runs.history(&grant.run).await?;
        // A run of the external executor has no events, and its calls carry no tokens.
        if history.is_empty() {
            return Err(TaskError::Ended);
        }
        let history = RunState::fold(&history).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let plan = self.plans.get(history.plan()).await?;
        let is_its = plan.at(&grant.step).and_then(|step| step.agent()).is_some_and(|work| work.agent == grant.agent);
        let state = if is_its { history.task(&grant.key()) } else { TaskState::Over };
        Ok(Task { grant: grant.clone(), run, state, plan, history })
    }

    /// The call, if it is open.
    pub async fn open(&self, grant: &TaskGrant) -> Result<Task, TaskError> {
        let task = self.execute(grant).await?;
        match task.state {
            TaskState::Working(_) | TaskState::Uncertain(_) => Ok(task),
            TaskState::Over if task.history.status().is_terminal() => Err(TaskError::RunOver(task.history.status())),
            TaskState::Over => Err(TaskError::Ended),
        }
    }

    /// What was sent with an open call. It has no row yet: it is made again of the run's input and of outputs, as whoever makes
    /// the call again after a crash does.
    pub async fn input(&self, grant: &TaskGrant) -> Result<Payload, TaskError> {
        let Task { run, plan, history, grant, .. } = self.open(grant).await?;
        let mut data = RunData::new(run.id.clone(), run.input.clone());
        let needed = outputs_needed(&plan, &history);
        let executions: Vec<Seq> = needed.keys().copied().collect();
        if !executions.is_empty() {
            for (execution, output) in self.runs.outputs(&run.id, &executions).await? {
                if let Some(path) = needed.get(&execution) {
                    data.outputs.insert((*path).clone(), output);
                }
            }
        }
        restore_outputs(&plan, &history, &mut data);
        let input = input_of_call(&plan, &data, &grant.step);
        input.ok_or_else(|| {
            let message = format!("the call of step '{}' in run {} cannot be made again", grant.step, run.id);
            TaskError::Store(StoreError::Corrupt(message))
        })
    }
}
