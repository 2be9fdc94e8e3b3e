//! Whether somebody who is known may do something to what a request names.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    access::{Access, Forbidden, Resource, Right},
    ids::{RunId, WorkflowId},
    ports::{Agents, Clock, DeadLetters, Policy, Runs, Schedules, StoreError, Workflows},
    workflows::Mentioned,
};

use super::{Named, Session, scope};
use crate::Ports;

/// How many runs are remembered with their workflows.
const REMEMBERED: usize = 10_000;

/// Why something may not be done.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    /// It is not allowed.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The rules of the token ran over their limits before they came to a verdict.
    #[error("the rules of the token ran over their limits")]
    Undecided,
    /// What the request names cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides what callers may do.
pub struct Authorize {
    policy: Arc<dyn Policy>,
    agents: Arc<dyn Agents>,
    workflows: Arc<dyn Workflows>,
    runs: Arc<dyn Runs>,
    dead_letters: Arc<dyn DeadLetters>,
    schedules: Arc<dyn Schedules>,
    clock: Arc<dyn Clock>,
    /// The names of the workflows of runs, which never change.
    workflow_of: Mutex<HashMap<RunId, String>>,
}

impl Authorize {
    /// Over the ports and the policy.
    pub fn new(ports: &Ports, policy: Arc<dyn Policy>) -> Self {
        Self {
            policy,
            agents: ports.agents.clone(),
            workflows: ports.workflows.clone(),
            runs: ports.runs.clone(),
            dead_letters: ports.dead_letters.clone(),
            schedules: ports.schedules.clone(),
            clock: ports.clock.clone(),
            workflow_of: Mutex::default(),
        }
    }

    /// Whether the caller's role has what an operation asks for; the right that is then used, if it asks for one.
    pub fn role(&self, session: &Session, access: Access) -> Result<Option<Right>, Forbidden> {
        match access {
            Access::Public | Access::Known => Ok(None),
            Access::Needs(right) if self.policy.grants(session.principal.role, right) => Ok(Some(right)),
            Access::Needs(right) => Err(Forbidden::Lacks(right)),
        }
    }

    /// Whether it matters what a request names. Looking that up costs a read, which most callers need not pay.
    pub fn is_restricted(session: &Session, right: Right) -> bool {
        scope::restricts(&session.principal.scope, right) || session.is_attenuated()
    }

    /// Whether the caller may use the right on something.
    pub async fn allows(&self, session: &Session, right: Right, named: &Named) -> Result<(), NotAllowed> {
        let task = session.held.as_ref().and_then(|held| held.grant().task.as_ref());
        let is_restricted = Self::is_restricted(session, right);
        let resource = match (right, task) {
            // The token says itself what it is about, and no request could say anything else.
            (Right::TasksReport, Some(task)) => Resource {
                step: Some(task.step.to_string()),
                agent: Some(task.agent.to_string()),
                ..if is_restricted {
                    self.run(&task.run).await?
                } else {
                    Resource { run: Some(task.run.to_string()), ..Resource::default() }
                }
            },
            _ if is_restricted => self.resource(named).await?,
            _ => Resource::default(),
        };
        self.allows_resource(session, right, &resource)
    }

    /// Whether it matters what the caller writes down in a document.
    pub fn restricts_writing(session: &Session) -> bool {
        !session.principal.scope.is_open() || session.is_attenuated()
    }

    /// Whether the caller may use the right to write something into `place` that names something else.
    pub async fn may_mention(
        &self,
        session: &Session,
        right: Right,
        place: &Named,
        what: &Mentioned,
    ) -> Result<(), NotAllowed> {
        let resource = match what {
            // A token for a workflow says nothing about agents, so it is told both.
            Mentioned::Agent(name) => Resource { agent: Some(name.clone()), ..self.resource(place).await? },
            Mentioned::Workflow(name) => Resource { workflow: Some(name.clone()), ..Resource::default() },
            Mentioned::WorkflowId(id) => self.resource(&Named::Workflow(*id)).await?,
        };
        scope::takes_in_mention(&session.principal.scope, what, resource.workflow.as_ref())?;
        self.allowed_by_token(session, right, &resource)
    }

    fn allows_resource(&self, session: &Session, right: Right, resource: &Resource) -> Result<(), NotAllowed> {
        scope::takes_in(&session.principal.scope, right, resource)?;
        self.allowed_by_token(session, right, resource)
    }

    fn allowed_by_token(&self, session: &Session, right: Right, resource: &Resource) -> Result<(), NotAllowed> {
        match &session.held {
            Some(held) => held
                .allows(right, resource, self.clock.now())
                .map_err(|forbidden| forbidden.map_or(NotAllowed::Undecided, NotAllowed::Forbidden)),
            None => Ok(()),
        }
    }

    /// What it is that a request names; nothing where there is no such thing.
    async fn resource(&self, named: &Named) -> Result<Resource, StoreError> {
        let workflow = |name| Resource { workflow: name, ..Resource::default() };
        let agent = |name| Resource { agent: name, ..Resource::default() };
        Ok(match named {
            Named::Workflow(id) => workflow(self.name_of(*id).await?),
            Named::Schedule(id) => match self.schedules.get(*id).await? {
                Some(schedule) => workflow(self.name_of(schedule.workflow).await?),
                None => Resource::default(),
            },
            Named::WorkflowName(name) => workflow(Some(name.clone())),
            Named::Run(id) => self.run(id).await?,
            Named::DeadLetter(id) => match self.dead_letters.get(*id).await? {
                Some(entry) => Resource {
                    run: Some(entry.run.to_string()),
                    step: Some(entry.last.path.to_string()),
                    ..workflow(Some(entry.workflow_name))
                },
                None => Resource::default(),
            },
            Named::Agent(id) => agent(self.agents.get(*id).await?.map(|found| found.name.to_string())),
            Named::AgentName(name) => agent(Some(name.clone())),
            Named::Anything => Resource::default(),
        })
    }

    async fn name_of(&self, workflow: WorkflowId) -> Result<Option<String>, StoreError> {
        Ok(self.workflows.get(workflow).await?.map(|found| found.name.as_str().to_owned()))
    }

    async fn run(&self, id: &RunId) -> Result<Resource, StoreError> {
        let known = self.workflow_of.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let workflow = match known {
            Some(name) => Some(name),
            None => self.runs.get(id).await?.map(|run| self.remember(id, run.workflow_name)),
        };
        Ok(Resource { run: Some(id.to_string()), workflow, ..Resource::default() })
    }

    fn remember(&self, id: &RunId, workflow: String) -> String {
        let mut known = self.workflow_of.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is restricted looks at few runs at a time: to forget all of them now and then costs little.
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id.clone(), workflow.clone());
        workflow
    }
}
