//! Agents that are called through the bridge of the old system: a task is sent, and its result awaited.

mod failure;
mod reader;
mod tasks;
mod waiting;

pub use reader::KafkaResults;
pub(crate) use reader::{Parts, gateway};
pub use tasks::KafkaAgentGateway;
