//! The guides are followed word for word: what they say is typed into shells, and what they show must be what is seen.
//!
//! How a guide marks what is to be done is written in `docs/README.md`. Guides use the addresses that they name, so they are followed one after
//! the other.

mod block;
mod guide;
mod pattern;
mod shell;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::guide::Guide;

/// The folder of the guides.
const GUIDES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides");

/// The guides that are followed here, each by a test of its name.
const FOLLOWED: [&str; 27] = [
    "access",
    "agents",
    "audit",
    "clients",
    "concurrent-changes",
    "dead-letters",
    "deployment",
    "development",
    "events",
    "existing-components",
    "following-runs",
    "getting-started",
    "idempotency",
    "identity-providers",
    "interventions",
    "limits",
    "lists",
    "migration",
    "observability",
    "operations",
    "schedules",
    "secrets",
    "terminal",
    "tokens",
    "traces",
    "webhooks",
    "workflows",
];

/// One guide at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn getting_started() {
    let _turn = turn();
    Guide::named("getting-started").follow();
}

#[test]
fn observability() {
    let _turn = turn();
    Guide::named("observability").follow();
}

#[test]
fn deployment() {
    let _turn = turn();
    Guide::named("deployment").with_services().follow();
}

#[test]
fn development() {
    let _turn = turn();
    Guide::named("development").in_the_repository().follow();
}

#[test]
fn migration() {
    let _turn = turn();
    Guide::named("migration").follow();
}

#[test]
fn terminal() {
    let _turn = turn();
    Guide::named("terminal").follow();
}

#[test]
fn access() {
    let _turn = turn();
    Guide::named("access").follow();
}

#[test]
fn agents() {
    let _turn = turn();
    Guide::named("agents").follow();
}

#[test]
fn audit() {
    let _turn = turn();
    Guide::named("audit").follow();
}

#[test]
fn clients() {
    let _turn = turn();
    Guide::named("clients").follow();
}

#[test]
fn concurrent_changes() {
    let _turn = turn();
    Guide::named("concurrent-changes").follow();
}

#[test]
fn dead_letters() {
    let _turn = turn();
    Guide::named("dead-letters").follow();
}

#[test]
fn events() {
    let _turn = turn();
    Guide::named("events").follow();
}

#[test]
fn existing_components() {
    let _turn = turn();
    Guide::named("existing-components").with_services().follow();
}

#[test]
fn following_runs() {
    let _turn = turn();
    Guide::named("following-runs").follow();
}

#[test]
fn idempotency() {
    let _turn = turn();
    Guide::named("idempotency").follow();
}

#[test]
fn identity_providers() {
    let _turn = turn();
    Guide::named("identity-providers").follow();
}

#[test]
fn interventions() {
    let _turn = turn();
    Guide::named("interventions").follow();
}

#[test]
fn limits() {
    let _turn = turn();
    Guide::named("limits").follow();
}

#[test]
fn lists() {
    let _turn = turn();
    Guide::named("lists").follow();
}

#[test]
fn operations() {
    let _turn = turn();
    Guide::named("operations").with_database().follow();
}

#[test]
fn schedules() {
    let _turn = turn();
    Guide::named("schedules").follow();
}

#[test]
fn secrets() {
    let _turn = turn();
    Guide::named("secrets").follow();
}

#[test]
fn tokens() {
    let _turn = turn();
    Guide::named("tokens").follow();
}

#[test]
fn traces() {
    let _turn = turn();
    Guide::named("traces").follow();
}

#[test]
fn webhooks() {
    let _turn = turn();
    Guide::named("webhooks").follow();
}

#[test]
fn workflows() {
    let _turn = turn();
    Guide::named("workflows").follow();
}

#[test]
fn every_guide_with_something_to_follow_is_followed() {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(GUIDES).expect("the folder of the guides") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a guide is text");
        if block::blocks(&text).iter().any(block::Block::is_done) {
            found.insert(Path::new(&path).file_stem().expect("a name").to_string_lossy().into_owned());
        }
    }
    assert_eq!(found, FOLLOWED.map(str::to_owned).into());
}
