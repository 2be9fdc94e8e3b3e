//! The use cases of workflows and runs over the memory store, with scripted neighbours.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use adapters_schema::JsonSchemas;
use application::{
    Ports, UseCases,
    agents::{AgentChanges, CreateAgentError, NewAgent},
    plans::PlanCache,
    runs::{CancelRunError, ExecuteWorkflowError, RetryRunError},
    workflows::{CreateWorkflowError, NewWorkflow, UpdateWorkflowError, WorkflowChanges},
};
use domain::{
    Timestamp,
    access::Actor,
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy},
    ids::StepId,
    page::PageRequest,
    payload::Payload,
    ports::{
        MockAgentGateway, MockEngine, MockFeedWatch, MockRunFeed, MockRunWatch, MockRunWriter, Overloaded, RunWriter,
    },
    revision::Expected,
    runs::RunStatus,
    workflows::{StepDocument, WorkflowDefinition, WorkflowName, WorkflowStatus},
};
use serde_json::json;

fn ports(engine: MockEngine, writer: Option<MockRunWriter>) -> Ports {
    let store = Arc::new(MemoryStore::new());
    let direct = store.clone();
    let writer: Arc<dyn RunWriter> = writer.map_or_else(
        || {
            let mut writer = MockRunWriter::new();
            let write = move |commit| direct.commit_now(&[commit])[0];
            let again = write.clone();
            writer.expect_write().returning(move |commit| Ok(write(commit)));
            writer.expect_write_then().returning(move |commit, then| {
                let outcome = again(commit);
                then(outcome);
                Ok(outcome)
            });
            Arc::new(writer) as Arc<dyn RunWriter>
        },
        |writer| Arc::new(writer),
    );
    Ports {
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
        writer,
        gateway: Arc::new(MockAgentGateway::new()),
        engine: Arc::new(engine),
        clock: Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH)),
        ids: Arc::new(SequentialIds::new(1)),
        plans: Arc::new(PlanCache::new(store, Arc::new(JsonSchemas))),
        schemas: Arc::new(JsonSchemas),
        max_nesting: domain::workflows::MAX_NESTING,
        agent_networks: domain::agents::Networks::default(),
        external: None,
    }
}

/// An engine that takes nothing and hears everything.
fn deaf() -> MockEngine {
    let mut engine = MockEngine::new();
    engine.expect_offer().return_const(None);
    engine.expect_ring().return_const(());
    engine.expect_agents_changed().return_const(());
    engine.expect_cancelled().return_const(());
    engine
}

async fn uses() -> UseCases {
    let uses = UseCases::new(&ports(deaf(), None));
    agent(&uses, "A").await.expect("registered");
    uses
}

async fn agent(uses: &UseCases, name: &str) -> Result<Agent, CreateAgentError> {
    let new = NewAgent {
        name: AgentName::parse(name).expect("a name"),
        url: AgentUrl::parse("http://agent/").expect("a URL"),
        description: None,
        auth: AgentAuth::None,
        timeout: Duration::from_secs(30),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
    };
    uses.create_agent.execute(new, &Actor::system()).await
}

fn steps(agents: &[&str]) -> BTreeMap<String, StepDocument> {
    let step = |n: usize| {
        let next = (n + 1 < agents.len()).then(|| format!("s{}", n + 1));
        let step = json!({"id": format!("s{n}"), "agent_name": agents[n], "next_step": next, "input_mapping": {}});
        (format!("s{n}"), serde_json::from_value(step).expect("a step"))
    };
    (0..agents.len()).map(step).collect()
}

async fn create(uses: &UseCases, agents: &[&str]) -> Result<WorkflowDefinition, CreateWorkflowError> {
    uses.create_workflow.execute(new_workflow(agents), &Actor::named("me")).await
}

fn new_workflow(agents: &[&str]) -> NewWorkflow {
    let name = WorkflowName::parse("w").expect("a name");
    NewWorkflow {
        name,
        description: None,
        start_step: "s0".into(),
        steps: steps(agents),
        limits: domain::workflows::RunLimits::default(),
        input_schema: None,
        output: None,
        on_complete: None,
        status: WorkflowStatus::Active,
        change_summary: None,
    }
}

fn page() -> PageRequest {
    PageRequest::new(1, 100).expect("a page")
}

#[tokio::test]
async fn a_name_is_taken_even_by_a_deleted_agent() {
    let uses = uses().await;
    let first = agent(&uses, "B").await.expect("registered");
    uses.delete_agent.execute(&Expected::Any, first.id, &Actor::named("me")).await.expect("deleted");
    uses.delete_agent.execute(&Expected::Any, first.id, &Actor::named("me")).await.expect("deleted once more");
    assert!(matches!(agent(&uses, "B").await, Err(CreateAgentError::NameDeleted(name)) if name.as_str() == "B"));
}

#[tokio::test]
async fn new_content_makes_a_new_version_under_the_same_id() {
    let uses = uses().await;
    let first = create(&uses, &["A"]).await.expect("created");
    let changes = WorkflowChanges { steps: Some(steps(&["A", "A"])), ..WorkflowChanges::default() };
    let second = uses.update_workflow.execute(first.id, &changes, &Actor::named("you")).await.expect("updated");
    assert_eq!((second.id, second.version, second.document.steps.len()), (first.id, 2, 2));
    let third = create(&uses, &["A", "A", "A"]).await.expect("posted under the same name");
    assert_eq!((third.id, third.version), (first.id, 3));

    let versions = uses.list_versions.execute(first.id, page()).await.expect("versions").items;
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.document.steps.len(), v.head == first.id)).collect();
    assert_eq!(told, [(3, 3, true), (2, 2, true), (1, 1, true)]);
    let run = uses
        .execute_workflow
        .execute(versions[2].id, Payload::empty(), &Actor::named("me"))
        .await
        .expect("an old version runs");
    assert_eq!((run.workflow_version, run.plan), (Some(1), Some(first.plan)));
}

#[tokio::test]
async fn an_old_version_cannot_be_changed() {
    let uses = uses().await;
    let head = create(&uses, &["A"]).await.expect("created");
    create(&uses, &["A"]).await.expect("version 2");
    let old = uses.list_versions.execute(head.id, page()).await.expect("versions").items.pop().expect("version 1");
    let change = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    let refused = uses.update_workflow.execute(old.id, &change, &Actor::named("me")).await;
    assert!(matches!(refused, Err(UpdateWorkflowError::OldVersion { version: 1, head: id }) if id == head.id));
}

#[tokio::test]
async fn status_and_description_change_in_place() {
    let uses = uses().await;
    let workflow = create(&uses, &["A"]).await.expect("created");
    let change = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    let changed = uses.update_workflow.execute(workflow.id, &change, &Actor::named("me")).await.expect("updated");
    assert_eq!((changed.version, changed.status), (1, WorkflowStatus::Inactive));
    let refused = uses.execute_workflow.execute(workflow.id, Payload::empty(), &Actor::named("me")).await;
    assert!(matches!(&refused, Err(ExecuteWorkflowError::NotActive { .. })));
    let message = refused.expect_err("refused").to_string();
    assert_eq!(message, "Workflow 'w' is not active (status: inactive)");
}

#[tokio::test]
async fn a_document_with_missing_agents_and_other_mistakes_is_refused_with_all_of_them() {
    let uses = uses().await;
    let idle = agent(&uses, "Idle").await.expect("registered");
    let inactive = AgentChanges { status: Some(AgentStatus::Inactive), ..AgentChanges::default() };
    uses.update_agent.execute(idle.id, &inactive, &Actor::named("me")).await.expect("changed");

    let Err(CreateWorkflowError::Refused(refused)) = create(&uses, &["Ghost", "Idle"]).await else {
        panic!("accepted")
    };
    let told: Vec<_> = refused.diagnostics.iter().map(|d| (d.pointer.as_str(), d.code, d.message.as_str())).collect();
    let expected = [
        ("/steps/s0/agent_name", "unknown_agent", "Agent 'Ghost' not found"),
        ("/steps/s1/agent_name", "inactive_agent", "Agent 'Idle' is not active (status: inactive)"),
    ];
    assert_eq!(told, expected);
    assert!(refused.only_agents());

    let mut steps = steps(&["Ghost"]);
    steps.entry("s0".into()).and_modify(|step| step.next_step = Some("nowhere".into()));
    let new = NewWorkflow { steps, ..new_workflow(&[]) };
    let Err(CreateWorkflowError::Refused(refused)) = uses.create_workflow.execute(new, &Actor::named("me")).await
    else {
        panic!("accepted")
    };
    assert_eq!(refused.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["unknown_step", "unknown_agent"]);
    assert!(!refused.only_agents());
}

#[tokio::test]
async fn a_start_that_cannot_be_queued_is_refused_and_nothing_is_handed_over() {
    let mut writer = MockRunWriter::new();
    writer.expect_write().returning(|_| Err(Overloaded));
    let mut engine = MockEngine::new();
    engine.expect_offer().return_const(None);
    let uses = UseCases::new(&ports(engine, Some(writer)));
    agent(&uses, "A").await.expect("registered");
    let workflow = create(&uses, &["A"]).await.expect("created");
    let refused = uses.execute_workflow.execute(workflow.id, Payload::empty(), &Actor::named("me")).await;
    assert!(matches!(refused, Err(ExecuteWorkflowError::Overloaded(Overloaded))));
}

#[tokio::test]
async fn only_live_runs_are_cancelled_and_only_stopped_runs_are_retried() {
    let uses = uses().await;
    let workflow = create(&uses, &["A"]).await.expect("created");
    let run = uses.execute_workflow.execute(workflow.id, Payload::empty(), &Actor::named("me")).await.expect("started");
    let refused = uses.retry_run.execute(&run.id, None, &Actor::named("me")).await;
    assert!(matches!(refused, Err(RetryRunError::NotRetryable(RunStatus::Pending))));

    let cancelled =
        uses.cancel_run.execute(&run.id, Some("no use".into()), &Actor::named("me")).await.expect("cancelled");
    assert_eq!((cancelled.status, cancelled.error.as_deref()), (RunStatus::Cancelled, Some("Cancelled: no use")));
    let refused = uses.cancel_run.execute(&run.id, None, &Actor::named("me")).await;
    assert!(matches!(refused, Err(CancelRunError::NotCancellable(RunStatus::Cancelled))));

    let elsewhere = StepId::parse("other").expect("an id");
    let refused = uses.retry_run.execute(&run.id, Some(&elsewhere), &Actor::named("me")).await;
    assert!(matches!(refused, Err(RetryRunError::OtherStep { .. })));
    let resumed = uses.retry_run.execute(&run.id, None, &Actor::named("me")).await.expect("retried");
    assert_eq!((resumed.status, resumed.error, resumed.cancelled_at), (RunStatus::Pending, None, None));
    assert_eq!(uses.get_run.execute(&run.id).await.expect("a run").status, RunStatus::Pending);
}

async fn typed_agent(uses: &UseCases, name: &str, schemas: AgentSchemas) -> Agent {
    let registered = agent(uses, name).await.expect("registered");
    let AgentSchemas { input, output } = schemas;
    let changes = AgentChanges { input_schema: Some(input), output_schema: Some(output), ..AgentChanges::default() };
    uses.update_agent.execute(registered.id, &changes, &Actor::named("me")).await.expect("changed").agent
}

fn fetching(mapping: &serde_json::Value) -> BTreeMap<String, StepDocument> {
    let steps = json!({
        "s0": {"id": "s0", "agent_name": "Fetch", "next_step": "s1", "input_mapping": {}},
        "s1": {"id": "s1", "agent_name": "A", "next_step": null, "input_mapping": mapping},
    });
    serde_json::from_value(steps).expect("steps")
}

#[tokio::test]
async fn a_document_is_held_against_the_schemas_of_its_agents() {
    let uses = uses().await;
    let output = json!({"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": false});
    typed_agent(&uses, "Fetch", AgentSchemas { input: None, output: Some(output) }).await;
    let new = NewWorkflow { steps: fetching(&json!({"t": "${s0.output.txt}"})), ..new_workflow(&[]) };
    let Err(CreateWorkflowError::Refused(refused)) = uses.create_workflow.execute(new, &Actor::named("me")).await
    else {
        panic!("accepted")
    };
    let told: Vec<_> = refused.diagnostics.iter().map(|d| (d.pointer.as_str(), d.code)).collect();
    assert_eq!(told, [("/steps/s1/input_mapping/t", "unknown_member")]);
    assert!(!refused.only_agents());
}

#[tokio::test]
async fn a_change_of_schemas_names_the_active_workflows_that_it_breaks_and_no_others() {
    let uses = uses().await;
    let fetch = typed_agent(&uses, "Fetch", AgentSchemas::default()).await;
    for (name, member) in [("broken", "text"), ("sound", "title"), ("off", "text")] {
        let mapping = json!({"t": format!("${{s0.output.{member}}}")});
        let name = WorkflowName::parse(name).expect("a name");
        let new = NewWorkflow { name, steps: fetching(&mapping), ..new_workflow(&[]) };
        let made = uses.create_workflow.execute(new, &Actor::named("me")).await.expect("created");
        if made.name.as_str() == "off" {
            let change = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
            uses.update_workflow.execute(made.id, &change, &Actor::named("me")).await.expect("switched off");
        }
    }
    // More than one page of workflows that do not use the agent.
    for number in 0..25 {
        let name = WorkflowName::parse(&format!("other{number}")).expect("a name");
        uses.create_workflow
            .execute(NewWorkflow { name, ..new_workflow(&["A"]) }, &Actor::named("me"))
            .await
            .expect("created");
    }
    let name = WorkflowName::parse("last").expect("a name");
    let new = NewWorkflow { name, steps: fetching(&json!({"t": "${s0.output.text.x}"})), ..new_workflow(&[]) };
    uses.create_workflow.execute(new, &Actor::named("me")).await.expect("created");

    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": false});
    let changes = AgentChanges { output_schema: Some(Some(schema)), ..AgentChanges::default() };
    let affected = uses.update_agent.execute(fetch.id, &changes, &Actor::named("me")).await.expect("changed").affected;
    let affected = affected.expect("the schemas changed");
    let told: Vec<_> = affected.iter().map(|a| (a.name.as_str(), a.version, a.diagnostics[0].code)).collect();
    assert_eq!(told, [("broken", 1, "unknown_member"), ("last", 1, "unknown_member")]);
    assert!(
        uses.update_agent.execute(fetch.id, &changes, &Actor::named("me")).await.expect("the same").affected.is_none()
    );
}

#[tokio::test]
async fn an_input_that_does_not_fit_starts_nothing() {
    let uses = uses().await;
    let schema = Some(json!({"required": ["a"]}));
    let new = NewWorkflow { input_schema: schema, ..new_workflow(&["A"]) };
    let workflow = uses.create_workflow.execute(new, &Actor::named("me")).await.expect("created");
    let refused = uses.execute_workflow.execute(workflow.id, Payload::empty(), &Actor::named("me")).await;
    assert!(matches!(refused, Err(ExecuteWorkflowError::UnfitInput(violations)) if violations.len() == 1));
    let input = Payload::new(json!({"a": 1})).expect("storable");
    uses.execute_workflow.execute(workflow.id, input, &Actor::named("me")).await.expect("started");
}
