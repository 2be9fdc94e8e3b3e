//! Where workflows are rehearsed: a store in memory, one agent `A` with three attempts, and a clock at the epoch.

use std::sync::Arc;

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    agents::NewAgent,
    plans::PlanCache,
    workflows::{Mocks, NewWorkflow, Rehearsed, TestWorkflowError},
};
use domain::{
    Timestamp,
    access::Actor,
    agents::{AgentAuth, AgentName, AgentSchemas, AgentUrl, RetryPolicy},
    ids::WorkflowId,
    payload::Payload,
    ports::{Clock, MockAgentGateway, MockEngine, MockFeedWatch, MockRunFeed, MockRunWatch, MockRunWriter},
    workflows::{WorkflowName, WorkflowStatus},
};
use serde_json::Value;

pub(crate) struct Theatre(UseCases);

impl Theatre {
    pub(crate) async fn new() -> Self {
        Self::of(AgentSchemas::default(), Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH))).await
    }

    /// The same where the agent declares this, and with another clock on the wall.
    pub(crate) async fn of(schemas: AgentSchemas, clock: Arc<dyn Clock>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut engine = MockEngine::new();
        engine.expect_agents_changed().return_const(());
        let uses = UseCases::new(&Ports {
            agents: store.clone(),
            workflows: store.clone(),
            transactions: store.clone(),
            runs: store.clone(),
            watch: Arc::new(MockRunWatch::new()),
            feed: Arc::new(MockRunFeed::new()),
            feed_watch: Arc::new(MockFeedWatch::new()),
            inbox: store.clone(),
            leases: store.clone(),
            fleet: None,
            dead_letters: store.clone(),
            audit: store.clone(),
            schedules: store.clone(),
            calendar: Arc::new(domain::ports::NoCalendar),
            traffic: store.clone(),
            // A rehearsal stores nothing and calls nobody: these would panic.
            writer: Arc::new(MockRunWriter::new()),
            gateway: Arc::new(MockAgentGateway::new()),
            engine: Arc::new(engine),
            clock,
            ids: Arc::new(SequentialIds::new(1)),
            plans: Arc::new(PlanCache::new(store.clone(), Arc::new(JsonSchemas))),
            schemas: Arc::new(JsonSchemas),
            max_nesting: domain::workflows::MAX_NESTING,
            agent_networks: domain::agents::Networks::default(),
            external: None,
        });
        let agent = NewAgent {
            name: AgentName::parse("A").expect("a name"),
            url: AgentUrl::parse("http://agent/").expect("a URL"),
            description: None,
            auth: AgentAuth::None,
            timeout: std::time::Duration::from_secs(30),
            retry: RetryPolicy::new(3, 1000, 30_000, 2.0).expect("valid"),
            retry_strategy: None,
            circuit_breaker: None,
            max_concurrent_calls: None,
            schemas,
        };
        uses.create_agent.execute(agent, &Actor::system()).await.expect("registered");
        Self(uses)
    }

    /// Stores a document: `start_step`, `steps`, and perhaps `output`.
    pub(crate) async fn stage(&self, name: &str, document: &Value) -> WorkflowId {
        let new = NewWorkflow {
            name: WorkflowName::parse(name).expect("a name"),
            description: None,
            start_step: document["start_step"].as_str().expect("a first step").to_owned(),
            steps: serde_json::from_value(document["steps"].clone()).expect("steps"),
            limits: domain::workflows::RunLimits::default(),
            input_schema: document.get("input_schema").cloned(),
            output: document.get("output").cloned(),
            on_complete: None,
            status: WorkflowStatus::Active,
            change_summary: None,
        };
        self.0
            .create_workflow
            .execute(new, &Actor::named("me"))
            .await
            .unwrap_or_else(|refused| panic!("{refused:#?}"))
            .id
    }

    /// Rehearses it with an object of mocks.
    pub(crate) async fn play(
        &self,
        workflow: WorkflowId,
        input: Value,
        mocks: &Value,
    ) -> Result<Rehearsed, TestWorkflowError> {
        let mocks = mocks.as_object().into_iter().flatten().map(|(name, mock)| (name.clone(), mock.clone()));
        let input = Payload::new(input).expect("storable");
        self.0.test_workflow.execute(workflow, None, input, &Mocks(mocks.collect())).await
    }
}

/// A step of type `agent`, in the words of a document.
pub(crate) fn agent(id: &str, input: &Value) -> Value {
    serde_json::json!({"id": id, "agent_name": "A", "input_mapping": input})
}
