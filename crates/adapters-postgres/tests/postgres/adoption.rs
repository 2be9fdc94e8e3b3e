//! What the ports make of rows that the old system wrote.

use dev_services::Database;
use domain::{
    agents::{AgentAuth, AgentFilter, AgentSort, RetryPolicy},
    ids::WorkflowId,
    page::SortOrder,
    payload::Payload,
    ports::{Agents, NoSchemas, Runs, Workflows},
    runs::{RunFilter, RunSort, RunStatus},
    workflows::{ExecutableVersion, compile},
};
use port_contracts::{
    Change, Stores,
    samples::{all, at, run_id, uuid, workflow_name},
};

use crate::stores::open;

pub(crate) async fn adopted() -> Database {
    let database = Database::new(None).await;
    database.run(include_str!("../../../../migration/tests/old_system.sql")).await;
    migration::up(database.url()).await.expect("it is adopted");
    database
}

#[tokio::test]
async fn agents_of_the_old_system_are_read_whether_a_member_is_null_or_missing() {
    let database = adopted().await;
    let store = open(&database).await;
    let (filter, sort) = (AgentFilter::default(), AgentSort::Name);
    let agents = Agents::list(&store, &filter, sort, SortOrder::Ascending, all()).await.expect("the store works").items;
    let (fetcher, writer) = (&agents[0], &agents[1]);
    assert_eq!((fetcher.name.as_str(), &fetcher.auth), ("Fetcher", &AgentAuth::None));
    assert_eq!((fetcher.created_at, fetcher.revision), (at(0) + std::time::Duration::from_millis(500), 1));
    assert_eq!((&writer.retry, &writer.circuit_breaker), (&RetryPolicy::default(), &None));
    assert!(matches!(&writer.auth, AgentAuth::ApiKey(Some(key)) if key.header == "X-Key"));
    let changed = domain::agents::Agent { revision: 2, description: Some("ours now".to_owned()), ..writer.clone() };
    Stores::new(store).changed(&[Change::ReplaceAgent(changed)]).await;
}

#[tokio::test]
async fn definitions_of_the_old_system_are_chained_under_their_newest_version() {
    let database = adopted().await;
    let store = open(&database).await;
    let head = store.head(&workflow_name("report")).await.expect("the store works").expect("it was adopted");
    assert_eq!((head.id, head.version), (WorkflowId::new(uuid(2)), 2));
    assert_eq!(head.plan, compile(&head.document, &NoSchemas).expect("it is sound").hash());
    let versions = store.versions(head.id, all()).await.expect("the store works").items;
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_definition_of_the_old_system_is_pinned_to_its_plan_when_it_is_executed_first() {
    let database = adopted().await;
    let store = open(&database).await;
    let head = store.head(&workflow_name("report")).await.expect("the store works").expect("it was adopted");
    assert_eq!(store.plan(head.plan).await.expect("the store works"), None);
    for _ in 0..2 {
        let executable = store.executable(head.id, None).await.expect("the store works");
        assert_eq!(executable, Some(ExecutableVersion::of(&head, head.status)));
        assert_eq!(store.plan(head.plan).await.expect("the store works"), Some(head.document.clone()));
    }
}

#[tokio::test]
async fn runs_of_the_old_system_are_listed_and_read() {
    let database = adopted().await;
    let store = open(&database).await;
    let everything = RunFilter::default();
    let runs = Runs::list(&store, &everything, RunSort::CreatedAt, SortOrder::Ascending, all()).await;
    let runs = runs.expect("the store works").items;
    assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run-old", "test-1"]);
    assert_eq!((runs[0].status, runs[0].input.text()), (RunStatus::Completed, r#"{"a":[1.5],"b":1}"#));
    assert_eq!((runs[0].created_at, runs[0].completed_at), (at(0), Some(at(10))));
    assert_eq!((&runs[1].input, &runs[1].triggered_by), (&Payload::empty(), &None));
    assert_eq!(store.history(&run_id("run-old")).await.expect("the store works"), []);
}
