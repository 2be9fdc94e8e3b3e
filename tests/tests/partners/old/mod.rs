//! Stand-ins for the components of the existing system, from the contract alone: the components themselves are not here.
//! They do what the contract says that those do, the harmful habits included, because those are what a partner has to bear.

mod api;
mod blocks;
mod bridge;
mod executor;
mod ids;
mod kafka;
mod plan;
mod references;
pub(crate) mod registry;
mod rows;
mod run;
mod surroundings;

pub(crate) use api::OldApi;
pub(crate) use bridge::{BridgeHabits, OldBridge, task as old_task};
pub(crate) use executor::{ExecutorHabits, OldExecutor};
pub(crate) use ids::run_id;
pub(crate) use kafka::{Names, Producer};
pub(crate) use surroundings::Surroundings;
