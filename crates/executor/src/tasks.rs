//! Calls agents for the executor of the old system, in place of its bridge (contract 7.4 and 7.5).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    agents::{Agent, AgentName},
    ports::{AgentGateway, Agents, TaskHandler},
    runs::{AgentRequest, AgentTask, CallIds, CallOutcome, TaskOutcome},
};

use crate::directory::{AgentDirectory, Found};

/// The longest wait between two attempts, whatever an agent asks for: as long as the old executor waits for an answer.
const PATIENCE: Duration = Duration::from_mins(5);

/// Performs tasks.
pub struct TaskPerformer {
    directory: AgentDirectory,
    gateway: Arc<dyn AgentGateway>,
}

impl TaskPerformer {
    /// Performs tasks with the agents of a store.
    pub fn new(agents: Arc<dyn Agents>, gateway: Arc<dyn AgentGateway>) -> Self {
        Self { directory: AgentDirectory::new(agents), gateway }
    }

    /// As often as the agent's policy allows, and only after what passes.
    async fn call(&self, agent: &Agent, request: &AgentRequest) -> TaskOutcome {
        let mut attempt = 1;
        loop {
            match self.gateway.call(agent, request).await {
                CallOutcome::Completed(output) => return TaskOutcome::Success(output),
                CallOutcome::Failed(failure) => {
                    if !failure.passing || attempt >= agent.retry.attempts() {
                        return TaskOutcome::Failure(failure.message);
                    }
                    let wait = agent.retry.delay_after(attempt, 0).max(failure.retry_after.unwrap_or_default());
                    tokio::time::sleep(wait.min(PATIENCE)).await;
                    attempt += 1;
                }
            }
        }
    }
}

#[async_trait]
impl TaskHandler for TaskPerformer {
    async fn perform(&self, task: &AgentTask) -> TaskOutcome {
        let unknown = || TaskOutcome::Failure(format!("Agent '{}' not found in API database or registry", task.agent));
        let Ok(name) = AgentName::parse(&task.agent) else { return unknown() };
        match self.directory.find(&name).await {
            Ok(Found::Ready(agent)) => {
                let (id, correlation) = (task.task.clone(), task.correlation.clone());
                let ids = CallIds { message: format!("msg-{id}"), task: id, correlation };
                self.call(&agent, &AgentRequest { run: task.run.clone(), ids, input: task.input.clone(), pass: None })
                    .await
            }
            Ok(Found::Unknown) => unknown(),
            Ok(Found::Unusable(reason)) => TaskOutcome::Failure(reason),
            Err(error) => TaskOutcome::Failure(format!("Agent '{}' could not be looked up: {error}", task.agent)),
        }
    }
}
