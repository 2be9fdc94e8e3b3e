//! Requests that their senders may send again: what tells them apart, and which ids the attempts to do one have in common.
//!
//! A client that does not know what became of a request sends it again under the same key. Its answer is then repeated. Where
//! an attempt has died before it could answer, the next one is given the same ids, so it meets what the first has made, and
//! nothing is done twice. No transaction has to hold the answer and what was done together.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{
    Timestamp,
    ids::{AttemptId, AuditId},
};

/// The most characters of a key.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The most characters of an owner that are kept as they are.
const MAX_OWNER: usize = 255;

/// How many of the ids of an attempt are looked for in the audit log. Use cases take theirs at the start, and few of them;
/// those of one of many are made from the id of the whole.
const FIRST: u32 = 16;

/// A text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

/// What a client calls a request; keys of different owners have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey {
    owner: String,
    text: String,
}

impl IdempotencyKey {
    /// Reads a key of an owner: 1 to [`MAX_IDEMPOTENCY_KEY`] visible ASCII characters.
    pub fn parse(owner: &str, text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let sound = (1..=MAX_IDEMPOTENCY_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        // What no column holds is told apart all the same.
        let owner = match owner.chars().count() {
            ..=MAX_OWNER => owner.to_owned(),
            _ => format!("sha256:{}", Fingerprint::of(&[owner.as_bytes()])),
        };
        if sound { Ok(Self { owner, text: text.to_owned() }) } else { Err(InvalidIdempotencyKey) }
    }

    /// Whose it is.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The key itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of its answer, for the [`Vault`](crate::ports::Vault).
    pub fn place(&self) -> String {
        format!("idempotency:{}:{}", self.owner, self.text)
    }
}

/// SHA-256 of all that makes a request what it is. Under one key there is one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps a digest.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Of these parts in this order; where one ends and the next begins counts too.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The digest.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// What all attempts to do one request take their ids from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    first: AttemptId,
    at: Timestamp,
}

impl Seed {
    /// The seed of a request whose first attempt was this one, at this time.
    pub fn new(first: AttemptId, at: Timestamp) -> Self {
        Self { first, at }
    }

    /// The first attempt.
    pub fn first(&self) -> AttemptId {
        self.first
    }

    /// The id with this number: a UUID in the form of version 7, of the time of the first attempt, so that it lies beside others
    /// of its time in every index.
    pub fn id(&self, number: u32) -> Uuid {
        let digest = Fingerprint::of(&[self.first.uuid().as_bytes(), &number.to_be_bytes()]);
        let mut random = [0; 10];
        random.copy_from_slice(&digest.bytes()[..10]);
        let millis = u64::try_from(self.at.timestamp_millis()).unwrap_or_default();
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Under which ids an attempt may have told the audit log what it did.
    pub fn entries(&self) -> Vec<AuditId> {
        (0..FIRST).map(|number| AuditId::new(self.id(number))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        IdempotencyKey::parse("key:ci", text)
    }

    #[test]
    fn a_key_is_visible_ascii_and_not_too_long() {
        let longest = "x".repeat(MAX_IDEMPOTENCY_KEY);
        for text in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "~!\"", &longest] {
            assert_eq!(key(text).as_ref().map(IdempotencyKey::text), Ok(text));
        }
        let too_long = "x".repeat(MAX_IDEMPOTENCY_KEY + 1);
        for text in ["", " ", "a b", "a\n", "ü", "a\u{7f}", &too_long] {
            assert_eq!(key(text), Err(InvalidIdempotencyKey), "{text:?}");
        }
    }

    #[test]
    fn long_owners_are_told_apart() {
        let owned = |end: &str| IdempotencyKey::parse(&format!("{}{end}", "x".repeat(300)), "1").expect("a key");
        assert_ne!(owned("a"), owned("b"));
        assert_eq!(owned("a"), owned("a"));
        assert!(owned("a").owner().len() <= MAX_OWNER);
    }

    #[test]
    fn a_fingerprint_tells_where_parts_end() {
        let of = |parts: &[&str]| Fingerprint::of(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
        assert_eq!(of(&["POST", "/a"]), of(&["POST", "/a"]));
        assert_ne!(of(&["POST", "/a"]), of(&["POST/", "a"]));
        assert_ne!(of(&["a", ""]), of(&["a"]));
    }

    #[test]
    fn a_seed_gives_the_same_ids_again_and_others_to_others() {
        let at = Timestamp::from_timestamp(1_769_860_800, 0).expect("a time");
        let seed = |n: u128| Seed::new(AttemptId::new(Uuid::from_u128(n)), at);
        let ids: Vec<Uuid> = (0..100).map(|number| seed(1).id(number)).collect();
        assert_eq!(ids, (0..100).map(|number| seed(1).id(number)).collect::<Vec<_>>());
        let mut distinct = ids.clone();
        distinct.extend((0..100).map(|number| seed(2).id(number)));
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 200);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        let seconds = |id: &Uuid| id.get_timestamp().map(|time| time.to_unix().0);
        assert!(ids.iter().all(|id| seconds(id) == Some(1_769_860_800)));
    }
}
