//! The rules of Orrery, and nothing else: agents, workflow definitions, runs, and the ports through which the rest of
//! the world is reached.
//!
//! This crate does no IO, reads no clock, draws no random number and knows no runtime. Everything here is decided from
//! its arguments, so that every rule can be tested, simulated and replayed.

pub mod access;
pub mod agents;
pub mod audit;
pub mod idempotency;
pub mod ids;
pub mod page;
pub mod payload;
pub mod planted;
pub mod ports;
pub mod revision;
pub mod runs;
pub mod schedules;
pub mod trace;
pub mod webhooks;
pub mod workflows;

/// A point in time, UTC, microsecond precision wherever it is stored.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
