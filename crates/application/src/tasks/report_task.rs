//! Tells a run what its agent says about a call. The run's owner decides, as if the call itself had answered.

use std::sync::Arc;

use domain::{
    access::{Actor, TaskGrant},
    agents::{Agent, AgentStatus},
    audit::AuditEntry,
    ids::AuditId,
    payload::Payload,
    ports::{Agents, Appended, Clock, Engine, IdGenerator, InboxNote, RunInbox, Schemas, StoreError, Violation},
    runs::Reported,
};

use super::{FindTask, Task, TaskError};
use crate::Ports;

/// What an agent says about a call.
#[derive(Debug, Clone)]
pub enum TaskReport {
    /// It is at it.
    Working {
        /// How it is getting on.
        message: String,
    },
    /// It has done the work; the step's output.
    Completed(Payload),
    /// It has not, and will not.
    Failed {
        /// Why.
        error: String,
    },
}

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
pub enum ReportTaskError {
    /// There is no such call, or it has ended.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The output is not what the agent's `output_schema` says. The call goes on: a better one may be reported.
    #[error("The output does not fit the output_schema of agent '{agent}'")]
    UnfitOutput {
        /// The agent.
        agent: String,
        /// Where and how.
        violations: Vec<Violation>,
    },
}

impl From<StoreError> for ReportTaskError {
    fn from(error: StoreError) -> Self {
        Self::Task(error.into())
    }
}

/// Tells runs what agents report.
pub struct ReportTask {
    find: FindTask,
    agents: Arc<dyn Agents>,
    schemas: Arc<dyn Schemas>,
    inbox: Arc<dyn RunInbox>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl ReportTask {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            find: FindTask::new(ports),
            agents: ports.agents.clone(),
            schemas: ports.schemas.clone(),
            inbox: ports.inbox.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Tells the run. What has ended meanwhile stays as it ended: the report is then ignored by the run's owner.
    pub async fn execute(&self, grant: &TaskGrant, report: TaskReport, by: &Actor) -> Result<Task, ReportTaskError> {
        let task = self.find.open(grant).await?;
        let agent = self.agent(grant).await?;
        let (key, at) = (grant.key(), self.clock.now());
        let note = match report {
            TaskReport::Working { message } => InboxNote::progress(key, message, at),
            TaskReport::Completed(output) => {
                self.check(&agent, &output)?;
                InboxNote::report(key, Reported::Completed { output }, agent.retry_policy().clone(), at)
            }
            TaskReport::Failed { error } => {
                InboxNote::report(key, Reported::Failed { error }, agent.retry_policy().clone(), at)
            }
        };
        let id = AuditId::new(self.ids.unique());
        let entry = AuditEntry::of_message(id, by, &note.run, None, &note.message, at).map(Arc::new);
        match self.inbox.append(&note, entry).await? {
            Appended::Waiting => {
                self.engine.ring();
                Ok(task)
            }
            Appended::Over(status) => Err(TaskError::RunOver(status).into()),
            Appended::Gone => Err(TaskError::NotFound(grant.run.clone()).into()),
        }
    }

    /// An inactive agent is called no more, but what it has begun counts; a deleted one is nobody.
    async fn agent(&self, grant: &TaskGrant) -> Result<Agent, ReportTaskError> {
        let found = self.agents.by_names(std::slice::from_ref(&grant.agent)).await?.pop();
        let agent = found.filter(|agent| agent.status != AgentStatus::Deleted);
        agent.ok_or_else(|| TaskError::NoAgent(grant.agent.to_string()).into())
    }

    fn check(&self, agent: &Agent, output: &Payload) -> Result<(), ReportTaskError> {
        let Some(declared) = &agent.schemas.output else { return Ok(()) };
        let violations = match self.schemas.compile(declared) {
            Ok(schema) => schema.violations(output.value()),
            Err(invalid) => {
                vec![Violation { pointer: String::new(), message: format!("it is no JSON Schema: {invalid}") }]
            }
        };
        if violations.is_empty() {
            return Ok(());
        }
        Err(ReportTaskError::UnfitOutput { agent: agent.name.to_string(), violations })
    }
}
