//! Webhooks: who elsewhere is told what becomes of runs, and when a message that does not arrive is sent again.
//!
//! Messages, signatures and the times between attempts are those of the Standard Webhooks specification (version 1.0).

mod delivery;
mod message;
mod retry;
mod secret;
mod webhook;

#[cfg(test)]
mod tests;

pub use delivery::{Attempt, Delivery, DeliveryFilter, DeliveryState, MAX_LOG, Settled};
pub use message::{Answer, NotSent, WebhookMessage};
pub use retry::{ATTEMPTS, Patience, RetrySchedule, Verdict};
pub use secret::{InvalidSecret, PreviousSecret, SigningSecret};
pub use webhook::{DisabledWhy, InvalidWebhook, MAX_WORKFLOWS, Webhook, WebhookName, WebhookUrl};
