//! The chain: rows of the log are sealed in blocks, in the order in which their transactions became visible. Each row's hash
//! is keyed and builds on that of the row before, so that whoever changes, removes, inserts or swaps rows would have to
//! make all later hashes anew, and cannot without the key.
//!
//! Rows are written unchained, and nothing in them changes when they are sealed: chaining them in their own transactions
//! would have all processes wait for each other, and an update of each would cost as much as writing it did.

use chrono::TimeDelta;

use super::{Mac, Mark, MarkKind};
use crate::{Timestamp, ports::AuditSeal};

/// Whether a head that was signed then is to be signed anew, though nothing was sealed.
pub fn sign_is_due(signed: Option<Timestamp>, now: Timestamp) -> bool {
    signed.is_none_or(|signed| now - signed >= TimeDelta::minutes(1))
}

/// Whether the head is to be noted in a server's log.
pub fn note_is_due(noted: Option<Timestamp>, now: Timestamp) -> bool {
    noted.is_none_or(|noted| now - noted >= TimeDelta::hours(1))
}

/// The number that a store gives a row when it is inserted.
pub type Place = i64;

/// A row as it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealableRow {
    /// Where it lies.
    pub place: Place,
    /// What people call it: its id and time, for messages.
    pub name: String,
    /// All its columns, by [`canonical`].
    pub bytes: Vec<u8>,
}

/// The columns of a row, one after the other with their lengths, so that no two rows give the same bytes.
pub fn canonical<'a>(columns: impl IntoIterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for column in columns {
        match column {
            None => bytes.push(0),
            Some(column) => {
                bytes.push(1);
                bytes.extend((column.len() as u64).to_be_bytes());
                bytes.extend(column);
            }
        }
    }
    bytes
}

/// Rows that were sealed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its number, from 1 without a gap.
    pub number: u64,
    /// The seal of its first row; the others follow without a gap.
    pub first: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The id of the key.
    pub key: String,
    /// Where its rows lie, in their order.
    pub places: Vec<Place>,
    /// The hash of each row.
    pub macs: Vec<Mac>,
}

impl Block {
    /// On what the hash of its first row builds: what was before, and all that the block says of itself.
    pub(super) fn root(&self, with: &dyn AuditSeal, before: &Mac) -> Option<Mac> {
        let mut header = b"block".to_vec();
        let numbers = [self.number, self.first, self.at.timestamp_micros().cast_unsigned(), self.places.len() as u64];
        for number in numbers {
            header.extend(number.to_be_bytes());
        }
        with.link(&self.key, before, &header)
    }
}

/// Why the chain is not continued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBroken {
    /// Its head was not signed by this server.
    #[error("the head of the audit chain was forged")]
    Forged,
    /// Its head was signed with a key that this server does not have.
    #[error("the head of the audit chain was signed with the key '{0}', which this server does not have")]
    UnknownKey(String),
    /// It is shorter than this process knows it to be.
    #[error("the audit chain was set back: it ends with seal {found}, and had {seen}")]
    SetBack {
        /// How many seals its head tells.
        found: u64,
        /// How many there were.
        seen: u64,
    },
}

/// A chain that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continued {
    /// The new block; none if there was no row.
    pub block: Option<Block>,
    /// The head from now on.
    pub head: Mark,
}

/// Seals rows after a head, which must be genuine and no shorter than what the caller has seen of the chain.
pub fn continue_chain(
    with: &dyn AuditSeal,
    head: Option<&Mark>,
    seen: u64,
    now: Timestamp,
    rows: &[SealableRow],
) -> Result<Continued, ChainBroken> {
    if let Some(head) = head {
        match head.is_genuine(MarkKind::Head, with) {
            None => return Err(ChainBroken::UnknownKey(head.key.clone())),
            Some(false) => return Err(ChainBroken::Forged),
            Some(true) => {}
        }
    }
    let (number, seals, before) = head.map_or((0, 0, Mac::default()), |head| (head.block, head.seals, head.mac));
    if seals < seen {
        return Err(ChainBroken::SetBack { found: seals, seen });
    }
    if rows.is_empty() {
        let head = Mark::sign(MarkKind::Head, with, number, seals, before, now);
        return Ok(Continued { block: None, head });
    }
    let places = rows.iter().map(|row| row.place).collect();
    let key = with.key().to_owned();
    let mut block = Block { number: number + 1, first: seals + 1, at: now, key, places, macs: Vec::new() };
    let unknown = || ChainBroken::UnknownKey(with.key().to_owned());
    let mut mac = block.root(with, &before).ok_or_else(unknown)?;
    for row in rows {
        mac = with.link(&block.key, &mac, &row.bytes).ok_or_else(unknown)?;
        block.macs.push(mac);
    }
    let head = Mark::sign(MarkKind::Head, with, block.number, seals + rows.len() as u64, mac, now);
    Ok(Continued { block: Some(block), head })
}
