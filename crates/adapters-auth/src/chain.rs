//! Keyed hashes for the audit chain: HMAC-SHA-256 under keys that are derived for it alone.

use aws_lc_rs::hmac;
use domain::{audit::Mac, ports::AuditSeal};

use crate::Keyring;

/// What the keys are derived for.
const PURPOSE: &str = "audit";

/// Seals with the current key of a keyring, and knows all of them.
pub struct ChainSeal {
    current: String,
    keys: Vec<(String, hmac::Key)>,
}

impl ChainSeal {
    /// Derives the keys.
    pub fn new(keyring: &Keyring) -> Self {
        let derived = keyring.keys().iter().map(|key| {
            let bytes = key.derive(PURPOSE);
            (key.id().to_owned(), hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        });
        Self { current: keyring.current().id().to_owned(), keys: derived.collect() }
    }
}

impl AuditSeal for ChainSeal {
    fn key(&self) -> &str {
        &self.current
    }

    fn link(&self, key: &str, before: &Mac, bytes: &[u8]) -> Option<Mac> {
        let (_, key) = self.keys.iter().find(|(id, _)| id == key)?;
        let mut context = hmac::Context::with_key(key);
        context.update(before.bytes());
        context.update(bytes);
        context.sign().as_ref().try_into().ok().map(Mac::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(lines: &[&str]) -> Keyring {
        Keyring::parse(&lines.join("\n")).expect("they are keys")
    }

    #[test]
    fn a_hash_depends_on_the_key_on_what_was_before_and_on_the_bytes() {
        let [new, old] = ["new", "old"].map(Keyring::fresh_line);
        let seal = ChainSeal::new(&keyring(&[&new, &old]));
        assert_eq!(seal.key(), "new");
        let [zero, one] = [0, 1].map(|byte| Mac::new([byte; 32]));
        let made = [
            seal.link("new", &zero, b"a"),
            seal.link("old", &zero, b"a"),
            seal.link("new", &one, b"a"),
            seal.link("new", &zero, b"b"),
        ];
        assert!((1..made.len()).all(|n| made[n].is_some() && !made[..n].contains(&made[n])));
        assert_eq!(seal.link("gone", &zero, b"a"), None);
    }

    #[test]
    fn what_a_former_key_has_sealed_is_checked_after_the_rotation() {
        let [new, old] = ["new", "old"].map(Keyring::fresh_line);
        let before = ChainSeal::new(&keyring(&[&old]));
        let after = ChainSeal::new(&keyring(&[&new, &old]));
        let zero = Mac::default();
        assert_eq!(before.link("old", &zero, b"a"), after.link("old", &zero, b"a"));
    }
}
