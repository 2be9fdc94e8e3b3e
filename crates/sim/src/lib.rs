//! Deterministic simulation: two virtual executors, one store, scripted agents and virtual time, under a seeded scheduler
//! that crashes, freezes, reorders, doubles and delays.
//!
//! It drives the real domain, use cases and engine through the memory adapters; only the thin tokio shell is replaced. A
//! seed decides everything, so a failing one replays exactly and prints its trace.

mod agents;
mod documents;
mod families;
mod faults;
mod invariants;
mod people;
mod reference;
mod verdict;
mod wiring;
mod world;

pub use world::{Report, run_seed};

/// A promise was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What happened.
    pub what: String,
    /// Every step up to it.
    pub trace: Vec<String>,
}

/// Polls a future of an adapter that never pends.
fn now<T>(future: impl Future<Output = T>) -> T {
    use futures_util::FutureExt;
    future.now_or_never().expect("the memory adapters answer at once")
}
