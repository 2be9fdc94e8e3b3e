//! What is known of requests that may be sent again.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
};

/// An attempt that wants to do a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the request is called.
    pub key: IdempotencyKey,
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Who wants to do it.
    pub attempt: AttemptId,
    /// When.
    pub at: Timestamp,
    /// Until when nobody else may, unless the attempt [holds](IdempotencyKeys::hold) it for longer.
    pub until: Timestamp,
    /// What was first tried before this time is forgotten, whether or not it is still stored.
    pub oldest: Timestamp,
}

/// How it stands with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is to be done by whoever asks. Where the seed is not of its own attempt, others have tried, and nobody knows how far
    /// they came.
    Mine(Seed),
    /// Somebody else is doing it.
    Theirs,
    /// It was done, and this is its answer.
    Answered(String),
    /// The key stands for another request.
    Taken,
}

/// Keys of requests, and the answers to these. Everything about one key happens at once or not at all, however many processes
/// ask.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Takes the key for an attempt, if nobody holds it: it is unknown or forgotten, then the seed is the attempt's own; or it
    /// has no answer and its time is over, then the seed stays that of the first. A key of another fingerprint MUST be answered
    /// `Taken`; of several that claim at once, one MUST be answered `Mine`.
    async fn claim(&self, claim: &Claim) -> Result<Standing, StoreError>;

    /// Keeps the key for the attempt until a later time; changes nothing if the attempt does not have it any more.
    async fn hold(&self, key: &IdempotencyKey, attempt: AttemptId, until: Timestamp) -> Result<(), StoreError>;

    /// Keeps the answer. MUST change nothing, and answer `false`, if the attempt does not have the key any more or there is an
    /// answer.
    async fn answer(&self, key: &IdempotencyKey, attempt: AttemptId, answer: &str) -> Result<bool, StoreError>;

    /// The attempt has ended, and nobody knows what it has done: the next one may begin at this time, from the same seed. Changes
    /// nothing if the attempt does not have the key any more.
    async fn let_go(&self, key: &IdempotencyKey, attempt: AttemptId, at: Timestamp) -> Result<(), StoreError>;

    /// The attempt has ended and has done nothing: the key is unknown again. Changes nothing if the attempt does not have the
    /// key any more, or was not the first.
    async fn release(&self, key: &IdempotencyKey, attempt: AttemptId) -> Result<(), StoreError>;

    /// Removes keys that were first used before a time, the oldest first and at most so many; answers how many.
    async fn forget(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
