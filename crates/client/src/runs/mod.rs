//! Runs from a terminal: started, looked at, followed, cancelled, retried.

mod control;
mod listed;
mod log;
mod start;
mod watching;

pub use control::{CancelRuns, RetryRun};
pub use listed::{RunFilters, ShowRuns};
pub use log::ReadLog;
pub use start::StartRun;
pub use watching::Following;
