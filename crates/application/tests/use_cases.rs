//! The use cases of workflows and runs over the memory store, with scripted neighbours.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use application::{
    Ports, UseCases,
    agents::{AgentChanges, CreateAgentError, NewAgent},
    plans::PlanCache,
    runs::{CancelRunError, ExecuteWorkflowError, RetryRunError},
    workflows::{CreateWorkflowError, NewWorkflow, UpdateWorkflowError, WorkflowChanges},
};
use domain::{
    Timestamp,
    agents::{Agent, AgentAuth, AgentName, AgentStatus, AgentUrl, RetryPolicy},
    ids::StepId,
    page::PageRequest,
    payload::Payload,
    ports::{MockAgentGateway, MockEngine, MockRunWriter, Overloaded, RunWriter},
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
        inbox: store.clone(),
        writer,
        gateway: Arc::new(MockAgentGateway::new()),
        engine: Arc::new(engine),
        clock: Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH)),
        ids: Arc::new(SequentialIds::new(1)),
        plans: Arc::new(PlanCache::new(store)),
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
        circuit_breaker: None,
    };
    uses.create_agent.execute(new).await
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
    let name = WorkflowName::parse("w").expect("a name");
    let new = NewWorkflow {
        name,
        description: None,
        start_step: "s0".into(),
        steps: steps(agents),
        status: WorkflowStatus::Active,
        change_summary: None,
    };
    uses.create_workflow.execute(new, "me").await
}

fn page() -> PageRequest {
    PageRequest::new(1, 100).expect("a page")
}

#[tokio::test]
async fn a_name_is_taken_even_by_a_deleted_agent() {
    let uses = uses().await;
    let first = agent(&uses, "B").await.expect("registered");
    uses.delete_agent.execute(first.id, "me").await.expect("deleted");
    uses.delete_agent.execute(first.id, "me").await.expect("deleted once more");
    assert!(matches!(agent(&uses, "B").await, Err(CreateAgentError::NameTaken(name)) if name.as_str() == "B"));
}

#[tokio::test]
async fn new_content_makes_a_new_version_under_the_same_id() {
    let uses = uses().await;
    let first = create(&uses, &["A"]).await.expect("created");
    let changes = WorkflowChanges { steps: Some(steps(&["A", "A"])), ..WorkflowChanges::default() };
    let second = uses.update_workflow.execute(first.id, &changes, "you").await.expect("updated");
    assert_eq!((second.id, second.version, second.document.steps.len()), (first.id, 2, 2));
    let third = create(&uses, &["A", "A", "A"]).await.expect("posted under the same name");
    assert_eq!((third.id, third.version), (first.id, 3));

    let versions = uses.list_versions.execute(first.id, page()).await.expect("versions").items;
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.document.steps.len(), v.head == first.id)).collect();
    assert_eq!(told, [(3, 3, true), (2, 2, true), (1, 1, true)]);
    let run = uses.execute_workflow.execute(versions[2].id, Payload::empty(), "me").await.expect("an old version runs");
    assert_eq!((run.workflow_version, run.plan), (Some(1), Some(first.plan)));
}

#[tokio::test]
async fn an_old_version_cannot_be_changed() {
    let uses = uses().await;
    let head = create(&uses, &["A"]).await.expect("created");
    create(&uses, &["A"]).await.expect("version 2");
    let old = uses.list_versions.execute(head.id, page()).await.expect("versions").items.pop().expect("version 1");
    let change = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    let refused = uses.update_workflow.execute(old.id, &change, "me").await;
    assert!(matches!(refused, Err(UpdateWorkflowError::OldVersion { version: 1, head: id }) if id == head.id));
}

#[tokio::test]
async fn status_and_description_change_in_place() {
    let uses = uses().await;
    let workflow = create(&uses, &["A"]).await.expect("created");
    let change = WorkflowChanges { status: Some(WorkflowStatus::Inactive), ..WorkflowChanges::default() };
    let changed = uses.update_workflow.execute(workflow.id, &change, "me").await.expect("updated");
    assert_eq!((changed.version, changed.status), (1, WorkflowStatus::Inactive));
    let refused = uses.execute_workflow.execute(workflow.id, Payload::empty(), "me").await;
    assert!(matches!(&refused, Err(ExecuteWorkflowError::NotActive { .. })));
    let message = refused.expect_err("refused").to_string();
    assert_eq!(message, "Workflow 'w' is not active (status: inactive)");
}

#[tokio::test]
async fn a_document_with_missing_agents_and_other_mistakes_is_refused_with_all_of_them() {
    let uses = uses().await;
    let idle = agent(&uses, "Idle").await.expect("registered");
    let inactive = AgentChanges { status: Some(AgentStatus::Inactive), ..AgentChanges::default() };
    uses.update_agent.execute(idle.id, &inactive, "me").await.expect("changed");

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
    let name = WorkflowName::parse("w").expect("a name");
    let new = NewWorkflow {
        name,
        description: None,
        start_step: "s0".into(),
        steps,
        status: WorkflowStatus::Active,
        change_summary: None,
    };
    let Err(CreateWorkflowError::Refused(refused)) = uses.create_workflow.execute(new, "me").await else {
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
    let refused = uses.execute_workflow.execute(workflow.id, Payload::empty(), "me").await;
    assert!(matches!(refused, Err(ExecuteWorkflowError::Overloaded(Overloaded))));
}

#[tokio::test]
async fn only_live_runs_are_cancelled_and_only_stopped_runs_are_retried() {
    let uses = uses().await;
    let workflow = create(&uses, &["A"]).await.expect("created");
    let run = uses.execute_workflow.execute(workflow.id, Payload::empty(), "me").await.expect("started");
    let refused = uses.retry_run.execute(&run.id, None, "me").await;
    assert!(matches!(refused, Err(RetryRunError::NotRetryable(RunStatus::Pending))));

    let cancelled = uses.cancel_run.execute(&run.id, Some("no use".into()), "me").await.expect("cancelled");
    assert_eq!((cancelled.status, cancelled.error.as_deref()), (RunStatus::Cancelled, Some("Cancelled: no use")));
    let refused = uses.cancel_run.execute(&run.id, None, "me").await;
    assert!(matches!(refused, Err(CancelRunError::NotCancellable(RunStatus::Cancelled))));

    let elsewhere = StepId::parse("other").expect("an id");
    let refused = uses.retry_run.execute(&run.id, Some(&elsewhere), "me").await;
    assert!(matches!(refused, Err(RetryRunError::OtherStep { .. })));
    let resumed = uses.retry_run.execute(&run.id, None, "me").await.expect("retried");
    assert_eq!((resumed.status, resumed.error, resumed.cancelled_at), (RunStatus::Pending, None, None));
    assert_eq!(uses.get_run.execute(&run.id).await.expect("a run").status, RunStatus::Pending);
}
