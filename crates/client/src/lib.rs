//! Orrery for people and programs at a terminal: moving in from the old system, keeping a folder and a server alike, starting and
//! following runs.
//!
//! It knows nothing of Orrery but its REST API, so that it works with a server of any version, and with one that is far away. What
//! the command line looks like is for the binary to say; here is what the commands do and what they print.

mod apply;
mod console;
mod import;
mod patience;
mod runs;
mod server;
mod source;
mod stream;
mod sync;
mod trouble;
mod wanted;

pub use apply::{Apply, ApplyMode};
pub use console::{Console, Exit};
pub use import::Import;
pub use runs::{CancelRuns, Following, ReadLog, RetryRun, RunFilters, ShowRuns, StartRun};
pub use server::{Credential, InvalidServer, Server};
pub use trouble::{Mistake, Problem, Trouble};
