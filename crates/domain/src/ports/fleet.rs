//! Which processes are alive, so that the work of a dead one can be taken over.
//!
//! A dead process is told by its counter, which stands still, and never by a clock: two machines need not agree on the time.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::ExecutorId;

/// What a member of the fleet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duties {
    /// It looks after runs.
    pub executes: bool,
    /// It relays messages to others.
    pub relays: bool,
    /// What it has to do with requests to execute runs.
    pub requests: Requests,
}

/// What a member has to do with requests to execute runs, for which there is one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// Nothing.
    Ignores,
    /// It takes those of foreign producers.
    Takes,
    /// It has the executor of the old system asked by them.
    Makes,
}

impl Duties {
    /// Whether members with these duties must not work on one store: one would execute what the other asks the old executor
    /// for.
    pub fn exclude(self, other: Self) -> bool {
        matches!(
            (self.requests, other.requests),
            (Requests::Takes, Requests::Makes) | (Requests::Makes, Requests::Takes)
        )
    }
}

/// The last sign of life of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeSign {
    /// The member; the same id owns its runs and holds its shards.
    pub member: ExecutorId,
    /// What it does.
    pub duties: Duties,
    /// How often its heart has beaten.
    pub beat: u64,
}

/// The processes that work on one store.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Enters a new member, with a beat of zero. MUST come before anything names it as an owner. Answers the members whose
    /// duties exclude these; where there are any, the new one is not entered. Two that exclude each other and come at once
    /// MUST NOT both be entered.
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<Vec<LifeSign>, StoreError>;

    /// Raises the counter of a member by one. Answers `false`, and changes nothing, if there is no such member: it has been
    /// buried, and what it owned is somebody else's.
    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError>;

    /// The members, in any order.
    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError>;

    /// Removes a member, unless its heart has beaten since the sign was read. Answers whether it is gone now.
    async fn bury(&self, sign: LifeSign) -> Result<bool, StoreError>;

    /// Removes a member that has given everything back; an unknown one is no error.
    async fn leave(&self, member: ExecutorId) -> Result<(), StoreError>;
}
