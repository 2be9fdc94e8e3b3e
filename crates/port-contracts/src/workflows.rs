//! The contracts of [`Workflows`](domain::ports::Workflows).

use chrono::TimeDelta;
use domain::{
    ids::WorkflowId,
    page::{SortOrder, Total},
    workflows::{ChangeSummary, ExecutableVersion, WorkflowDefinition, WorkflowFilter, WorkflowSort, WorkflowStatus},
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

pub(crate) fn older(id: u64, head: u64, name: &str, version: u32) -> WorkflowDefinition {
    WorkflowDefinition { head: WorkflowId::new(uuid(head)), ..workflow(id, name, version) }
}

fn numbers(found: &[WorkflowDefinition]) -> Vec<u128> {
    found.iter().map(|row| row.id.uuid().as_u128()).collect()
}

pub async fn a_definition_comes_back_as_it_was_stored(stores: &Stores) {
    let full = WorkflowDefinition {
        description: Some("für 🙂".into()),
        change_summary: ChangeSummary::parse("größer"),
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

/// The rows of a chain whose head has id 1, from the newest version to the oldest, with the ids 1, 2, ….
fn chain(statuses: &[WorkflowStatus]) -> Vec<WorkflowDefinition> {
    let count = u32::try_from(statuses.len()).expect("a small number");
    let row = |(number, status): (u32, &WorkflowStatus)| WorkflowDefinition {
        status: *status,
        plan: plan_hash(u8::try_from(number).expect("a small number")),
        ..older(number.into(), 1, "w", count + 1 - number)
    };
    (1..).zip(statuses).map(row).collect()
}

async fn executable(stores: &Stores, addressed: u64, version: Option<u32>) -> Option<ExecutableVersion> {
    stores.workflows.executable(WorkflowId::new(uuid(addressed)), version).await.expect("the store works")
}

pub async fn what_executing_needs_is_read_without_the_document(stores: &Stores) {
    let workflow = workflow(2, "w", 3);
    add(stores, [workflow.clone()]).await;
    let expected = ExecutableVersion::of(&workflow, workflow.status);
    assert_eq!(executable(stores, 2, None).await, Some(expected.clone()));
    let named = stores.workflows.executable_named(&workflow.name, None).await.expect("the store works");
    assert_eq!(named, Some(expected));
}

/// Every chain of three versions, addressed in every way.
pub async fn the_version_to_execute_is_the_one_that_the_domain_chooses(stores: &Stores) {
    let statuses = WorkflowStatus::ALL;
    let start = chain(&[WorkflowStatus::Active; 3]);
    add(stores, [workflow(9, "other", 1)].into_iter().chain(start)).await;
    let mut revision = 1;
    for newest in statuses {
        for middle in statuses {
            for oldest in [WorkflowStatus::Active, WorkflowStatus::Deprecated, WorkflowStatus::Archived] {
                revision += 1;
                let rows = chain(&[newest, middle, oldest]).into_iter();
                let rows: Vec<_> = rows.map(|row| WorkflowDefinition { revision, ..row }).collect();
                stores.changed(&rows.iter().cloned().map(Change::ReplaceWorkflow).collect::<Vec<_>>()).await;
                agrees_with_the_domain(stores, &rows).await;
            }
        }
    }
}

async fn agrees_with_the_domain(stores: &Stores, rows: &[WorkflowDefinition]) {
    let chain: Vec<_> = rows.iter().collect();
    for version in [None, Some(3), Some(2), Some(1), Some(4)] {
        for addressed in 1..=3 {
            let expected = ExecutableVersion::choose(&chain, WorkflowId::new(uuid(addressed)), version);
            assert_eq!(executable(stores, addressed, version).await, expected, "{addressed}, {version:?} of {rows:#?}");
        }
        let expected = ExecutableVersion::choose(&chain, rows[0].id, version);
        let named = stores.workflows.executable_named(&rows[0].name, version).await.expect("the store works");
        assert_eq!(named, expected, "{version:?} of {rows:#?}");
    }
}

pub async fn an_unknown_workflow_has_nothing_to_execute(stores: &Stores) {
    add(stores, [workflow(1, "w", 1)]).await;
    for version in [None, Some(1)] {
        assert_eq!(executable(stores, 7, version).await, None);
        let named = stores.workflows.executable_named(&workflow_name("v"), version).await.expect("the store works");
        assert_eq!(named, None);
    }
}

pub async fn a_version_is_found_by_its_number_within_its_chain(stores: &Stores) {
    add(stores, chain(&[WorkflowStatus::Active; 3]).into_iter().chain([workflow(9, "other", 2)])).await;
    for (head, number, wanted) in [(1, 3, Some(1)), (1, 1, Some(3)), (1, 4, None), (9, 2, Some(9)), (2, 2, None)] {
        let found = stores.workflows.version(WorkflowId::new(uuid(head)), number).await.expect("the store works");
        assert_eq!(found.map(|row| row.id), wanted.map(|id| WorkflowId::new(uuid(id))), "{head}, {number}");
    }
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
    assert_eq!(found.total, Some(Total::Exact(found.items.len() as u64)));
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
        let filter = WorkflowFilter { name: name.map(str::to_owned), status, ..WorkflowFilter::default() };
        let found = listed(stores, &filter, WorkflowSort::CreatedAt, SortOrder::Ascending).await;
        assert_eq!(found, wanted, "{filter:?}");
    }
    for (part, wanted) in [("O", vec![1, 2]), ("FF", vec![2]), ("_", vec![])] {
        let filter = WorkflowFilter { name_contains: Some(part.into()), ..WorkflowFilter::default() };
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
        assert_eq!(found.total, Some(Total::Exact(5)));
    }
}

pub async fn versions_are_listed_newest_first_in_pages(stores: &Stores) {
    add(stores, [older(7, 1, "w", 2), workflow(1, "w", 10), older(8, 1, "w", 1), workflow(9, "other", 1)]).await;
    let head = WorkflowId::new(uuid(1));
    for (number, wanted) in [(1, vec![1, 7]), (2, vec![8]), (3, vec![])] {
        let found = stores.workflows.versions(head, page(number, 2)).await.expect("the store works");
        assert_eq!(numbers(&found.items), wanted);
        assert_eq!(found.total, Some(Total::Exact(3)));
    }
    let of_an_old_version = stores.workflows.versions(WorkflowId::new(uuid(7)), all()).await.expect("the store works");
    assert_eq!(of_an_old_version.items, []);
}

pub async fn a_plan_comes_back_as_it_was_kept(stores: &Stores) {
    let plan = document("w", 1);
    stores.changed(&[Change::KeepPlan(plan_hash(1), plan.clone())]).await;
    assert_eq!(stores.workflows.plan(plan_hash(1)).await.expect("the store works"), Some(plan));
}
