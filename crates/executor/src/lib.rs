//! The drivers of runs: what claims them, calls their agents, fires their timers and writes their commits.
//!
//! [`EngineCore`] is the logic: sans-IO, one [`RunActor`] per run, from inputs and a time to effects. The simulator drives it
//! as it is. [`spawn`] puts it into a thin shell of tokio tasks; nothing else in this crate spawns.

mod actor;
mod claimer;
mod core;
mod directory;
mod loading;
mod measures;
mod patience;
mod shell;
mod writer;

pub use actor::RunActor;
pub use core::{Effect, EngineCore, EngineInput};
pub use loading::{Loaded, RunLoader};
pub use measures::describe_metrics;
pub use shell::{EngineConfig, EngineHandle, EnginePorts, spawn};
pub use writer::CommitQueue;
