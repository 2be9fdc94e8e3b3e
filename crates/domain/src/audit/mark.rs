//! Where the chain stands, signed: its head, and the checkpoint that retention leaves where it has cut the beginning off.

use std::fmt;

use crate::{Timestamp, ports::AuditSeal};

/// A keyed hash of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Mac([u8; 32]);

impl Mac {
    /// Wraps what a seal or a store gave.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({self})")
    }
}

/// What a mark is for; a mark of one kind is worth nothing as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// The end of the chain.
    Head,
    /// Where the chain begins, because what was before is not kept any more.
    Checkpoint,
}

/// A place in the chain, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number of the block at which it is; 0 before the first one.
    pub block: u64,
    /// How many rows were ever sealed up to there.
    pub seals: u64,
    /// The hash of the last of them, on which the next block builds.
    pub mac: Mac,
    /// When it was signed.
    pub at: Timestamp,
    /// The id of the key that it was signed with.
    pub key: String,
    /// The signature.
    pub signature: Mac,
}

impl Mark {
    /// Signs a place in the chain with the current key.
    pub fn sign(kind: MarkKind, with: &dyn AuditSeal, block: u64, seals: u64, mac: Mac, at: Timestamp) -> Self {
        let key = with.key().to_owned();
        let mark = Self { block, seals, mac, at, key, signature: Mac::default() };
        // The current key is always known.
        let signature = mark.signature(kind, with).unwrap_or_default();
        Self { signature, ..mark }
    }

    /// Whether it was signed as this kind by whoever has its key; none if that key is not known.
    pub fn is_genuine(&self, kind: MarkKind, with: &dyn AuditSeal) -> Option<bool> {
        Some(self.signature(kind, with)? == self.signature)
    }

    fn signature(&self, kind: MarkKind, with: &dyn AuditSeal) -> Option<Mac> {
        let mut bytes = match kind {
            MarkKind::Head => b"head".to_vec(),
            MarkKind::Checkpoint => b"checkpoint".to_vec(),
        };
        for number in [self.block, self.seals, self.at.timestamp_micros().cast_unsigned()] {
            bytes.extend(number.to_be_bytes());
        }
        with.link(&self.key, &self.mac, &bytes)
    }
}
