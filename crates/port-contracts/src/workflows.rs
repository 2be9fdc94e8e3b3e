//! The contracts of [`Workflows`](domain::ports::Workflows).

use chrono::TimeDelta;
use domain::{
    ids::WorkflowId,
    page::{SortOrder, Total},
    workflows::{ExecutableVersion, WorkflowDefinition, WorkflowFilter, WorkflowSort, WorkflowStatus},
};

use crate::{
    Change, Stores,
    samples::{all, at, document, page, plan_hash, uuid, workflow, workflow_name},
};

async fn add(stores: &Stores, workflows: impl IntoIterator<Item = WorkflowDefinition>) {
    for workflow in workflows {
        stores.changed(&[Change::AddWorkflow(workflow)]).await;
    }
}

fn older(id: u64, head: u64, name: &str, version: u32) -> WorkflowDefinition {
    WorkflowDefinition { head: WorkflowId::new(uuid(head)), ..workflow(id, name, version) }
}

fn numbers(found: &[WorkflowDefinition]) -> Vec<u128> {
    found.iter().map(|row| row.id.uuid().as_u128()).collect()
}

pub async fn a_definition_comes_back_as_it_was_stored(stores: &Stores) {
    let full = WorkflowDefinition {
        description: Some("für 🙂".into()),
        plan: plan_hash(200),
        status: WorkflowStatus::Inactive,
        revision: 4,
        created_at: at(1) + TimeDelta::microseconds(7),
        updated_at: at(2) + TimeDelta::microseconds(8),
        created_by: Some("one".into()),
        updated_by: Some("two".into()),
        ..older(2, 1, "full", 3)
    };
    for workflow in [full, workflow(1, "bare", 1)] {
        add(stores, [workflow.clone()]).await;
        assert_eq!(stores.workflows.get(workflow.id).await.expect("the store works"), Some(workflow));
    }
}

pub async fn what_executing_needs_is_read_without_the_document(stores: &Stores) {
    let workflow = WorkflowDefinition { status: WorkflowStatus::Inactive, ..older(2, 1, "w", 3) };
    add(stores, [workflow.clone()]).await;
    let found = stores.workflows.executable(workflow.id).await.expect("the store works");
    assert_eq!(found, Some(ExecutableVersion::from(&workflow)));
    assert_eq!(stores.workflows.executable(WorkflowId::new(uuid(7))).await.expect("the store works"), None);
}

pub async fn an_unknown_definition_is_none(stores: &Stores) {
    assert_eq!(stores.workflows.get(WorkflowId::new(uuid(1))).await.expect("the store works"), None);
    assert_eq!(stores.workflows.head(&workflow_name("w")).await.expect("the store works"), None);
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), None);
}

pub async fn the_head_of_a_chain_is_found_by_name(stores: &Stores) {
    let head = workflow(1, "w", 3);
    add(stores, [older(3, 1, "w", 2), head.clone(), older(2, 1, "w", 1), workflow(9, "other", 1)]).await;
    assert_eq!(stores.workflows.head(&head.name).await.expect("the store works"), Some(head));
}

async fn listed(stores: &Stores, filter: &WorkflowFilter, sort: WorkflowSort, order: SortOrder) -> Vec<u128> {
    let found = stores.workflows.list(filter, sort, order, all()).await.expect("the store works");
    assert_eq!(found.total, Total::Exact(found.items.len() as u64));
    numbers(&found.items)
}

pub async fn only_heads_are_listed(stores: &Stores) {
    add(stores, [workflow(1, "w", 2), older(2, 1, "w", 1), workflow(3, "v", 1)]).await;
    let everything = WorkflowFilter::default();
    assert_eq!(listed(stores, &everything, WorkflowSort::Name, SortOrder::Ascending).await, [3, 1]);
}

pub async fn a_list_of_workflows_can_be_filtered(stores: &Stores) {
    let with = |status, workflow| WorkflowDefinition { status, ..workflow };
    add(
        stores,
        [
            workflow(1, "on", 1),
            with(WorkflowStatus::Inactive, workflow(2, "off", 1)),
            with(WorkflowStatus::Deleted, workflow(3, "gone", 1)),
        ],
    )
    .await;
    let cases = [
        (None, None, vec![1, 2]),
        (Some("off"), None, vec![2]),
        (Some("of"), None, vec![]),
        (Some("gone"), None, vec![]),
        (None, Some(WorkflowStatus::Deleted), vec![3]),
        (Some("on"), Some(WorkflowStatus::Inactive), vec![]),
    ];
    for (name, status, wanted) in cases {
        let filter = WorkflowFilter { name: name.map(str::to_owned), status };
        let found = listed(stores, &filter, WorkflowSort::CreatedAt, SortOrder::Ascending).await;
        assert_eq!(found, wanted, "{filter:?}");
    }
}

pub async fn workflows_are_sorted_with_ties_by_id_in_the_same_direction(stores: &Stores) {
    let timed = |id, name, created, updated| WorkflowDefinition {
        created_at: at(created),
        updated_at: at(updated),
        ..workflow(id, name, 1)
    };
    add(stores, [timed(2, "b", 5, 9), timed(1, "c", 5, 8), timed(4, "é", 1, 9), timed(3, "Z", 7, 9)]).await;
    let everything = WorkflowFilter::default();
    for (sort, ascending) in [
        (WorkflowSort::CreatedAt, [4, 1, 2, 3]),
        (WorkflowSort::UpdatedAt, [1, 2, 3, 4]),
        (WorkflowSort::Name, [3, 2, 1, 4]),
    ] {
        assert_eq!(listed(stores, &everything, sort, SortOrder::Ascending).await, ascending, "{sort:?}");
        let mut descending = listed(stores, &everything, sort, SortOrder::Descending).await;
        descending.reverse();
        assert_eq!(descending, ascending, "{sort:?} descending");
    }
}

pub async fn workflows_are_listed_in_pages(stores: &Stores) {
    add(stores, (1..=5).map(|n| workflow(n, &format!("w{n}"), 1))).await;
    for (number, wanted) in [(1, vec![5, 4]), (3, vec![1]), (4, vec![])] {
        let (filter, by, order) = (WorkflowFilter::default(), WorkflowSort::Name, SortOrder::Descending);
        let found = stores.workflows.list(&filter, by, order, page(number, 2)).await.expect("the store works");
        assert_eq!(numbers(&found.items), wanted);
        assert_eq!(found.total, Total::Exact(5));
    }
}

pub async fn versions_are_listed_newest_first_in_pages(stores: &Stores) {
    add(stores, [older(7, 1, "w", 2), workflow(1, "w", 10), older(8, 1, "w", 1), workflow(9, "other", 1)]).await;
    let head = WorkflowId::new(uuid(1));
    for (number, wanted) in [(1, vec![1, 7]), (2, vec![8]), (3, vec![])] {
        let found = stores.workflows.versions(head, page(number, 2)).await.expect("the store works");
        assert_eq!(numbers(&found.items), wanted);
        assert_eq!(found.total, Total::Exact(3));
    }
    let of_an_old_version = stores.workflows.versions(WorkflowId::new(uuid(7)), all()).await.expect("the store works");
    assert_eq!(of_an_old_version.items, []);
}

pub async fn a_plan_comes_back_as_it_was_kept(stores: &Stores) {
    let plan = document("w", 1);
    stores.changed(&[Change::KeepPlan(plan_hash(1), plan.clone())]).await;
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), Some(plan));
}
