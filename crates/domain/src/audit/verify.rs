//! Looking whether the log is as it was sealed.

use std::collections::{BTreeMap, HashMap};

use super::{Block, Mac, Mark, MarkKind, Place, SealableRow};
use crate::{Timestamp, ports::AuditSeal};

/// What is wrong with the log. The first one is told: what follows it in the chain cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A row is another one than was sealed.
    #[error("row {row} was changed: it is not what was sealed with number {seal} at {at}")]
    Changed {
        /// The seal.
        seal: u64,
        /// When it was made.
        at: Timestamp,
        /// The row as it is now.
        row: String,
    },
    /// A row is gone.
    #[error("a row was removed: the one that was sealed with number {seal} at {at}, in place {place}")]
    Removed {
        /// The seal.
        seal: u64,
        /// When it was made.
        at: Timestamp,
        /// Where the row lay.
        place: Place,
    },
    /// A row is there that was never sealed, among others that were.
    #[error("a row was inserted in place {0}: rows around it are sealed, and it is not")]
    Inserted(Place),
    /// A block of seals is gone, or was changed.
    #[error("the seals from number {seal} on were changed or removed (block {block})")]
    Block {
        /// The block.
        block: u64,
        /// Its first seal.
        seal: u64,
    },
    /// Rows and seals are gone at the end.
    #[error("the end was cut off: {told} rows were sealed, and the chain ends with number {found}")]
    CutOff {
        /// How many there must be.
        told: u64,
        /// How many there are.
        found: u64,
    },
    /// The head is gone.
    #[error("the head of the chain was removed")]
    NoHead,
    /// The head or the checkpoint was not signed by this server.
    #[error("the {0} of the chain was forged")]
    Forged(&'static str),
    /// Something was signed or sealed with a key that is not known.
    #[error("the seals from number {seal} on were made with the key '{key}', which is not among the server's keys")]
    UnknownKey {
        /// The key's id.
        key: String,
        /// The first seal.
        seal: u64,
    },
    /// The head has not been signed for longer than was said.
    #[error(
        "the end may be cut off: the head of the chain was signed last at {at}, after {seals} rows; either no server has \
         been running since, or an older state was put back"
    )]
    Old {
        /// When.
        at: Timestamp,
        /// How many rows were sealed by then.
        seals: u64,
    },
    /// A row has not been sealed for longer than it may take.
    #[error("the row in place {0} was never sealed, and is too old for that")]
    Unsealed(Place),
    /// The chain does not hold what somebody has noted of it.
    #[error("the chain does not hold the noted head {0}: it was made anew, or set back")]
    Witness(Witness),
}

/// What somebody has noted of the chain, from the log of a server: how many rows were sealed, and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// How many.
    pub seals: u64,
    /// The hash.
    pub mac: Mac,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seals, self.mac)
    }
}

impl std::str::FromStr for Witness {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(n, mac)| Some((n.parse().ok()?, Mac::parse(mac)?)));
        let (seals, mac) =
            parts.ok_or("a head is a number, a colon and 64 hexadecimal digits, as the server logs it")?;
        Ok(Self { seals, mac })
    }
}

/// Checks that a mark was signed by whoever has its key.
pub fn check_mark(kind: MarkKind, mark: &Mark, with: &dyn AuditSeal) -> Result<(), Finding> {
    let what = match kind {
        MarkKind::Head => "head",
        MarkKind::Checkpoint => "checkpoint",
    };
    match mark.is_genuine(kind, with) {
        Some(true) => Ok(()),
        Some(false) => Err(Finding::Forged(what)),
        None => Err(Finding::UnknownKey { key: mark.key.clone(), seal: mark.seals }),
    }
}

/// Checks a block and its rows against what was before: the number of seals and their last hash. Answers the last hash.
pub fn check_block(
    with: &dyn AuditSeal,
    block: &Block,
    (seals, before): (u64, Mac),
    rows: &[SealableRow],
) -> Result<Mac, Finding> {
    let broken = Finding::Block { block: block.number, seal: seals + 1 };
    if block.first != seals + 1 || block.places.is_empty() || block.places.len() != block.macs.len() {
        return Err(broken);
    }
    let unknown = || Finding::UnknownKey { key: block.key.clone(), seal: block.first };
    let mut mac = block.root(with, &before).ok_or_else(unknown)?;
    let rows: HashMap<Place, &SealableRow> = rows.iter().map(|row| (row.place, row)).collect();
    for ((seal, place), sealed) in (block.first..).zip(&block.places).zip(&block.macs) {
        let Some(row) = rows.get(place) else {
            return Err(Finding::Removed { seal, at: block.at, place: *place });
        };
        mac = with.link(&block.key, &mac, &row.bytes).ok_or_else(unknown)?;
        if mac != *sealed {
            return Err(Finding::Changed { seal, at: block.at, row: row.name.clone() });
        }
    }
    Ok(mac)
}

/// A set of places, most of which are neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<Place, Place>);

impl Places {
    /// Adds a place.
    pub fn add(&mut self, place: Place) {
        if self.holds(place) {
            return;
        }
        let joins = |(_, last): &(&Place, &Place)| **last + 1 == place;
        let first = self.0.range(..=place).next_back().filter(joins).map_or(place, |(first, _)| *first);
        let last = self.0.remove(&(place + 1)).unwrap_or(place);
        self.0.insert(first, last);
    }

    /// Whether a place is among them.
    pub fn holds(&self, place: Place) -> bool {
        self.0.range(..=place).next_back().is_some_and(|(_, last)| *last >= place)
    }

    /// The largest place.
    pub fn last(&self) -> Option<Place> {
        self.0.last_key_value().map(|(_, last)| *last)
    }
}
