//! What the end-to-end tests are written with: the server and the demo agents as processes of their own, an agent that
//! can be told to misbehave, and a small REST client. The tests themselves are in `tests/e2e`.
//!
//! It uses nothing of Orrery but the binary: what a user cannot see, it does not test. Everything that it starts ends with
//! the test, also with one that fails. What goes wrong panics with a sentence, because its callers are tests.

mod answer;
mod binary;
mod client;
mod demo_agents;
mod document;
mod eventually;
mod orrery;
mod process;
mod stub;

pub use answer::Answer;
pub use client::{AgentSpec, Client};
pub use demo_agents::{Calls, DemoAgents};
pub use document::workflow;
pub use eventually::{eventually, eventually_within};
pub use orrery::{Ended, Orrery, command_line};
pub use stub::{Behaviour, Received, Stub};
