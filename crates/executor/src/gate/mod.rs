//! The gate before the agents: their breakers and limits, for all calls of this executor.
//!
//! No call waits for the store, unless it is the first to an agent for a while: an executor lets calls through by what it knows and holds,
//! and `exchange.rs` tells the others and hears of them, about twice a second. Agents without a limit and a breaker pass by
//! unseen.

mod exchange;
mod fair_queue;
mod gauges;
mod lane;
mod permits;

pub(crate) use permits::{Gate, GatePorts};
