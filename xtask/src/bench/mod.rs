//! `cargo xtask bench`: measures the shipped binary from outside, beside floors measured in the same run.

mod access;
mod api;
mod bare;
mod closed_loop;
mod command;
mod database;
mod delays;
mod figures;
mod floors;
mod language;
mod lists;
mod machine;
mod page;
mod parked;
mod report;
mod round;
mod run_times;
mod runs;
mod services;
mod starts;
mod store;
mod streams;

pub(crate) use command::{Bench, run};
pub(crate) use machine::Machine;
pub(crate) use page::{Part, write};
