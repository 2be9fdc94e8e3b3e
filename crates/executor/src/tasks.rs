//! Calls agents for the executor of the old system, in place of its bridge (contract 7.4 and 7.5).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    agents::{Agent, AgentName},
    ports::{AgentGateway, Agents, Clock, Spans, TaskHandler},
    runs::{AgentRequest, AgentTask, CallIds, CallOutcome, TaskOutcome},
};

use crate::{
    directory::{AgentDirectory, Found},
    spans::CallSpans,
};

/// The longest wait between two attempts, whatever an agent asks for: as long as the old executor waits for an answer.
const PATIENCE: Duration = Duration::from_mins(5);

/// Performs tasks.
pub struct TaskPerformer {
    directory: AgentDirectory,
    gateway: Arc<dyn AgentGateway>,
    tracing: CallSpans,
}

impl TaskPerformer {
    /// Performs tasks with the agents of a store.
    pub fn new(
        agents: Arc<dyn Agents>,
        gateway: Arc<dyn AgentGateway>,
        spans: Arc<dyn Spans>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { directory: AgentDirectory::new(agents), gateway, tracing: CallSpans { spans, clock } }
    }

    /// As often as the agent's policy allows, and only after what passes.
    async fn call(&self, agent: &Agent, task: &AgentTask, request: AgentRequest) -> TaskOutcome {
        let mut attempt = 1;
        loop {
            let traced = self.tracing.begin_task(task, attempt);
            let request = AgentRequest { trace: Some(traced.place), ..request.clone() };
            let outcome = self.gateway.call(agent, &request).await;
            self.tracing.end_task(&traced, task, &outcome);
            match outcome {
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
                let (run, input) = (task.run.clone(), task.input.clone());
                self.call(&agent, task, AgentRequest { run, ids, input, pass: None, trace: None }).await
            }
            Ok(Found::Unknown) => unknown(),
            Ok(Found::Unusable(reason)) => TaskOutcome::Failure(reason),
            Err(error) => TaskOutcome::Failure(format!("Agent '{}' could not be looked up: {error}", task.agent)),
        }
    }
}
