//! The contracts of [`Transactions`](domain::ports::Transactions) and [`UnitOfWork`](domain::ports::UnitOfWork).

use domain::{
    agents::{Agent, AgentFilter, AgentSort, AgentStatus},
    ids::{AgentId, WorkflowId},
    page::SortOrder,
    workflows::WorkflowDefinition,
};

use crate::{
    Change, Stores,
    samples::{agent, agent_name, all, document, plan_hash, uuid, workflow},
};

async fn agents(stores: &Stores) -> Vec<Agent> {
    let found = stores.agents.list(&AgentFilter::default(), AgentSort::Name, SortOrder::Ascending, all()).await;
    found.expect("the store works").items
}

async fn version_of(stores: &Stores, id: u64) -> Option<u32> {
    let row = stores.workflows.get(WorkflowId::new(uuid(id))).await.expect("the store works");
    row.map(|row| row.version)
}

pub async fn a_dropped_unit_of_work_changes_nothing(stores: &Stores) {
    let mut unit = stores.transactions.begin().await.expect("the store works");
    unit.add_agent(&agent("a")).await.expect("accepted so far");
    unit.add_workflow(&workflow(1, "w", 1)).await.expect("accepted so far");
    unit.keep_plan(plan_hash(1), &document("w", 1)).await.expect("accepted so far");
    drop(unit);
    assert_eq!(agents(stores).await, []);
    assert_eq!(version_of(stores, 1).await, None);
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), None);
    stores.changed(&[Change::AddAgent(agent("a"))]).await;
}

pub async fn a_refused_change_takes_the_others_with_it(stores: &Stores) {
    stores.changed(&[Change::AddAgent(agent("taken"))]).await;
    let twin = Agent { id: AgentId::new(uuid(1)), ..agent("taken") };
    stores
        .refused(&[
            Change::AddAgent(agent("new")),
            Change::AddWorkflow(workflow(1, "w", 1)),
            Change::AddAgent(twin),
            Change::AddWorkflow(workflow(2, "v", 1)),
        ])
        .await;
    assert_eq!(agents(stores).await, [agent("taken")]);
    assert_eq!((version_of(stores, 1).await, version_of(stores, 2).await), (None, None));
}

pub async fn an_agent_with_a_taken_id_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddAgent(agent("a"))]).await;
    stores.refused(&[Change::AddAgent(Agent { name: agent_name("b"), ..agent("a") })]).await;
    assert_eq!(agents(stores).await, [agent("a")]);
}

pub async fn an_agent_with_a_taken_name_is_refused_even_if_it_is_a_deleted_agents(stores: &Stores) {
    let deleted = Agent { status: AgentStatus::Deleted, ..agent("a") };
    stores.changed(&[Change::AddAgent(deleted)]).await;
    stores.refused(&[Change::AddAgent(Agent { id: AgentId::new(uuid(1)), ..agent("a") })]).await;
    assert_eq!(agents(stores).await, []);
}

pub async fn an_agent_is_replaced_only_from_the_revision_before(stores: &Stores) {
    stores.changed(&[Change::AddAgent(agent("a"))]).await;
    let changed = |revision| Agent { revision, description: Some("changed".into()), ..agent("a") };
    for revision in [0, 1, 3] {
        stores.refused(&[Change::ReplaceAgent(changed(revision))]).await;
    }
    stores.changed(&[Change::ReplaceAgent(changed(2))]).await;
    assert_eq!(agents(stores).await, [changed(2)]);
}

pub async fn an_unknown_agent_cannot_be_replaced(stores: &Stores) {
    stores.refused(&[Change::ReplaceAgent(Agent { revision: 2, ..agent("a") })]).await;
    assert_eq!(agents(stores).await, []);
}

pub async fn of_two_changes_of_one_agent_the_second_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddAgent(agent("a"))]).await;
    let by = |who: &str| Change::ReplaceAgent(Agent { revision: 2, updated_by: Some(who.into()), ..agent("a") });
    let mut first = stores.transactions.begin().await.expect("the store works");
    by("first").ask(first.as_mut()).await.expect("nobody else has changed it");
    first.commit().await.expect("nobody else has changed it");
    stores.refused(&[by("second")]).await;
    assert_eq!(agents(stores).await[0].updated_by.as_deref(), Some("first"));
}

pub async fn a_definition_with_a_taken_id_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddWorkflow(workflow(1, "w", 1))]).await;
    stores.refused(&[Change::AddWorkflow(workflow(1, "v", 1))]).await;
}

pub async fn a_definition_with_a_taken_version_is_refused(stores: &Stores) {
    stores.changed(&[Change::AddWorkflow(workflow(1, "w", 1))]).await;
    stores.refused(&[Change::AddWorkflow(workflow(2, "w", 1))]).await;
    stores.changed(&[Change::AddWorkflow(workflow(2, "w", 2))]).await;
}

pub async fn a_definition_is_replaced_only_from_the_revision_before(stores: &Stores) {
    stores.changed(&[Change::AddWorkflow(workflow(1, "w", 1))]).await;
    let changed = |revision| WorkflowDefinition { revision, ..workflow(1, "w", 2) };
    for revision in [0, 1, 3] {
        stores.refused(&[Change::ReplaceWorkflow(changed(revision))]).await;
    }
    stores.refused(&[Change::ReplaceWorkflow(WorkflowDefinition { revision: 2, ..workflow(9, "x", 1) })]).await;
    stores.changed(&[Change::ReplaceWorkflow(changed(2))]).await;
    assert_eq!(version_of(stores, 1).await, Some(2));
}

pub async fn a_definition_cannot_be_replaced_by_one_with_a_taken_version(stores: &Stores) {
    stores.changed(&[Change::AddWorkflow(workflow(1, "w", 1)), Change::AddWorkflow(workflow(2, "w", 2))]).await;
    stores.refused(&[Change::ReplaceWorkflow(WorkflowDefinition { revision: 2, ..workflow(1, "w", 2) })]).await;
    assert_eq!(version_of(stores, 1).await, Some(1));
}

pub async fn a_version_can_be_freed_and_taken_in_one_unit_of_work(stores: &Stores) {
    stores.changed(&[Change::AddWorkflow(workflow(1, "w", 1))]).await;
    let head = WorkflowDefinition { revision: 2, ..workflow(1, "w", 2) };
    let old = WorkflowDefinition { head: head.id, ..workflow(2, "w", 1) };
    stores.changed(&[Change::ReplaceWorkflow(head.clone()), Change::AddWorkflow(old)]).await;
    assert_eq!((version_of(stores, 1).await, version_of(stores, 2).await), (Some(2), Some(1)));
    assert_eq!(stores.workflows.head(&head.name).await.expect("the store works"), Some(head));
}

pub async fn keeping_a_plan_again_changes_nothing(stores: &Stores) {
    let keep = Change::KeepPlan(plan_hash(1), document("w", 1));
    stores.changed(&[keep.clone(), keep.clone()]).await;
    stores.changed(&[keep]).await;
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), Some(document("w", 1)));
}
