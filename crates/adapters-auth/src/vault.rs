//! Encryption of what is kept: AES-256-GCM under a key of the server's, with the place as additional data.
//!
//! A sealed text is `orrery-sealed:1:<key id>:<base64url of nonce, ciphertext and tag>`.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    agents::Secret,
    ports::{SealBroken, Vault},
};

use crate::{Keyring, ServerKey};

/// What every sealed text begins with; the number is that of the form.
const MARK: &str = "orrery-sealed:1:";

/// A vault with the keys of a keyring.
pub struct AeadVault {
    current: String,
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl AeadVault {
    /// A vault with these keys; the current one seals.
    pub fn new(keyring: &Keyring) -> Arc<Self> {
        let key = |key: &ServerKey| {
            let aead = RandomizedNonceKey::new(&AES_256_GCM, &key.derive("vault"));
            (key.id().to_owned(), aead.expect("the key has 32 bytes"))
        };
        Arc::new(Self { current: keyring.current().id().to_owned(), keys: keyring.keys().iter().map(key).collect() })
    }

    fn key(&self, id: &str) -> Option<&RandomizedNonceKey> {
        self.keys.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }
}

impl Vault for AeadVault {
    fn seal(&self, context: &str, secret: &Secret) -> String {
        let key = self.key(&self.current).expect("the current key is one of the keys");
        let mut text = secret.reveal().as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut text);
        let nonce = nonce.expect("the system has random numbers, and secrets are short");
        let sealed = URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &text].concat());
        format!("{MARK}{}:{sealed}", self.current)
    }

    fn open(&self, context: &str, sealed: &str) -> Result<Secret, SealBroken> {
        let (id, sealed) = parts(sealed).ok_or(SealBroken::Broken)?;
        let key = self.key(id).ok_or_else(|| SealBroken::UnknownKey(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SealBroken::Broken)?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or(SealBroken::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealBroken::Broken)?;
        let mut text = text.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut text);
        let opened = opened.map_err(|_| SealBroken::Broken)?;
        std::str::from_utf8(opened).map(Secret::new).map_err(|_| SealBroken::Broken)
    }

    fn is_sealed(&self, stored: &str) -> bool {
        parts(stored).is_some()
    }

    fn is_current(&self, sealed: &str) -> bool {
        parts(sealed).is_some_and(|(id, _)| id == self.current)
    }
}

fn parts(sealed: &str) -> Option<(&str, &str)> {
    sealed.strip_prefix(MARK)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(lines: &[&str]) -> Arc<AeadVault> {
        AeadVault::new(&Keyring::parse(&lines.join("\n")).expect("these are keys"))
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let vault = vault(&[&Keyring::fresh_line("a")]);
        for text in ["", "s3cret", "§ and more than one block of sixteen bytes"] {
            let sealed = vault.seal("agent:1", &Secret::new(text));
            assert!(text.is_empty() || !sealed.contains(text));
            assert_eq!(vault.open("agent:1", &sealed), Ok(Secret::new(text)));
            assert_eq!(vault.open("agent:2", &sealed), Err(SealBroken::Broken));
        }
        assert_ne!(
            vault.seal("a", &Secret::new("x")),
            vault.seal("a", &Secret::new("x")),
            "each has a nonce of its own"
        );
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let vault = vault(&[&Keyring::fresh_line("a")]);
        let sealed = vault.seal("agent:1", &Secret::new("s3cret"));
        for index in MARK.len() + 2..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("it is ASCII");
            assert_eq!(vault.open("agent:1", &changed), Err(SealBroken::Broken), "{index}");
        }
        for broken in ["orrery-sealed:1:a:", "orrery-sealed:1:a:AAAA", "orrery-sealed:1:a:§", "s3cret"] {
            assert_eq!(vault.open("agent:1", broken), Err(SealBroken::Broken), "{broken}");
        }
    }

    #[test]
    fn a_new_key_in_front_seals_and_the_old_one_still_opens() {
        let (old, new) = (Keyring::fresh_line("old"), Keyring::fresh_line("new"));
        let sealed = vault(&[&old]).seal("agent:1", &Secret::new("s3cret"));
        let rotated = vault(&[&new, &old]);
        assert_eq!(rotated.open("agent:1", &sealed), Ok(Secret::new("s3cret")));
        assert!(rotated.is_sealed(&sealed) && !rotated.is_current(&sealed));
        assert!(rotated.is_current(&rotated.seal("agent:1", &Secret::new("s3cret"))));
        assert_eq!(vault(&[&new]).open("agent:1", &sealed), Err(SealBroken::UnknownKey("old".into())));
        assert!(SealBroken::UnknownKey("old".into()).to_string().contains("'old'"));
    }

    #[test]
    fn what_is_stored_in_clear_is_read_as_it_is() {
        let vault = vault(&[&Keyring::fresh_line("a")]);
        assert!(!vault.is_sealed("s3cret") && !vault.is_current("s3cret"));
        assert_eq!(vault.read("agent:1", "s3cret"), Ok(Secret::new("s3cret")));
        let sealed = vault.seal("agent:1", &Secret::new("s3cret"));
        assert_eq!(vault.read("agent:1", &sealed), Ok(Secret::new("s3cret")));
    }
}
