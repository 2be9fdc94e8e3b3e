//! The server's own keys: 256-bit secrets with ids, from which everything else is derived.
//!
//! The first one makes; all of them check. To rotate, put a new one in front, and drop the old one once nothing that matters was made
//! with it (`orrery secrets rotate` sees to what is stored).

use std::fmt;

use aws_lc_rs::{hkdf, rand};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Why a text is no keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyring {
    /// There is no key in it.
    #[error("there is no key in it; a key is `id:` and 32 bytes as base64")]
    Empty,
    /// A line is no key; its number, from 1. What is in it is not repeated.
    #[error("line {0} is no key; a key is `id:` and 32 bytes as base64, its id 1 to 32 of a-z, 0-9, `-`")]
    Line(usize),
    /// Two keys share an id.
    #[error("two keys are called '{0}'")]
    Twice(String),
}

/// One key.
#[derive(Clone)]
pub struct ServerKey {
    id: String,
    bytes: [u8; 32],
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({}, …)", self.id)
    }
}

impl ServerKey {
    /// Its id; no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key for one purpose, of 32 bytes (HKDF-SHA-256).
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut derived = [0; 32];
        let pseudo_random = hkdf::Salt::new(hkdf::HKDF_SHA256, b"orrery").extract(&self.bytes);
        pseudo_random
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|key| key.fill(&mut derived))
            .expect("32 bytes are what this function makes");
        derived
    }
}

/// All keys, the current one first.
#[derive(Debug, Clone)]
pub struct Keyring(Vec<ServerKey>);

impl Keyring {
    /// Reads keys, one a line or separated by commas: `id:base64`. Blank lines and lines that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyring> {
        let mut keys: Vec<ServerKey> = Vec::new();
        // A comment may have commas in it, so lines come first.
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
        let written = lines.flat_map(|(index, line)| line.split(',').map(move |key| (index, key.trim())));
        for (index, written) in written.filter(|(_, key)| !key.is_empty()) {
            let key = parse_key(written).ok_or(InvalidKeyring::Line(index + 1))?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(InvalidKeyring::Twice(key.id));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(InvalidKeyring::Empty) } else { Ok(Self(keys)) }
    }

    /// A line with a fresh key, for a file of keys.
    pub fn fresh_line(id: &str) -> String {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the system has random numbers");
        format!("{id}:{}", STANDARD.encode(bytes))
    }

    /// The key that makes.
    pub fn current(&self) -> &ServerKey {
        &self.0[0]
    }

    /// The key of this id.
    pub fn get(&self, id: &str) -> Option<&ServerKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// All of them, the current one first.
    pub fn keys(&self) -> &[ServerKey] {
        &self.0
    }
}

fn parse_key(line: &str) -> Option<ServerKey> {
    let (id, secret) = line.split_once(':')?;
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if !(1..=32).contains(&id.len()) || !id.bytes().all(fits) {
        return None;
    }
    let bytes = STANDARD.decode(secret.trim()).ok()?.try_into().ok()?;
    Some(ServerKey { id: id.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_makes_and_all_are_found() {
        let (new, old) = (Keyring::fresh_line("2026-11"), Keyring::fresh_line("2026-01"));
        let keys = Keyring::parse(&format!("# ours, and theirs\n{new}\n\n{old}\n")).expect("both are keys");
        assert_eq!(keys.current().id(), "2026-11");
        assert!(keys.get("2026-01").is_some() && keys.get("2025").is_none());
    }

    #[test]
    fn keys_differ_by_purpose_and_by_key() {
        let keys = [Keyring::fresh_line("a"), Keyring::fresh_line("b")].join(",");
        let keys = Keyring::parse(&keys).expect("both are keys");
        let [a, b] = keys.keys() else { panic!("two keys were given") };
        assert_ne!(a.derive("tokens"), a.derive("audit"));
        assert_ne!(a.derive("tokens"), b.derive("tokens"));
        assert_eq!(a.derive("tokens"), a.derive("tokens"));
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_line_and_never_repeated() {
        let refused = Keyring::parse("a:c2VjcmV0").expect_err("it is too short");
        assert_eq!(refused, InvalidKeyring::Line(1));
        assert!(!refused.to_string().contains("c2VjcmV0"));
        assert_eq!(Keyring::parse("").expect_err("it is empty"), InvalidKeyring::Empty);
        let line = Keyring::fresh_line("a");
        assert_eq!(Keyring::parse(&format!("{line}\n{line}")).expect_err("twice"), InvalidKeyring::Twice("a".into()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let line = Keyring::fresh_line("a");
        let shown = format!("{:?}", Keyring::parse(&line).expect("it is a key"));
        assert_eq!(shown, "Keyring([ServerKey(a, …)])");
    }
}
