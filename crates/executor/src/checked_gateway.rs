//! The way to the agents, past what they declare: what is sent must fit the agent's `input_schema`, what it answers its
//! `output_schema`.
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
    payload::Payload,
    ports::{AgentGateway, AgentHealth, InvalidSchema, Schema, Schemas, Violation},
    runs::{AgentRequest, CallFailure, CallIds, CallOutcome, FailureKind},
};

/// The most agents whose compiled schemas are kept.
const CAPACITY: usize = 10_000;

/// Checks calls and answers of another gateway.
pub struct CheckedGateway {
    inner: Arc<dyn AgentGateway>,
    schemas: Arc<dyn Schemas>,
    /// Of each agent, those of the revision that was called last.
    compiled: Mutex<HashMap<AgentId, (u64, Compiled)>>,
}

/// The schemas of one revision of an agent.
#[derive(Clone)]
struct Compiled {
    input: Checker,
    output: Checker,
}

/// None where the agent does not say; an error if it says something that this program cannot read.
type Checker = Option<Result<Arc<dyn Schema>, InvalidSchema>>;

impl CheckedGateway {
    /// The same gateway, for agents that mean what they declare.
    pub fn new(inner: Arc<dyn AgentGateway>, schemas: Arc<dyn Schemas>) -> Self {
        Self { inner, schemas, compiled: Mutex::default() }
    }

    fn compiled(&self, agent: &Agent) -> Compiled {
        let mut known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, compiled)) = known.get(&agent.id).filter(|(revision, _)| *revision == agent.revision) {
            return compiled.clone();
        }
        let compile = |schema: &Option<_>| schema.as_ref().map(|schema| self.schemas.compile(schema));
        let compiled = Compiled { input: compile(&agent.schemas.input), output: compile(&agent.schemas.output) };
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
        let Compiled { input, output } = self.compiled(agent);
        if let Some(problem) = misfit(&input, &request.input) {
            let message = format!("The input does not fit the input_schema of agent '{}': {problem}", agent.name);
            // The same input fits no better at the next attempt.
            return refused(message, true);
        }
        let outcome = self.inner.call(agent, request).await;
        let CallOutcome::Completed(answer) = &outcome else { return outcome };
        match misfit(&output, answer) {
            None => outcome,
            Some(problem) => {
                let message = format!("The output does not fit the output_schema of agent '{}': {problem}", agent.name);
                refused(message, false)
            }
        }
    }

    async fn cancel(&self, agent: &Agent, ids: &CallIds) {
        self.inner.cancel(agent, ids).await;
    }

    async fn health(&self, agent: &Agent) -> AgentHealth {
        self.inner.health(agent).await
    }
}

/// Why a value does not fit, if it does not.
fn misfit(checker: &Checker, value: &Payload) -> Option<String> {
    match checker.as_ref()? {
        Ok(schema) => {
            let violations = schema.violations(value.value());
            (!violations.is_empty()).then(|| Violation::sentence(&violations))
        }
        Err(invalid) => Some(format!("it is no JSON Schema: {invalid}")),
    }
}

/// Definite: nothing was sent, or the agent has done its work; a next call is a new one.
fn refused(message: String, permanent: bool) -> CallOutcome {
    CallOutcome::Failed(CallFailure { permanent, ..CallFailure::definite(FailureKind::Validation, message) })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::{
        Timestamp,
        agents::{AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
        ids::RunId,
        ports::{MockAgentGateway, NoSchemas},
        runs::CallIds,
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
            updated_by: None,
        }
    }

    fn sending(input: Value) -> AgentRequest {
        let ids = CallIds { task: "t".into(), message: "m".into(), correlation: "c".into() };
        let input = Payload::new(input).expect("storable");
        AgentRequest { run: RunId::parse("r").expect("an id"), ids, input }
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
