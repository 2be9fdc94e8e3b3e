//! Time and chance, so that nothing else reads a clock or draws a number.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::Timestamp;

/// The time that decisions are stamped with.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The current time. MUST NOT go backwards within a process.
    fn now(&self) -> Timestamp;
}

/// The source of new identifiers.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new UUID. MUST be unique; SHOULD be a version 7, so that ids sort by creation.
    ///
    /// Attempts to do the same request are given the same ids in the same order. A use case takes its ids before it looks at
    /// what is stored, as many whatever it finds; what it does to one of many, it names by
    /// [`BulkId::member`](crate::ids::BulkId::member).
    fn unique(&self) -> Uuid;

    /// Whether what is being done may have been done before under the same ids, by an attempt that could not answer.
    fn again(&self) -> bool {
        false
    }
}

/// The time of the store, which all processes on it share, however wrong their own clocks are.
#[async_trait]
pub trait StoreTime: Send + Sync {
    /// The store's current time.
    async fn read(&self) -> Result<Timestamp, StoreError>;
}

/// Rings when another process has made a run claimable. It may ring for nothing, and not at all: scans find everything.
#[async_trait]
pub trait Doorbell: Send + Sync {
    /// Waits for the bell; dropping the future loses no ring that comes later. An error means that it cannot be heard at the moment; ask again later.
    async fn rung(&self) -> Result<(), StoreError>;
}
