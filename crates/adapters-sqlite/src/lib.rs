//! The durable single-process store behind the default mode: one SQLite file in a local folder, with its own SQL.
//!
//! One thread writes, and every transaction that it commits is synced to the disk before anybody hears of it; a batch of
//! run commits is one transaction. Reads go through a few connections of their own and never wait for a write. One
//! process owns a folder at a time.

mod accounts;
mod agents;
mod audit;
mod chain;
mod checkpoint;
mod checkup;
mod codec;
mod dead_letters;
mod failure;
mod families;
mod feed;
pub mod floor;
mod following;
mod idempotency;
mod inbox;
mod journal;
mod keyed;
mod leases;
mod lists;
mod old_runs;
mod open;
mod readers;
mod rows;
mod runs;
mod schedules;
mod schema;
mod secrets;
mod stats;
mod store;
mod traffic;
mod units;
mod webhooks;
mod workflows;
mod writer;

pub use chain::SqliteChain;
pub use checkup::{StoreFacts, examine};
pub use keyed::keyed;
pub use open::OpenError;
pub use stats::Stats;
pub use store::SqliteStore;
