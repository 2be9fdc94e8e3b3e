//! The schema of the PostgreSQL store: numbered migrations, each with a way back, applied by one process at a time.
//!
//! A database that the old system made is adopted in place. Nothing here reads or writes rows of runs; that is for
//! `adapters-postgres`, which only checks that the schema is the one that it knows.

mod m0001_initial;
mod m0002_fleet_and_bus;
mod m0003_inbox;
mod m0004_versions;
mod m0005_agent_schemas;
mod m0006_lists_and_engines;
mod m0007_families;
mod m0008_dead_letters;
mod m0009_agent_traffic;
mod m0010_retry_strategies;
mod m0011_accounts;
mod m0012_audit;
mod m0013_lists;
mod m0014_idempotency;
mod m0015_run_feed;
mod m0016_webhooks;
mod m0017_schedules;
mod migrator;

pub use migrator::{MigrateError, State, Survey, down, fresh, status, survey, up, up_by};
