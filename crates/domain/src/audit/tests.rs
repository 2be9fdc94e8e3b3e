//! What the entries tell, and what the chain finds. The hash is good enough for tests only.

use serde_json::{Value, json};

use super::*;
use crate::{
    Timestamp,
    access::Actor,
    agents::{Agent, AgentAuth, AgentName, AgentSchemas, AgentStatus, AgentUrl, RetryPolicy, Secret},
    ids::{AgentId, AuditId},
    payload::Payload,
    ports::AuditSeal,
};

fn agent() -> Agent {
    let then = Timestamp::UNIX_EPOCH;
    Agent {
        id: AgentId::new(uuid::Uuid::nil()),
        name: AgentName::parse("a").expect("a name"),
        url: AgentUrl::parse("http://h/").expect("a URL"),
        description: None,
        auth: AgentAuth::Bearer(Some(Secret::new("first secret"))),
        timeout: std::time::Duration::from_secs(1),
        retry: RetryPolicy::default(),
        retry_strategy: None,
        circuit_breaker: None,
        max_concurrent_calls: None,
        schemas: AgentSchemas::default(),
        status: AgentStatus::Active,
        revision: 1,
        created_at: then,
        updated_at: then,
        created_by: None,
        updated_by: None,
    }
}

fn of(before: Option<&Agent>, after: &Agent) -> (Action, Value) {
    let entry = AuditEntry::of_agent(AuditId::new(uuid::Uuid::nil()), &Actor::named("me"), before, after);
    (entry.action, entry.changes.value())
}

#[test]
fn a_change_tells_the_members_that_change_and_no_others() {
    let after = Agent { description: Some("new".into()), ..agent() };
    assert_eq!(of(Some(&agent()), &after), (Action::Update, json!({"description": {"after": "new"}})));
    let deleted = Agent { status: AgentStatus::Deleted, ..agent() };
    let status = json!({"status": {"before": "active", "after": "deleted"}});
    assert_eq!(of(Some(&agent()), &deleted), (Action::Delete, status));
}

#[test]
fn a_secret_is_told_to_change_and_never_shown() {
    let after = Agent { auth: AgentAuth::Bearer(Some(Secret::new("second secret"))), ..agent() };
    let (_, changes) = of(Some(&agent()), &after);
    assert_eq!(changes, json!({"auth_config": {"before": "***", "after": "***"}}));
    for changes in [changes, of(None, &after).1] {
        assert!(!changes.to_string().contains("secret"), "{changes}");
    }
    let (_, removed) = of(Some(&agent()), &Agent { auth: AgentAuth::Bearer(None), ..agent() });
    assert_eq!(removed, json!({"auth_config": {"before": "***"}}));
}

#[test]
fn what_is_large_or_a_payload_is_told_by_its_size_and_digest() {
    let changes = Changes::none().data("output", &Payload::new(json!({"x": 1})).expect("storable"));
    assert_eq!(changes.value()["output"]["after"]["bytes"], 7);
    assert!(!changes.text().contains("\"x\""));
    let large = Changes::none().set("input_schema", json!({"description": "x".repeat(5000)}));
    assert!(large.text().len() < 200 && large.text().contains("sha256"), "{}", large.text());
}

#[test]
fn a_document_is_told_by_the_places_that_change() {
    let before = json!({"steps": {"a/b": {"agent_name": "x", "m": [1]}, "gone": {}}});
    let after = json!({"steps": {"a/b": {"agent_name": "y", "m": [1]}, "new": 1}});
    let changes = Changes::none().document("document", &before, &after).value();
    assert_eq!(changes["document"]["changed"], json!(["/steps/a~1b/agent_name", "/steps/gone", "/steps/new"]));
    let many: serde_json::Map<_, _> = (0..60).map(|n| (n.to_string(), json!(n))).collect();
    let changes = Changes::none().document("document", &json!({}), &Value::Object(many)).value();
    assert_eq!(
        (changes["document"]["changed"].as_array().map(Vec::len), &changes["document"]["more"]),
        (Some(50), &json!(10))
    );
}

#[test]
fn texts_that_no_column_holds_are_cut() {
    let by = Actor { request: Some("r\0".repeat(300)), ..Actor::named("n".repeat(300)) };
    let entry = AuditEntry::of_agent(AuditId::new(uuid::Uuid::nil()), &by, None, &agent());
    assert_eq!(entry.by.name.len(), 255);
    assert_eq!(entry.by.request, Some("r".repeat(255)));
}

#[test]
fn a_run_is_found_by_the_uuid_that_the_old_system_kept() {
    let id = "4a7ad5b1-9c1e-4e0b-8f2f-0d5a3c0c7a11";
    let uuid: uuid::Uuid = id.parse().expect("a UUID");
    assert_eq!(EntityId::new(&format!("run-{id}")).uuid(), uuid);
    assert_eq!(EntityId::of_old("run", uuid).as_str(), format!("run-{id}"));
    assert_eq!(EntityId::of_old("agent", uuid).as_str(), id);
    assert_ne!(EntityId::new("test-1").uuid(), EntityId::new("test-2").uuid());
}

#[test]
fn every_word_comes_back() {
    assert!(Action::ALL.into_iter().all(|action| Action::parse(action.as_str()) == Some(action)));
    assert!(EntityKind::ALL.into_iter().all(|kind| EntityKind::parse(kind.as_str()) == Some(kind)));
}

#[test]
fn a_cursor_comes_back_from_its_text_and_nothing_else_is_one() {
    let cursor = AuditCursor { at: Timestamp::UNIX_EPOCH + chrono::TimeDelta::microseconds(7), place: 1 << 40 };
    assert_eq!(AuditCursor::parse(&cursor.text()), Some(cursor));
    for bad in ["", "7", &"g".repeat(32), &"f".repeat(31), &"F".repeat(32)] {
        assert_eq!(AuditCursor::parse(bad), None, "{bad}");
    }
}

/// A hash that is good enough for tests, with two keys.
struct Weak;

impl AuditSeal for Weak {
    fn key(&self) -> &'static str {
        "new"
    }

    fn link(&self, key: &str, before: &Mac, bytes: &[u8]) -> Option<Mac> {
        use sha2::{Digest, Sha256};
        let known = ["new", "old"].contains(&key);
        let all = [key.as_bytes(), before.bytes(), bytes].concat();
        known.then(|| Mac::new(Sha256::digest(all).into()))
    }
}

fn row(place: Place) -> SealableRow {
    SealableRow { place, name: place.to_string(), bytes: canonical([Some(place.to_string().as_bytes()), None]) }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// A chain of two blocks with three rows each.
fn chain() -> (Vec<SealableRow>, [Block; 2], Mark) {
    let rows: Vec<_> = [1, 2, 4, 3, 5, 6].map(row).to_vec();
    let first = continue_chain(&Weak, None, 0, now(), &rows[..3]).expect("a new chain");
    let second = continue_chain(&Weak, Some(&first.head), 3, now(), &rows[3..]).expect("it goes on");
    let blocks = [first, second.clone()].map(|made| made.block.expect("rows were sealed"));
    (rows, blocks, second.head)
}

fn walk(rows: &[SealableRow], blocks: &[Block]) -> Result<Mac, Finding> {
    blocks
        .iter()
        .try_fold((0, Mac::default()), |before, block| {
            Ok((before.0 + block.places.len() as u64, check_block(&Weak, block, before, rows)?))
        })
        .map(|(_, mac)| mac)
}

#[test]
fn a_chain_that_nobody_has_touched_is_sound() {
    let (rows, blocks, head) = chain();
    assert_eq!(walk(&rows, &blocks), Ok(head.mac));
    assert_eq!(check_mark(MarkKind::Head, &head, &Weak), Ok(()));
    assert_eq!((head.block, head.seals, blocks[1].first), (2, 6, 4));
}

#[test]
fn the_first_row_that_was_changed_removed_or_swapped_is_named() {
    let (mut rows, blocks, _) = chain();
    rows[2].bytes[9] ^= 1;
    assert!(matches!(walk(&rows, &blocks), Err(Finding::Changed { seal: 3, ref row, .. }) if row == "4"));
    rows.remove(1);
    assert!(matches!(walk(&rows, &blocks), Err(Finding::Removed { seal: 2, place: 2, .. })));
    let (mut rows, blocks, _) = chain();
    let bytes = (rows[3].bytes.clone(), rows[4].bytes.clone());
    (rows[4].bytes, rows[3].bytes) = bytes;
    assert!(matches!(walk(&rows, &blocks), Err(Finding::Changed { seal: 4, .. })));
}

#[test]
fn a_block_that_was_changed_or_left_out_is_found() {
    let (rows, blocks, _) = chain();
    assert!(matches!(walk(&rows, &blocks[1..]), Err(Finding::Block { block: 2, seal: 1 })));
    let mut later = blocks.clone();
    later[0].at += chrono::TimeDelta::seconds(1);
    assert!(matches!(walk(&rows, &later), Err(Finding::Changed { seal: 1, .. })));
    let mut other = blocks;
    other[1].key = "stolen".to_owned();
    assert!(matches!(walk(&rows, &other), Err(Finding::UnknownKey { seal: 4, .. })));
}

#[test]
fn a_head_that_is_forged_or_set_back_is_not_continued() {
    let (_, _, head) = chain();
    let forged = Mark { seals: 9, ..head.clone() };
    assert_eq!(continue_chain(&Weak, Some(&forged), 0, now(), &[]), Err(ChainBroken::Forged));
    assert_eq!(check_mark(MarkKind::Checkpoint, &head, &Weak), Err(Finding::Forged("checkpoint")));
    let back = ChainBroken::SetBack { found: 6, seen: 7 };
    assert_eq!(continue_chain(&Weak, Some(&head), 7, now(), &[]), Err(back));
    assert_eq!(continue_chain(&Weak, None, 1, now(), &[]), Err(ChainBroken::SetBack { found: 0, seen: 1 }));
}

#[test]
fn no_two_rows_have_the_same_bytes() {
    let (a, b) = (Some(&b"a"[..]), Some(&b"b"[..]));
    let rows =
        [canonical([a, b]), canonical([Some(&b"ab"[..]), Some(&b""[..])]), canonical([a, None, b]), canonical([b, a])];
    assert!((1..rows.len()).all(|n| !rows[..n].contains(&rows[n])));
}

#[test]
fn places_are_found_whatever_the_order_in_which_they_were_added() {
    let mut places = Places::default();
    for place in [5, 1, 2, 4, 9, 3, 2] {
        places.add(place);
    }
    assert!([1, 2, 3, 4, 5, 9].into_iter().all(|place| places.holds(place)));
    assert!([0, 6, 8, 10].into_iter().all(|place| !places.holds(place)));
    assert_eq!(places.last(), Some(9));
}
