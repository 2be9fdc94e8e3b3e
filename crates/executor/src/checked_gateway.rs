//! The way to the agents, past what they declare, as `AgentContract` has it.
//!
//! A decorator rather than a part of each gateway, so that both ways to the agents obey it. It does not judge what runs were
//! decided on before a schema changed: an answer that was taken stays taken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use domain::{
    agents::Agent,
    ids::AgentId,
    ports::{AgentGateway, AgentHealth, Schemas},
    runs::{AgentContract, AgentRequest, CallIds, CallOutcome},
};

/// The most agents whose compiled schemas are kept.
const CAPACITY: usize = 10_000;

/// Checks calls and answers of another gateway.
pub struct CheckedGateway {
    inner: Arc<dyn AgentGateway>,
    schemas: Arc<dyn Schemas>,
    /// Of each agent, those of the revision that was called last.
    compiled: Mutex<HashMap<AgentId, (u64, AgentContract)>>,
}

impl CheckedGateway {
    /// The same gateway, for agents that mean what they declare.
    pub fn new(inner: Arc<dyn AgentGateway>, schemas: Arc<dyn Schemas>) -> Self {
        Self { inner, schemas, compiled: Mutex::default() }
    }

    fn compiled(&self, agent: &Agent) -> AgentContract {
        let mut known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, compiled)) = known.get(&agent.id).filter(|(revision, _)| *revision == agent.revision) {
            return compiled.clone();
        }
        let compiled = AgentContract::of(agent, &*self.schemas);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(agent.id, (agent.revision, compiled.clone()));
        compiled
    }
}

#[async_trait]
impl AgentGateway for CheckedGateway {
    async fn call(&self, agent: &Agent, request: &AgentRequest) -> CallOutcome {
        if agent.schemas.is_empty() {
            return self.inner.call(agent, request).await;
        }
        let contract = self.compiled(agent);
        match contract.refuses(&request.input) {
            Some(failure) => CallOutcome::Failed(failure),
            None => contract.judge(self.inner.call(agent, request).await),
        }
    }

    async fn cancel(&self, agent: &Agent, ids: &CallIds) {
        self.inner.cancel(agent, ids).await;
    }

    async fn health(&self, agent: &Agent) -> AgentHealth {
        self.inner.health(agent).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::{
        Timestamp,
        agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
        ids::RunId,
        payload::Payload,
        ports::{InvalidSchema, MockAgentGateway, NoSchemas, Schema},
    };
    use serde_json::{Value, json};

    use super::*;

    fn agent(revision: u64, schemas: AgentSchemas) -> Agent {
        Agent {
            id: AgentId::new(uuid::Uuid::nil()),
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://a/").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: std::time::Duration::from_secs(1),
            retry: RetryPolicy::default(),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas,
            status: AgentStatus::Active,
            revision,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            created_by: None,
            updated_by: None,
        }
    }

    fn sending(input: Value) -> AgentRequest {
        let ids = CallIds { task: "t".into(), message: "m".into(), correlation: "c".into() };
        let input = Payload::new(input).expect("storable");
        AgentRequest { run: RunId::parse("r").expect("an id"), ids, input, pass: None, trace: None }
    }

    /// Agents that answer what they were sent, and are called so often.
    fn echo(times: usize) -> Arc<dyn AgentGateway> {
        let mut gateway = MockAgentGateway::new();
        gateway.expect_call().times(times).returning(|_, request| CallOutcome::Completed(request.input.clone()));
        Arc::new(gateway)
    }

    fn has(member: &str) -> Value {
        json!({"required": [member]})
    }

    /// Counts what is compiled.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Schemas for Counting {
        fn compile(&self, _: &Value) -> Result<Arc<dyn Schema>, InvalidSchema> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::new(NoSchemas))
        }
    }

    #[tokio::test]
    async fn an_input_that_does_not_fit_is_never_sent() {
        let gateway = CheckedGateway::new(echo(0), Arc::new(adapters_schema::JsonSchemas));
        let agent = agent(1, AgentSchemas { input: Some(has("a")), output: None });
        let CallOutcome::Failed(failure) = gateway.call(&agent, &sending(json!({}))).await else { panic!("sent") };
        assert!((failure.definite, failure.permanent) == (true, true), "{failure:?}");
        let expected = "The input does not fit the input_schema of agent 'A': ";
        assert!(failure.message.starts_with(expected) && failure.message.contains("\"a\""), "{}", failure.message);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_fit_has_failed_and_may_be_better_next_time() {
        let gateway = CheckedGateway::new(echo(2), Arc::new(adapters_schema::JsonSchemas));
        let agent = agent(1, AgentSchemas { input: None, output: Some(has("b")) });
        let CallOutcome::Failed(failure) = gateway.call(&agent, &sending(json!({}))).await else { panic!("taken") };
        assert!((failure.definite, failure.permanent) == (true, false), "{failure:?}");
        let expected = "The output does not fit the output_schema of agent 'A': ";
        assert!(failure.message.starts_with(expected), "{}", failure.message);
        assert!(matches!(gateway.call(&agent, &sending(json!({"b": 1}))).await, CallOutcome::Completed(_)));
    }

    #[tokio::test]
    async fn schemas_are_compiled_once_for_each_revision_and_for_agents_that_have_some() {
        let counting = Arc::new(Counting::default());
        let gateway = CheckedGateway::new(echo(6), counting.clone());
        let both = AgentSchemas { input: Some(has("a")), output: Some(has("b")) };
        for (revision, schemas, compiled) in [
            (1, AgentSchemas::default(), 0),
            (2, both.clone(), 2),
            (2, both.clone(), 2),
            (3, AgentSchemas { output: None, ..both.clone() }, 3),
            (3, AgentSchemas { output: None, ..both }, 3),
            (4, AgentSchemas::default(), 3),
        ] {
            gateway.call(&agent(revision, schemas), &sending(json!({}))).await;
            assert_eq!(counting.0.load(Ordering::Relaxed), compiled, "revision {revision}");
        }
    }
}
