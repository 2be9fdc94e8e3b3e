//! Deterministic simulation: a few virtual executors, one store, one bus, scripted agents and virtual time, under a seeded
//! scheduler that crashes, freezes, cuts off, reorders, doubles and delays.
//!
//! It drives the real domain, use cases, engine, hearts and observers through the memory adapters; only the thin tokio shell is
//! replaced. A seed decides everything, so a failing one replays exactly and prints its trace.
//!
//! Where to add what is new:
//!
//! * something that may happen: a `Happening` with its weight, and what it does (`happenings.rs`);
//! * something that people may do: an `Act` in `people.rs`;
//! * an event of runs: what it must keep to, in `Ledger::observe`, and its row in `coverage.rs`;
//! * a type of steps: what documents make of it in `documents.rs`, what it gives in `reference.rs`, its column in `coverage.rs`;
//! * an effect or an input of the engine: `shell.rs`.

mod agents;
mod bus;
mod clocks;
mod coverage;
mod documents;
mod families;
mod faults;
mod happenings;
mod invariants;
mod ledger;
mod line;
mod node;
mod people;
#[cfg(feature = "planted-bugs")]
mod planted;
mod reference;
mod report;
mod scans;
mod schemas;
mod seed;
mod shell;
mod sweep;
mod tenures;
mod time;
mod verdict;
mod wiring;
mod world;

#[cfg(feature = "planted-bugs")]
pub use planted::{Found, find, run_seed_with};
pub use report::{Report, Violation};
pub use seed::{Replay, replay, run_seed};
pub use sweep::{Sweep, Swept};

/// Polls a future of an adapter that never pends.
fn now<T>(future: impl Future<Output = T>) -> T {
    use futures_util::FutureExt;
    future.now_or_never().expect("the memory adapters answer at once")
}
