//! Rehearses a version of a workflow against mocks: nothing is stored, and nobody is called.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    agents::AgentName,
    ids::{RunId, WorkflowId},
    payload::Payload,
    ports::{Agents, Clock, IdGenerator, Schemas, StoreError, Violation, Workflows},
    runs::AgentContract,
    workflows::{Plan, Work},
};

use super::{
    get_version::{GetVersionError, find},
    rehearsal::{MockedAgent, Mocks, Rehearsed, Surroundings, rehearse},
};
use crate::{Ports, plans::PlanCache};

/// Why nothing was rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum TestWorkflowError {
    /// There is no workflow with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// There is no version with the number that was asked for.
    #[error(transparent)]
    Version(#[from] GetVersionError),
    /// The input does not fit the version's `input_schema`; every violation with its place in the input.
    #[error("the input does not fit the workflow's input_schema: {}", Violation::sentence(.0))]
    UnfitInput(Vec<Violation>),
    /// Mocks are there for what is no step of the workflow: their names.
    #[error("there is no such step: {}", .0.join(", "))]
    UnknownSteps(Vec<String>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rehearses workflows.
pub struct TestWorkflow {
    workflows: Arc<dyn Workflows>,
    agents: Arc<dyn Agents>,
    plans: Arc<PlanCache>,
    schemas: Arc<dyn Schemas>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl TestWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            workflows: ports.workflows.clone(),
            agents: ports.agents.clone(),
            plans: ports.plans.clone(),
            schemas: ports.schemas.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Rehearses the row with this id, or the version of its workflow that is asked for, whatever its status: a draft is there
    /// to be tried.
    pub async fn execute(
        &self,
        id: WorkflowId,
        version: Option<u32>,
        input: Payload,
        mocks: &Mocks,
    ) -> Result<Rehearsed, TestWorkflowError> {
        let row = match version {
            Some(version) => find(&*self.workflows, id, version).await?,
            None => self.workflows.get(id).await?.ok_or(TestWorkflowError::NotFound(id))?,
        };
        let plan = self.plans.get(row.plan).await?;
        let violations = plan.input_violations(&input);
        if !violations.is_empty() {
            return Err(TestWorkflowError::UnfitInput(violations));
        }
        let unknown = unknown_steps(&plan, mocks);
        if !unknown.is_empty() {
            return Err(TestWorkflowError::UnknownSteps(unknown));
        }
        let around = Surroundings {
            workflows: &*self.workflows,
            plans: &self.plans,
            agents: self.mocked(&plan).await?,
            clock: &*self.clock,
        };
        let run = RunId::mint(self.ids.unique());
        Ok(rehearse(run, &plan, input, mocks, around).await?)
    }

    /// How the agents' calls are tried again, and what they must fit.
    async fn mocked(&self, plan: &Plan) -> Result<BTreeMap<String, MockedAgent>, StoreError> {
        let names: BTreeSet<AgentName> = plan
            .steps()
            .filter_map(|step| match &step.work {
                Work::Agent(work) => Some(work.agent.clone()),
                _ => None,
            })
            .collect();
        let found = self.agents.by_names(&names.into_iter().collect::<Vec<_>>()).await?;
        let mocked = found.iter().map(|agent| {
            let contract = AgentContract::of(agent, &*self.schemas);
            (agent.name.as_str().to_owned(), MockedAgent { policy: agent.retry_policy().clone(), contract })
        });
        Ok(mocked.collect())
    }
}

/// Mocks that stand neither for a step nor for a place of one. A place inside of a loop has a number where the plan has none.
fn unknown_steps(plan: &Plan, mocks: &Mocks) -> Vec<String> {
    let is_known = |name: &&String| {
        let path = domain::ids::StepPath::parse(name).ok();
        plan.steps().any(|step| step.id.as_str() == name.as_str()) || path.is_some_and(|path| plan.at(&path).is_some())
    };
    mocks.0.keys().filter(|name| !is_known(name)).cloned().collect()
}
