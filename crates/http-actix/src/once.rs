//! The ids and secrets of a request that may be sent again: made from its seed, so that every attempt to do it has the same.
//!
//! What is being handled is known by the task, not by the use cases: they ask their ports as always.

use std::{cell::Cell, future::Future, sync::Arc};

use application::once::Turn;
use domain::{
    access::KeyDigest,
    agents::Secret,
    idempotency::Seed,
    ports::{IdGenerator, KeyDigests},
};
use uuid::Uuid;

tokio::task_local! {
    /// What the present request takes its ids from, if it may be sent again.
    static SOURCE: Source;
}

struct Source {
    seed: Seed,
    again: bool,
    ids: Cell<u32>,
    secrets: Cell<u32>,
}

fn next(counter: &Cell<u32>) -> u32 {
    counter.replace(counter.get().wrapping_add(1))
}

/// Does the work of a turn with the ids that belong to it.
pub(crate) async fn within<T>(turn: &Turn, work: impl Future<Output = T>) -> T {
    let source = Source { seed: turn.seed(), again: turn.again(), ids: Cell::new(0), secrets: Cell::new(0) };
    SOURCE.scope(source, work).await
}

/// Fresh ids, and within a request that may be sent again those that belong to it.
pub struct RequestIds(Arc<dyn IdGenerator>);

impl RequestIds {
    /// Takes fresh ids from here.
    pub fn new(fresh: Arc<dyn IdGenerator>) -> Self {
        Self(fresh)
    }
}

impl IdGenerator for RequestIds {
    fn unique(&self) -> Uuid {
        SOURCE.try_with(|source| source.seed.id(next(&source.ids))).unwrap_or_else(|_| self.0.unique())
    }

    fn again(&self) -> bool {
        SOURCE.try_with(|source| source.again).unwrap_or(false)
    }
}

/// Fresh secrets, and within a request that may be sent again those that belong to it.
pub struct RequestDigests(Arc<dyn KeyDigests>);

impl RequestDigests {
    /// Digests and derives with these.
    pub fn new(digests: Arc<dyn KeyDigests>) -> Self {
        Self(digests)
    }
}

impl KeyDigests for RequestDigests {
    fn fresh(&self) -> Secret {
        let derived = SOURCE.try_with(|source| self.0.derived(&source.seed, next(&source.secrets)));
        derived.unwrap_or_else(|_| self.0.fresh())
    }

    fn derived(&self, seed: &Seed, number: u32) -> Secret {
        self.0.derived(seed, number)
    }

    fn digest(&self, secret: &Secret) -> KeyDigest {
        self.0.digest(secret)
    }

    fn matches(&self, secret: &Secret, digest: &KeyDigest) -> bool {
        self.0.matches(secret, digest)
    }
}
