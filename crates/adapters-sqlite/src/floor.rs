//! The floor under every figure: what the same file system does with the smallest possible durable commit.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{OpenError, schema};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Commits that were made, one row each.
    pub commits: u64,
    /// The time that they took.
    pub elapsed: Duration,
    /// The latency that half of the commits stayed below.
    pub p50: Duration,
    /// The latency that 99 of 100 commits stayed below.
    pub p99: Duration,
}

impl Floor {
    /// Commits per second.
    pub fn per_second(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { 1.0 / (self.elapsed.as_secs_f64() / count(self.commits)) }
    }
}

/// Commits single-row inserts one after the other into a scratch database in a folder, with the settings of the store,
/// for about as long as it is told. The scratch database is removed afterwards.
pub fn floor_commits(folder: &Path, duration: Duration) -> Result<Floor, OpenError> {
    let failed = |source| OpenError::Folder { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = folder.join("orrery-floor.db");
    let latencies = measure(&file, duration)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(suffix);
        // What is not there need not be removed, and a scratch file that stays does no harm.
        let _ = std::fs::remove_file(path);
    }
    Ok(summary(latencies))
}

fn measure(file: &Path, duration: Duration) -> Result<Vec<Duration>, OpenError> {
    let connection = schema::connect_writer(file)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO floor (body) VALUES (?1)")?;
    let body = "x".repeat(100);
    let mut latencies = Vec::new();
    let began = Instant::now();
    while began.elapsed() < duration {
        let one = Instant::now();
        insert.execute([&body])?;
        latencies.push(one.elapsed());
    }
    Ok(latencies)
}

fn summary(mut latencies: Vec<Duration>) -> Floor {
    latencies.sort_unstable();
    let at = |percent: usize| {
        let rank = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        latencies.get(rank).copied().unwrap_or_default()
    };
    Floor { commits: latencies.len() as u64, elapsed: latencies.iter().sum(), p50: at(50), p99: at(99) }
}

#[expect(clippy::cast_precision_loss, reason = "a count of commits is far below 2^52")]
fn count(commits: u64) -> f64 {
    commits as f64
}
