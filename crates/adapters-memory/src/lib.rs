//! The store, the clock and the ids in memory: for unit tests and for the simulation.
//!
//! Honest about every conflict and outcome that the ports describe, and deterministic: the same calls give the same
//! answers in the same order. No future of this crate ever pends, so a caller without a runtime may poll it once. It
//! keeps nothing when the process ends.

mod accounts;
mod adoptions;
mod audit;
mod clock;
mod dead_letters;
mod feed;
mod fleet;
mod idempotency;
mod ids;
mod inbox;
mod journal;
mod leases;
mod lists;
mod management;
mod old_runs;
mod outbox;
mod runs;
mod schedules;
mod store;
mod table;
mod traffic;
mod webhooks;

pub use clock::VirtualClock;
pub use ids::SequentialIds;
pub use store::MemoryStore;
