//! Digests of the secrets of API keys: HMAC-SHA-256 under a key of the server's.
//!
//! A secret has 256 random bits, so nothing slower is needed; the server's key makes a stolen table worth nothing.

use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{access::KeyDigest, agents::Secret, idempotency::Seed, ports::KeyDigests};

use crate::{Keyring, ServerKey};

/// Digests under the keys of a keyring.
pub struct HmacDigests {
    current: String,
    keys: Vec<(String, hmac::Key)>,
}

impl HmacDigests {
    /// Digests under these keys; the current one makes.
    pub fn new(keyring: &Keyring) -> Arc<Self> {
        let key = |key: &ServerKey| (key.id().to_owned(), hmac::Key::new(hmac::HMAC_SHA256, &key.derive("api-keys")));
        Arc::new(Self { current: keyring.current().id().to_owned(), keys: keyring.keys().iter().map(key).collect() })
    }

    fn key(&self, id: &str) -> Option<&hmac::Key> {
        self.keys.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }
}

impl KeyDigests for HmacDigests {
    fn fresh(&self) -> Secret {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the system has random numbers");
        Secret::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn derived(&self, seed: &Seed, number: u32) -> Secret {
        let key = self.key(&self.current).expect("the current key is one of the keys");
        // No secret is as long, nor holds these signs: a digest of one is never a derived one.
        let tag = hmac::sign(key, format!("derived secret: {} {number}", seed.first()).as_bytes());
        Secret::new(URL_SAFE_NO_PAD.encode(tag))
    }

    fn digest(&self, secret: &Secret) -> KeyDigest {
        let key = self.key(&self.current).expect("the current key is one of the keys");
        let tag = hmac::sign(key, secret.reveal().as_bytes());
        let bytes = tag.as_ref().try_into().expect("SHA-256 makes 32 bytes");
        KeyDigest { keyed_by: self.current.clone(), bytes }
    }

    fn matches(&self, secret: &Secret, digest: &KeyDigest) -> bool {
        // Which keys a server has is no secret; how much of a digest is right is one.
        let Some(key) = self.key(&digest.keyed_by) else { return false };
        hmac::verify(key, secret.reveal().as_bytes(), &digest.bytes).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, ids::AttemptId};

    use super::*;

    fn keyring(lines: &[String]) -> Keyring {
        Keyring::parse(&lines.join("\n")).expect("these are keys")
    }

    #[test]
    fn a_secret_matches_its_digest_and_no_other() {
        let digests = HmacDigests::new(&keyring(&[Keyring::fresh_line("a")]));
        let (one, other) = (digests.fresh(), digests.fresh());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 43, "256 bits in base64url");
        let digest = digests.digest(&one);
        assert!(digests.matches(&one, &digest) && !digests.matches(&other, &digest));
        assert!(!digests.matches(&Secret::new(""), &digest));
    }

    #[test]
    fn a_derived_secret_is_the_same_for_the_same_and_only_on_this_server() {
        let (here, there) = (keyring(&[Keyring::fresh_line("a")]), keyring(&[Keyring::fresh_line("a")]));
        let (here, there) = (HmacDigests::new(&here), HmacDigests::new(&there));
        let seed = |n| Seed::new(AttemptId::new(uuid::Uuid::from_u128(n)), Timestamp::UNIX_EPOCH);
        let secret = here.derived(&seed(1), 0);
        assert_eq!(secret, here.derived(&seed(1), 0));
        assert_eq!(secret.reveal().len(), 43, "as a fresh one");
        for other in [here.derived(&seed(1), 1), here.derived(&seed(2), 0), there.derived(&seed(1), 0)] {
            assert_ne!(secret, other);
        }
    }

    #[test]
    fn a_digest_outlives_a_new_key_in_front_and_ends_with_its_own() {
        let (old, new) = (Keyring::fresh_line("old"), Keyring::fresh_line("new"));
        let before = HmacDigests::new(&keyring(std::slice::from_ref(&old)));
        let secret = before.fresh();
        let digest = before.digest(&secret);
        let rotated = HmacDigests::new(&keyring(&[new.clone(), old]));
        assert!(rotated.matches(&secret, &digest));
        assert_eq!(rotated.digest(&secret).keyed_by, "new");
        assert!(!HmacDigests::new(&keyring(&[new])).matches(&secret, &digest));
    }

    #[test]
    fn another_server_with_a_key_of_the_same_name_makes_other_digests() {
        let [here, there] = [(); 2].map(|()| HmacDigests::new(&keyring(&[Keyring::fresh_line("a")])));
        let secret = here.fresh();
        assert!(!there.matches(&secret, &here.digest(&secret)));
    }
}
