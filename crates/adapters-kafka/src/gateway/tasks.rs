//! Calls through the bridge.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    agents::Agent,
    ports::{AgentGateway, AgentHealth, Clock},
    runs::{AgentRequest, AgentTask, CallFailure, CallIds, CallOutcome, FailureKind},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{failure, waiting::Waiting};
use crate::{
    producer::{NotSent, Outgoing, SharedProducer},
    trace,
    wire::{self, TaskResult},
};

/// How long a call waits until the results can be read.
const READINESS: Duration = Duration::from_secs(15);

/// Calls agents through the bridge of the old system, over topics. Results arrive only while the
/// [`KafkaResults`](super::KafkaResults) that were made with it run.
///
/// A repeated call sends the same task under the same ids; only its `timestamp` differs, which no agent gets to see. It may
/// take longer than the agent's timeout: the bridge makes all the attempts of the agent's retry policy by itself.
pub struct KafkaAgentGateway {
    pub(super) producer: SharedProducer,
    pub(super) topic: String,
    pub(super) margin: Duration,
    pub(super) waiting: Arc<Waiting>,
    pub(super) can_hear: watch::Receiver<bool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cards: Arc<dyn AgentGateway>,
}

impl KafkaAgentGateway {
    async fn exchange(&self, agent: &Agent, request: &AgentRequest) -> Result<TaskResult, CallFailure> {
        let correlation = &request.ids.correlation;
        let allowed = allowed(agent, self.margin);
        let began = Instant::now();
        let mut can_hear = self.can_hear.clone();
        match timeout_at(began + READINESS, can_hear.wait_for(|can_hear| *can_hear)).await {
            Ok(Ok(_)) => {}
            // Nothing was sent now; but the owner before may have sent the same task.
            Ok(Err(_)) | Err(_) => {
                return Err(CallFailure::unknown(
                    FailureKind::Connection,
                    "the results of agent tasks cannot be read from Kafka",
                ));
            }
        }
        let mut waiter = self.waiting.wait_for(correlation);
        self.send(agent, request).await?;
        let result = timeout_at(began + allowed, waiter.result()).await;
        result.map_err(|_| failure::timeout(allowed, correlation))
    }

    async fn send(&self, agent: &Agent, request: &AgentRequest) -> Result<(), CallFailure> {
        let task = AgentTask {
            run: request.run.clone(),
            task: request.ids.task.clone(),
            agent: agent.name.as_str().to_owned(),
            input: request.input.clone(),
            correlation: request.ids.correlation.clone(),
            trace: request.trace,
        };
        let value = wire::task(&task, self.clock.now());
        let value = value.ok_or_else(|| failure::unsendable("the step's input is not an object"))?;
        let derived = || trace::parent(task.run.as_str(), &task.correlation);
        let parent = request.trace.map_or_else(derived, |place| place.to_string());
        let record = Outgoing {
            topic: &self.topic,
            key: Some(task.run.as_str().as_bytes()),
            value: Some(&value),
            headers: vec![(trace::HEADER.to_owned(), parent.into_bytes())],
        };
        self.producer.send(record).await.map_err(|not_sent| match not_sent {
            NotSent::Refused(reason) => failure::unsendable(&reason),
            NotSent::Unavailable(reason) => {
                CallFailure::unknown(FailureKind::Connection, format!("the task was not acknowledged: {reason}"))
            }
        })
    }
}

#[async_trait]
impl AgentGateway for KafkaAgentGateway {
    async fn call(&self, agent: &Agent, request: &AgentRequest) -> CallOutcome {
        match self.exchange(agent, request).await {
            Ok(TaskResult::Success(output)) => CallOutcome::Completed(output),
            // The agent did its work, and would do the same again.
            Ok(TaskResult::Unusable(reason)) => {
                let message = format!("the agent's output cannot be kept: {reason}");
                CallOutcome::Failed(CallFailure::definite(FailureKind::Validation, message))
            }
            Ok(TaskResult::Failure(message)) => CallOutcome::Failed(failure::reported(&message)),
            Err(failure) => CallOutcome::Failed(failure),
        }
    }

    /// A bridge makes the calls, and takes no word back.
    async fn cancel(&self, _: &Agent, _: &CallIds) {}

    async fn health(&self, agent: &Agent) -> AgentHealth {
        self.cards.health(agent).await
    }
}

/// As long as the bridge's attempts and the waits between them can take (contract 7.5), and a margin.
fn allowed(agent: &Agent, margin: Duration) -> Duration {
    let attempts = agent.retry.attempts();
    let waits: Duration = (1..attempts).map(|failed| agent.retry.delay_after(failed, 0)).sum();
    agent.timeout * attempts + waits + margin
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
        ids::AgentId,
    };

    fn agent(retries: u32) -> Agent {
        let at = "2026-11-22T21:47:05Z".parse().expect("a time");
        Agent {
            id: AgentId::new(uuid::Uuid::from_u128(1)),
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://a/").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::new(retries, 1000, 3000, 2.0).expect("a policy"),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas: AgentSchemas::default(),
            status: AgentStatus::Active,
            revision: 1,
            created_at: at,
            updated_at: at,
            created_by: None,
            updated_by: None,
        }
    }

    #[test]
    fn a_call_may_take_as_long_as_all_attempts_of_the_bridge() {
        let margin = Duration::from_secs(10);
        assert_eq!(allowed(&agent(0), margin), Duration::from_secs(40));
        assert_eq!(allowed(&agent(1), margin), Duration::from_secs(40));
        // 4 × 30 s, waits of 1, 2 and 3 s, and the margin.
        assert_eq!(allowed(&agent(4), margin), Duration::from_secs(136));
    }
}
