//! The contracts of pages that follow a [`Cursor`](domain::page::Cursor), which are the same for every list.

use domain::{
    access::{ApiKey, User},
    agents::{Agent, AgentFilter, AgentSort},
    ids::{ApiKeyId, WorkflowId},
    page::{Cursor, Page, PageRequest, SortOrder, Total},
    ports::StoreError,
    runs::{DeadLetterEntry, DeadLetterFilter, Run, RunFilter, RunSort, StartRun},
    workflows::{WorkflowDefinition, WorkflowFilter, WorkflowSort},
};

use crate::{
    Change, Stores,
    dead_letters::failed,
    samples::{agent, api_key, at, cancel, page, start, user, uuid, workflow},
    workflows::older,
};

const ORDERS: [SortOrder; 2] = [SortOrder::Ascending, SortOrder::Descending];

/// The page that follows a place.
fn after(cursor: Cursor, size: u32) -> PageRequest {
    PageRequest::after(cursor, size).expect("a page within bounds")
}

/// Walks a list of five in pages of every size, and finds in them what one page holds.
pub(crate) async fn walks<T>(
    list: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>,
    key: impl Fn(&T) -> String,
    cursor: impl Fn(&T) -> Cursor,
) {
    let whole = list(page(1, 100)).await.expect("the store works");
    assert_eq!((whole.next, whole.total), (None, Some(Total::Exact(5))));
    let wanted: Vec<String> = whole.items.iter().map(&key).collect();
    for size in 1..=6 {
        let (mut seen, mut next) = (Vec::new(), Some(page(1, size)));
        while let Some(asked) = next {
            let by_cursor = asked.cursor().is_some();
            let found = list(asked).await.expect("the store works");
            assert_eq!(found.total.is_none(), by_cursor, "pages that follow a place are not counted, others are");
            assert!(found.items.len() == size as usize || found.next.is_none(), "only the last page is not full");
            let end = found.items.last().expect("there is no empty page at the end");
            assert!(found.next.as_ref().is_none_or(|next| *next == cursor(end)));
            seen.extend(found.items.iter().map(&key));
            next = found.next.map(|next| after(next, size));
        }
        assert_eq!(seen, wanted, "in pages of {size}");
    }
    let first = list(PageRequest::first(3).expect("a page")).await.expect("the store works");
    assert_eq!((first.items.iter().map(&key).collect::<Vec<_>>(), first.total), (wanted[..3].to_vec(), None));
    assert!(first.next.is_some());
    let second = list(page(2, 2)).await.expect("the store works");
    let place = second.next.expect("a fifth item");
    let fifth = list(after(place, 2)).await.expect("the store works");
    assert_eq!((key(&fifth.items[0]), fifth.items.len(), fifth.next), (wanted[4].clone(), 1, None));
}

/// Three at one time, one before and one after.
const SECONDS: [i64; 5] = [5, 5, 9, 1, 5];

pub async fn runs_are_walked_by_cursor(stores: &Stores) {
    for (run, second) in ["c", "a", "Z", "é", "b"].into_iter().zip(SECONDS) {
        stores.committed(StartRun { at: at(second), ..start(run) }).await;
    }
    let filter = RunFilter::default();
    for (sort, order) in [RunSort::CreatedAt, RunSort::UpdatedAt].into_iter().flat_map(|sort| ORDERS.map(|o| (sort, o)))
    {
        let list = async |page: PageRequest| stores.runs.list(&filter, sort, order, page).await;
        walks(list, |run: &Run| run.id.to_string(), |run| run.cursor(sort)).await;
    }
}

pub async fn agents_are_walked_by_cursor(stores: &Stores) {
    for (name, second) in ["d", "B", "a", "é", "c"].into_iter().zip(SECONDS) {
        let agent = Agent { created_at: at(second), updated_at: at(20 - second), ..agent(name) };
        stores.changed(&[Change::AddAgent(agent)]).await;
    }
    let filter = AgentFilter::default();
    let sorts = [AgentSort::Name, AgentSort::CreatedAt, AgentSort::UpdatedAt];
    for (sort, order) in sorts.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        let list = async |page: PageRequest| stores.agents.list(&filter, sort, order, page).await;
        walks(list, |agent: &Agent| agent.name.to_string(), |agent| agent.cursor(sort)).await;
    }
}

pub async fn workflows_are_walked_by_cursor(stores: &Stores) {
    for ((id, name), second) in (1..).zip(["d", "B", "a", "é", "c"]).zip(SECONDS) {
        let head = WorkflowDefinition { created_at: at(second), updated_at: at(20 - second), ..workflow(id, name, 1) };
        stores.changed(&[Change::AddWorkflow(head)]).await;
    }
    let filter = WorkflowFilter::default();
    let sorts = [WorkflowSort::Name, WorkflowSort::CreatedAt, WorkflowSort::UpdatedAt];
    for (sort, order) in sorts.into_iter().flat_map(|sort| ORDERS.map(|order| (sort, order))) {
        let list = async |page: PageRequest| stores.workflows.list(&filter, sort, order, page).await;
        walks(list, |head: &WorkflowDefinition| head.id.to_string(), |head| head.cursor(sort)).await;
    }
}

pub async fn versions_are_walked_by_cursor(stores: &Stores) {
    let versions =
        [older(7, 1, "w", 2), workflow(1, "w", 10), older(8, 1, "w", 1), older(2, 1, "w", 3), older(9, 1, "w", 9)];
    for version in versions {
        stores.changed(&[Change::AddWorkflow(version)]).await;
    }
    let list = async |page: PageRequest| stores.workflows.versions(WorkflowId::new(uuid(1)), page).await;
    walks(list, |row: &WorkflowDefinition| row.version.to_string(), WorkflowDefinition::version_cursor).await;
}

pub async fn dead_letters_are_walked_by_cursor(stores: &Stores) {
    for (run, second) in ["c", "a", "Z", "é", "b"].into_iter().zip(SECONDS) {
        failed(stores, run, second).await;
    }
    let filter = DeadLetterFilter::default();
    for order in ORDERS {
        let list = async |page: PageRequest| stores.dead_letters.list(&filter, order, page).await;
        walks(list, |entry: &DeadLetterEntry| entry.last.id.to_string(), DeadLetterEntry::cursor).await;
    }
}

pub async fn keys_and_people_are_walked_by_cursor(stores: &Stores) {
    for ((id, name), second) in (1..).zip(["d", "B", "a", "é", "c"]).zip(SECONDS) {
        let key = ApiKey { id: ApiKeyId::new(uuid(id)), created_at: at(second), ..api_key(name) };
        stores.changed(&[Change::AddKey(key), Change::AddUser(user(name))]).await;
    }
    walks(async |page| stores.accounts.api_keys(page).await, |key: &ApiKey| key.name.to_string(), ApiKey::cursor).await;
    walks(async |page| stores.accounts.users(page).await, |user: &User| user.name.to_string(), User::cursor).await;
}

pub async fn what_is_added_or_changed_before_a_place_does_not_shift_what_follows_it(stores: &Stores) {
    for (run, second) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        stores.committed(StartRun { at: at(second), ..start(run) }).await;
    }
    let list = async |page: PageRequest| {
        let found = stores.runs.list(&RunFilter::default(), RunSort::UpdatedAt, SortOrder::Descending, page).await;
        let Page { items, next, .. } = found.expect("the store works");
        (items.into_iter().map(|run| run.id.to_string()).collect::<Vec<_>>(), next)
    };
    let (first, next) = list(page(1, 2)).await;
    assert_eq!(first, ["d", "c"]);
    stores.committed(StartRun { at: at(30), ..start("new") }).await;
    // The very run that the place was told by goes elsewhere.
    stores.committed(cancel("c")).await;
    let (second, _) = list(after(next.expect("more runs"), 2)).await;
    assert_eq!(second, ["b", "a"]);
}
