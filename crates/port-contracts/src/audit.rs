//! The contracts of [`AuditLog`](domain::ports::AuditLog), and of all that writes there.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{Action, AuditCursor, AuditEntry, AuditFilter, AuditRecord, Changes, Entity, EntityId, EntityKind},
    ids::{AuditId, BulkId, DeadLetterId},
    ports::{Appended, DONE_BEFORE, InboxNote, StoreError},
    runs::{AdvanceRun, CancelRun, CommitOutcome, InboxMessage, Outward, Replay, ResumeRun, RunStatus, StartRun},
};
use serde_json::json;

use crate::{
    Change, Stores,
    dead_letters::letter,
    samples::{advance, agent, at, cancel, commit_id, executor, finish, owned_start, resume, run_id, start, uuid},
};

/// An entry about a run that tells nothing in particular.
pub(crate) fn entry(n: u64) -> AuditEntry {
    let entity = Entity::run(&run_id("r"), Some("greeting"));
    AuditEntry::new(AuditId::new(uuid(n)), at(0), &Actor::named("me"), Action::Execute, entity, Changes::none())
}

/// The same as a commit carries it.
#[expect(clippy::unnecessary_wraps, reason = "so that commits say it in one word")]
pub(crate) fn audited(n: u64) -> Option<Arc<AuditEntry>> {
    Some(Arc::new(entry(n)))
}

async fn rows(stores: &Stores, filter: &AuditFilter) -> Vec<AuditRecord> {
    let page = stores.audit.list(filter, None, 100).await.expect("the store works");
    assert_eq!(page.next, None);
    page.rows
}

/// The ids of all rows, oldest first.
pub(crate) async fn told(stores: &Stores) -> Vec<AuditId> {
    rows(stores, &AuditFilter::default()).await.into_iter().rev().map(|row| row.id).collect()
}

fn id(n: u64) -> AuditId {
    AuditId::new(uuid(n))
}

pub async fn an_entry_comes_back_as_it_was_written(stores: &Stores) {
    let by = Actor {
        name: "key:ci".to_owned(),
        credential: Some("0198".to_owned()),
        request: Some("req-1".to_owned()),
        address: Some("2001:db8::1".parse().expect("an address")),
        trace: None,
    };
    let entity = Entity::new(EntityKind::Agent, &uuid(7).to_string(), Some("Echo ü"));
    let changes = Changes::none().changed("status", "active", "inactive").set("limits", json!({"ü": [1, null, 0.5]}));
    let entry = AuditEntry::new(id(1), at(3), &by, Action::Update, entity, changes.clone());
    stores.changed(&[Change::Record(entry.among(Some(BulkId::new(uuid(9)))))]).await;
    let row = AuditRecord {
        id: id(1),
        at: at(3),
        user: Some("key:ci".to_owned()),
        credential: Some("0198".to_owned()),
        request: Some("req-1".to_owned()),
        address: Some("2001:db8::1".to_owned()),
        action: "update".to_owned(),
        entity_kind: "agent".to_owned(),
        entity_id: EntityId::new(&uuid(7).to_string()),
        entity_name: Some("Echo ü".to_owned()),
        changes: Some(changes.value()),
        bulk: Some(BulkId::new(uuid(9))),
    };
    assert_eq!(rows(stores, &AuditFilter::default()).await, [row]);
}

pub async fn what_a_unit_of_work_records_is_there_with_its_changes_or_not_at_all(stores: &Stores) {
    let mut dropped = stores.transactions.begin().await.expect("the store works");
    dropped.add_agent(&agent("a")).await.expect("accepted so far");
    dropped.record(&entry(1)).await.expect("accepted so far");
    drop(dropped);
    assert_eq!(told(stores).await, []);
    stores.changed(&[Change::AddAgent(agent("a")), Change::Record(entry(2))]).await;
    stores.refused(&[Change::Record(entry(3)), Change::AddAgent(agent("a"))]).await;
    assert_eq!(told(stores).await, [id(2)]);
}

pub async fn a_commit_writes_its_entry_if_it_is_committed(stores: &Stores) {
    stores.committed(StartRun { audit: audited(1), ..owned_start("r") }).await;
    stores.committed(CancelRun { audit: audited(2), ..cancel("r") }).await;
    stores.committed(ResumeRun { audit: audited(3), ..resume("r") }).await;
    stores.committed(start("unaudited")).await;
    assert_eq!(told(stores).await, [id(1), id(2), id(3)]);
}

pub async fn a_commit_that_changes_nothing_writes_no_entry(stores: &Stores) {
    let first = StartRun { audit: audited(1), ..owned_start("r") };
    stores.committed(first.clone()).await;
    assert_eq!(stores.commit(first).await, CommitOutcome::AlreadyApplied);
    let second = StartRun { commit: commit_id(), audit: audited(2), ..owned_start("r") };
    assert_eq!(stores.commit(second).await, CommitOutcome::Duplicate);
    assert_eq!(stores.commit(CancelRun { audit: audited(3), ..cancel("nobody's") }).await, CommitOutcome::Gone);
    assert_eq!(stores.commit(ResumeRun { audit: audited(4), ..resume("r") }).await, CommitOutcome::Absorbed);
    let cancelled = CancelRun { audit: audited(5), ..cancel("r") };
    stores.committed(cancelled.clone()).await;
    assert_eq!(stores.commit(cancelled).await, CommitOutcome::AlreadyApplied);
    assert_eq!(stores.commit(CancelRun { audit: audited(6), ..cancel("r") }).await, CommitOutcome::Absorbed);
    assert_eq!(told(stores).await, [id(1), id(5)]);
}

pub async fn a_batch_writes_the_entries_of_what_was_committed(stores: &Stores) {
    use domain::runs::RunCommit::{Cancel, Start};
    stores.committed(owned_start("known")).await;
    let batch = [
        Start(StartRun { audit: audited(1), ..start("a") }),
        Start(StartRun { audit: audited(2), ..start("known") }),
        Start(StartRun { audit: audited(3), ..start("b") }),
        Cancel(CancelRun { audit: audited(4), ..cancel("a") }),
        Cancel(CancelRun { audit: audited(5), ..cancel("a") }),
        Cancel(CancelRun { audit: audited(6), ..cancel("gone") }),
    ];
    stores.journal.commit(batch.into()).await.expect("the store works");
    let mut told = told(stores).await;
    told.sort();
    assert_eq!(told, [id(1), id(3), id(4)]);
}

pub async fn what_a_run_says_to_itself_and_to_others_is_not_audited(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let children = vec![start("child")];
    let outward = Outward { children, ..Outward::default() };
    stores.committed(AdvanceRun { outward, ..advance("r", 1) }).await;
    assert_eq!(told(stores).await, []);
}

pub async fn a_message_writes_its_entry_once_and_only_if_it_is_put_into_an_inbox(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let append = async |run: &str, dedupe: &str, n: u64| {
        let message = InboxMessage::Pause { by: "me".to_owned() };
        let note = InboxNote { run: run_id(run), dedupe: dedupe.to_owned(), message, at: at(1) };
        stores.inbox.append(&note, audited(n)).await.expect("the store works")
    };
    assert_eq!(append("r", "a", 1).await, Appended::Waiting);
    assert_eq!(append("r", "a", 2).await, Appended::Waiting);
    assert_eq!(append("gone", "a", 3).await, Appended::Gone);
    stores.committed(finish("r", 1, RunStatus::Completed, None)).await;
    assert!(matches!(append("r", "b", 4).await, Appended::Over(_)));
    assert_eq!(told(stores).await, [id(1)]);
}

pub async fn what_is_done_to_a_dead_letter_writes_its_entry_if_anything_changes(stores: &Stores) {
    stores.committed(owned_start("r")).await;
    let left = letter("r", "HTTP 503");
    let outward = Outward { dead_letters: vec![left.clone()], ..Outward::default() };
    stores.committed(AdvanceRun { outward, ..advance("r", 1) }).await;
    let (letters, unknown) = (&stores.dead_letters, DeadLetterId::new(uuid(99)));
    let replay = |run: &str| Replay { run: run_id(run), at: at(5) };
    assert!(!letters.claim(unknown, None, &replay("x"), &entry(1)).await.expect("the store works"));
    assert!(letters.claim(left.id, None, &replay("one"), &entry(2)).await.expect("the store works"));
    assert!(!letters.claim(left.id, None, &replay("two"), &entry(3)).await.expect("the store works"));
    letters.give_back(left.id, &replay("two"), None, &entry(4)).await.expect("the store works");
    letters.give_back(left.id, &replay("one"), None, &entry(5)).await.expect("the store works");
    assert!(letters.delete(left.id, &entry(6)).await.expect("the store works"));
    assert!(!letters.delete(left.id, &entry(7)).await.expect("the store works"));
    assert_eq!(told(stores).await, [id(2), id(5), id(6)]);
}

/// Rows of two users about two things, of which the second and third were made at the same time.
async fn four_rows(stores: &Stores) {
    let row = |n: u64, second: i64, user: &str, action: Action, entity: Entity| {
        Change::Record(AuditEntry::new(id(n), at(second), &Actor::named(user), action, entity, Changes::none()))
    };
    let run = |run: &str| Entity::run(&run_id(run), None);
    stores
        .changed(&[
            row(1, 1, "alice", Action::Execute, run("run-4a7ad5b1-9c1e-4e0b-8f2f-0d5a3c0c7a11")),
            row(2, 2, "bob", Action::Create, Entity::agent(&agent("a"))),
            row(3, 2, "alice", Action::Cancel, run("run-4a7ad5b1-9c1e-4e0b-8f2f-0d5a3c0c7a11")),
            row(4, 4, "alice", Action::Execute, run("test-1")),
        ])
        .await;
}

pub async fn the_log_is_newest_first_in_pages_that_miss_and_repeat_nothing(stores: &Stores) {
    four_rows(stores).await;
    let all = rows(stores, &AuditFilter::default()).await;
    assert!(all.windows(2).all(|pair| pair[0].at >= pair[1].at));
    for size in 1..=4 {
        let (mut seen, mut before) = (Vec::new(), None::<AuditCursor>);
        loop {
            let page = stores.audit.list(&AuditFilter::default(), before, size).await.expect("the store works");
            assert!(page.rows.len() <= size as usize);
            seen.extend(page.rows);
            // What comes later does not move what follows.
            let late = AuditEntry { at: at(100), ..entry(100 + u64::from(size) * 10 + seen.len() as u64) };
            stores.changed(&[Change::Record(late)]).await;
            match page.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        seen.retain(|row| row.at < at(100));
        assert_eq!(seen, all, "in pages of {size}");
    }
}

pub async fn the_log_can_be_filtered(stores: &Stores) {
    four_rows(stores).await;
    let none = AuditFilter::default;
    let of = async |filter: AuditFilter| {
        let mut ids: Vec<AuditId> = rows(stores, &filter).await.into_iter().map(|row| row.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(of(AuditFilter { user: Some("bob".into()), ..none() }).await, [id(2)]);
    assert_eq!(of(AuditFilter { action: Some("execute".into()), ..none() }).await, [id(1), id(4)]);
    assert_eq!(of(AuditFilter { action: Some("cancel".into()), ..none() }).await, [id(3)]);
    assert_eq!(of(AuditFilter { entity_kind: Some("agent".into()), ..none() }).await, [id(2)]);
    assert_eq!(of(AuditFilter { entity_kind: Some("run".into()), ..none() }).await, [id(1), id(3), id(4)]);
    let run = Some(EntityId::new("run-4a7ad5b1-9c1e-4e0b-8f2f-0d5a3c0c7a11"));
    assert_eq!(of(AuditFilter { entity_id: run, ..none() }).await, [id(1), id(3)]);
    assert_eq!(of(AuditFilter { entity_id: Some(EntityId::new("test-1")), ..none() }).await, [id(4)]);
    assert_eq!(of(AuditFilter { since: Some(at(2)), until: Some(at(3)), ..none() }).await, [id(2), id(3)]);
    let alice =
        AuditFilter { user: Some("alice".into()), action: Some("execute".into()), since: Some(at(2)), ..none() };
    assert_eq!(of(alice).await, [id(4)]);
    assert_eq!(of(AuditFilter { user: Some("carol".into()), ..none() }).await, []);
}

pub async fn an_entry_that_is_there_is_found_by_its_id(stores: &Stores) {
    stores.changed(&[Change::Record(entry(1)), Change::Record(entry(3))]).await;
    let holds = |ids: Vec<AuditId>| async move { stores.audit.holds(&ids).await.expect("the store works") };
    assert!(holds(vec![id(1)]).await && holds(vec![id(2), id(3), id(4)]).await);
    assert!(!holds(vec![id(2), id(4)]).await && !holds(Vec::new()).await);
}

pub async fn nothing_is_done_twice_under_one_entry(stores: &Stores) {
    stores.changed(&[Change::AddAgent(agent("a")), Change::Record(entry(1))]).await;
    let answer = stores.change(&[Change::AddAgent(agent("b")), Change::Record(entry(1))]).await;
    assert!(matches!(answer, Err(StoreError::Conflict(DONE_BEFORE))), "{answer:?}");
    assert_eq!(stores.agents.get(agent("b").id).await.expect("the store works"), None);

    stores.committed(StartRun { audit: audited(2), ..start("r") }).await;
    let other = StartRun { audit: audited(1), ..start("s") };
    assert_eq!(stores.commit(other).await, CommitOutcome::Unstorable);
    assert_eq!(stores.runs.get(&run_id("s")).await.expect("the store works"), None);

    let note = |dedupe: &str, n| {
        let message = InboxMessage::Pause { by: "me".to_owned() };
        let note = InboxNote { run: run_id("r"), dedupe: dedupe.to_owned(), message, at: at(1) };
        async move { stores.inbox.append(&note, audited(n)).await.expect("the store works") }
    };
    assert_eq!(note("first", 3).await, Appended::Waiting);
    assert_eq!(note("first, which was taken out since", 3).await, Appended::Waiting);
    let claimed = stores.leases.claim(executor(1), 1, at(9)).await.expect("the store works");
    assert_eq!(claimed[0].inbox.len(), 1);
    assert_eq!(told(stores).await, [id(1), id(2), id(3)]);
}
