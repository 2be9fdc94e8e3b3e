//! Makes a message ready to be sent.

use domain::{
    Timestamp,
    ports::{SignedMessage, WebhookSigner},
    webhooks::{Webhook, WebhookMessage},
};

/// The message as it is sent at a time, signed with every secret of the webhook that counts then.
pub fn signed(message: WebhookMessage, to: &Webhook, with: &dyn WebhookSigner, sent_at: Timestamp) -> SignedMessage {
    let WebhookMessage { id, body } = message;
    let signatures: Vec<String> = to.secrets(sent_at).map(|secret| with.sign(secret, &id, sent_at, &body)).collect();
    SignedMessage { id, sent_at, signatures: signatures.join(" "), body }
}
