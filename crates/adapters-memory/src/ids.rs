//! Ids that a test can foresee.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::ports::IdGenerator;
use uuid::{Builder, Uuid};

/// Deterministic unique UUIDs of version 7, made of a seed and a counter; they sort by creation. Clones count on
/// together, and generators with different seeds never make the same id.
#[derive(Debug, Clone)]
pub struct SequentialIds {
    seed: u64,
    made: Arc<AtomicU64>,
}

impl SequentialIds {
    /// A generator that begins from its first id.
    pub fn new(seed: u64) -> Self {
        Self { seed, made: Arc::new(AtomicU64::new(0)) }
    }
}

impl IdGenerator for SequentialIds {
    fn unique(&self) -> Uuid {
        let count = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let [first, rest @ ..] = self.seed.to_be_bytes();
        // The bits of version and variant overwrite parts of bytes 0 and 2; the seed stays out of them.
        let mut tail = [0; 10];
        tail[1] = first;
        tail[3..].copy_from_slice(&rest);
        Builder::from_unix_timestamp_millis(count, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_ordered_and_repeatable() {
        let (one, again, other) = (SequentialIds::new(1), SequentialIds::new(1), SequentialIds::new(u64::MAX));
        let ids: Vec<_> = (0..100).map(|_| one.unique()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(ids[0], again.unique());
        assert_ne!(ids[0], other.unique());
        assert_eq!(ids[0].get_version_num(), 7);
    }
}
