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

/// One guide at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A test for each guide, of its name; what it has at hand stands behind it.
macro_rules! followed {
    ($($guide:ident $(: $at_hand:ident)?,)+) => {
        /// The guides that are followed here, as their tests are called.
        const FOLLOWED: &[&str] = &[$(stringify!($guide)),+];

        $(
            #[test]
            fn $guide() {
                let _turn = turn();
                Guide::named(&file(stringify!($guide)))$(.$at_hand())?.follow();
            }
        )+
    };
}

followed! {
    access,
    agents,
    audit,
    clients,
    concurrent_changes,
    dead_letters,
    deployment: with_services,
    development: in_the_repository,
    events,
    existing_components: with_services,
    following_runs,
    getting_started,
    idempotency,
    identity_providers,
    interventions,
    limits,
    lists,
    migration,
    observability,
    operations: with_database,
    schedules,
    secrets,
    terminal,
    tokens,
    traces,
    webhooks,
    workflows,
}

/// The name of a guide's file, by that of its test.
fn file(test: &str) -> String {
    test.replace('_', "-")
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
    assert_eq!(found, FOLLOWED.iter().copied().map(file).collect());
}
