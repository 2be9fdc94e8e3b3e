//! What the end-to-end tests are written with: the server and the demo agents as processes of their own, an agent that
//! can be told to misbehave, several processes on one PostgreSQL and one Kafka, and a small REST client. The tests
//! themselves are in `tests/e2e` (one process) and `tests/cluster` (several); `chaos` is the program behind `cargo xtask chaos`.
//!
//! It uses nothing of Orrery but the binary: what a user cannot see, it does not test. Everything that it starts ends with
//! the test, also with one that fails. What goes wrong panics with a sentence, because its callers are tests.

mod answer;
mod binary;
mod client;
mod cluster;
mod collector;
mod credentials;
mod demo_agents;
mod document;
mod eventually;
mod follower;
mod orrery;
mod process;
mod receiver;
mod stub;
mod topics;

pub use answer::Answer;
pub use binary::{command as orrery_command, search_path, without_settings};
pub use client::{AgentSpec, Client};
pub use cluster::{Cluster, KafkaFor, PostgresFor};
pub use collector::{CollectedSpan, Collector};
pub use credentials::{ADMIN_KEY, as_admin};
pub use demo_agents::{Calls, DemoAgents};
pub use document::{every_output, every_step_type, texts, workflow};
pub use eventually::{eventually, eventually_within};
pub use follower::{Follower, Piece, StreamEvent};
pub use orrery::{Ended, Orrery, command_line};
pub use receiver::{Message, Receiver, Reception};
pub use stub::{Behaviour, Received, Stub};
pub use topics::{Record, Topics};
