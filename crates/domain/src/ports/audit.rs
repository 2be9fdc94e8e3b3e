//! The audit log: read, sealed, verified, and cleared of what is old. It is written by units of work and by the commits of
//! runs, in their transactions.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    audit::{AuditCursor, AuditFilter, AuditPage, Block, Mac, Mark, Place, SealableRow},
    ids::AuditId,
};

/// Reading the log.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest of the rows that [`AuditFilter::matches`], at most so many and none that is not older than the cursor; ties in
    /// time have an order that never changes. The page says where it ends if there are more.
    async fn list(&self, filter: &AuditFilter, before: Option<AuditCursor>, size: u32)
    -> Result<AuditPage, StoreError>;

    /// Whether there is an entry with one of these ids.
    async fn holds(&self, ids: &[AuditId]) -> Result<bool, StoreError>;
}

/// Keyed hashes for the chain.
pub trait AuditSeal: Send + Sync {
    /// The id of the key that seals.
    fn key(&self) -> &str;

    /// The hash under the key of this id of what was before, and of some bytes; none if that key is not known.
    fn link(&self, key: &str, before: &Mac, bytes: &[u8]) -> Option<Mac>;
}

/// Where the chain begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainState {
    /// Where it begins; none while all of it is kept.
    pub checkpoint: Option<Mark>,
    /// Where it ends; none before anything was sealed.
    pub head: Option<Mark>,
    /// All rows up to this place are sealed, or there are none, but for those that are open.
    pub settled: Place,
    /// Ranges of places up to there, both ends included, whose transactions were not over when others were sealed.
    pub open: Vec<(Place, Place)>,
}

/// Reading the chain.
#[async_trait]
pub trait AuditChain: Send + Sync {
    /// Where it begins and ends.
    async fn state(&self) -> Result<ChainState, StoreError>;

    /// The blocks after this number, in their order, at most so many.
    async fn blocks(&self, after: u64, limit: usize) -> Result<Vec<Block>, StoreError>;

    /// The rows in these places, as they are sealed; a row that is not there is left out.
    async fn rows(&self, places: &[Place]) -> Result<Vec<SealableRow>, StoreError>;

    /// The places after this one where rows are, with the times that the rows tell, at most so many.
    async fn places(&self, after: Place, limit: usize) -> Result<Vec<(Place, Timestamp)>, StoreError>;
}

/// What sealing has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// How many rows.
    pub rows: usize,
    /// The head since then.
    pub head: Mark,
    /// Nobody has noted the head for an hour; whoever is told so does.
    pub to_be_noted: bool,
}

/// Sealing the log, and clearing away what is old.
#[async_trait]
pub trait AuditSealing: Send + Sync {
    /// Seals rows that are not sealed, at most so many, and signs the head anew if anything was sealed or it is a minute old. Of
    /// several that seal at once, one does; the others are answered none. Rows of transactions that are not over are sealed by
    /// a later call, and keep none that are over waiting. MUST change nothing, and answer `Corrupt`, if the head is not
    /// genuine, or tells fewer seals than `seen`.
    async fn seal(
        &self,
        with: Arc<dyn AuditSeal>,
        seen: u64,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Sealed>, StoreError>;

    /// Removes the rows of whole blocks that were sealed before a time, the oldest first, at most so many blocks and never the
    /// last one; leaves a signed checkpoint in their place. Answers how many rows.
    async fn forget(
        &self,
        with: Arc<dyn AuditSeal>,
        before: Timestamp,
        now: Timestamp,
        blocks: usize,
    ) -> Result<u64, StoreError>;
}
