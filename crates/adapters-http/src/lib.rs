//! Outbound HTTP: calls to agents over A2A (JSON-RPC 2.0, `message/send`) and their cards, and messages to webhooks.
//!
//! This crate decides what a call looks like on the wire and what an answer means. It does not decide whether a call is
//! made, repeated or given up: that is for the domain, which gets the facts it needs in a
//! [`CallFailure`](domain::runs::CallFailure).

mod answer;
mod body;
mod failure;
mod gateway;
mod guard;
mod open_tasks;
mod python_json;
mod request;
mod retry_after;
mod target;
mod webhooks;

pub use gateway::{GatewayConfig, HttpAgentGateway, InvalidGateway};
pub use guard::{GuardedResolver, HostNames};
pub use webhooks::{HttpWebhookSender, InvalidSender, SenderConfig};
