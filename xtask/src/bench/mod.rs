//! `cargo xtask bench`: measures the shipped binary from outside, beside floors measured in the same run.

mod api;
mod bare;
mod closed_loop;
mod command;
mod figures;
mod machine;
mod page;
mod process;
mod report;
mod round;
mod run_times;
mod runs;
mod starts;

pub(crate) use command::{Bench, run};
