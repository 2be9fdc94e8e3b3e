//! Counters for the metrics page.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// What a store has written since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were made durable.
    pub transactions: u64,
    /// Run commits that were accepted in them.
    pub commits: u64,
    /// The time that those transactions took, from their begin until they were on the disk.
    pub write_time: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    transactions: AtomicU64,
    commits: AtomicU64,
    write_nanos: AtomicU64,
}

impl Counters {
    pub(crate) fn wrote(&self, took: Duration) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.write_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, commits: usize) {
        self.commits.fetch_add(commits as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            transactions: self.transactions.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            write_time: Duration::from_nanos(self.write_nanos.load(Ordering::Relaxed)),
        }
    }
}
