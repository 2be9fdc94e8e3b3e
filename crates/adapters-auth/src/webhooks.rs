//! Secrets of webhooks and signatures with them, by the Standard Webhooks specification: HMAC-SHA-256 over id, time and body.

use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Timestamp, ports::WebhookSigner, webhooks::SigningSecret};

/// Signs as the specification says.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardSigner;

impl StandardSigner {
    /// A signer.
    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl WebhookSigner for StandardSigner {
    fn fresh(&self) -> SigningSecret {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the system has random numbers");
        SigningSecret::of_base64(&STANDARD.encode(bytes)).expect("32 bytes are a secret")
    }

    fn sign(&self, secret: &SigningSecret, id: &str, sent_at: Timestamp, body: &str) -> String {
        let bytes = STANDARD.decode(secret.base64()).expect("the door of secrets lets only base64 in");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let signed = format!("{id}.{}.{body}", sent_at.timestamp());
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification and of its libraries.
    #[test]
    fn a_message_is_signed_as_the_specification_says() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let at = Timestamp::from_timestamp(1_614_265_330, 0).expect("a time");
        let signature = StandardSigner.sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_that_is_let_in_can_be_signed_with() {
        let at = Timestamp::from_timestamp(1, 0).expect("a time");
        for bytes in 24..=64 {
            let secret = SigningSecret::of_base64(&STANDARD.encode(vec![255_u8; bytes])).expect("a secret");
            assert!(StandardSigner.sign(&secret, "msg_1", at, "{}").starts_with("v1,"));
        }
    }

    #[test]
    fn fresh_secrets_are_not_alike() {
        assert_ne!(StandardSigner.fresh(), StandardSigner.fresh());
    }
}
