//! The store behind every storage port in PostgreSQL, for any number of processes at a time.
//!
//! Agents, workflows and reading runs go through sea-orm, whose entities never leave this crate. Commits to runs and
//! leases, of which there are thousands in a second, are plain statements over arrays, in `sql/`, on connections of their
//! own. The schema is made by the package `migration`; this crate only checks that it is the one that it knows.

mod accounts;
mod agents;
mod audit;
mod chain;
mod checkup;
mod codec;
mod connect;
mod dead_letters;
mod doorbell;
mod entities;
mod exact;
mod external;
mod failure;
mod feed;
mod fleet;
pub mod floor;
mod following;
mod idempotency;
mod inbox;
mod journal;
mod leases;
mod lists;
mod measures;
mod old_runs;
mod outbox;
mod runs;
mod schedules;
mod secrets;
mod store;
mod totals;
mod traffic;
mod units;
mod webhooks;
mod workflows;

pub use checkup::{DatabaseFacts, SchemaFacts, examine};
pub use connect::{ConnectError, Refusal, check_url};
pub use measures::{MEASURES, describe_metrics};
pub use store::{PgSettings, PgStore};
