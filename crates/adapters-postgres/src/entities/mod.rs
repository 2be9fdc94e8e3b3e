//! The rows that sea-orm reads and writes. Columns that nobody here needs are left out.

pub(crate) mod access_key;
pub(crate) mod access_user;
pub(crate) mod agent;
pub(crate) mod dead_letter;
pub(crate) mod event;
pub(crate) mod plan;
pub(crate) mod revocation;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod schedule_tick;
pub(crate) mod step;
pub(crate) mod webhook;
pub(crate) mod webhook_delivery;
pub(crate) mod workflow;
