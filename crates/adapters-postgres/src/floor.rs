//! The floor under every figure: what the same server does with the smallest possible durable commit. It needs no schema.

use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::task::JoinSet;

use crate::{ConnectError, connect};

/// As large as the row of the floor of the other store.
const BODY: usize = 100;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Commits that were made, one row each.
    pub commits: u64,
    /// The time that they took, all connections at once.
    pub elapsed: Duration,
    /// The latency that half of the commits stayed below.
    pub p50: Duration,
    /// The latency that 99 of 100 commits stayed below.
    pub p99: Duration,
}

impl Floor {
    /// Commits per second, of all connections together.
    pub fn per_second(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { count(self.commits) / self.elapsed.as_secs_f64() }
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The database cannot be reached, or refuses a statement.
    #[error("the database does not do what is measured")]
    Database(#[from] sqlx::Error),
    /// A connection's work ended with a panic.
    #[error("the work on a connection has panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

/// Commits single-row inserts on so many connections at once, one after the other on each, for about as long as it is told.
/// The rows go into a table of their own, which is dropped afterwards.
pub async fn floor_commits(url: &str, connections: usize, duration: Duration) -> Result<Floor, FloorError> {
    let options = connect::options(url)?;
    let mut keeper = options.connect().await?;
    // One that was killed half-way has left its own.
    let create = "DROP TABLE IF EXISTS orrery_bench_floor;
                  CREATE TABLE orrery_bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)";
    sqlx::raw_sql(create).execute(&mut keeper).await?;
    let measured = measure(&options, connections, duration).await;
    sqlx::raw_sql("DROP TABLE orrery_bench_floor").execute(&mut keeper).await?;
    keeper.close().await?;
    measured
}

async fn measure(options: &PgConnectOptions, connections: usize, duration: Duration) -> Result<Floor, FloorError> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = options.connect().await?;
        // Prepares the statement.
        insert(&mut connection).await?;
        open.push(connection);
    }
    let began = Instant::now();
    let mut working = JoinSet::new();
    for connection in open {
        working.spawn(inserts(connection, began + duration));
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = working.join_next().await {
        latencies.extend(of_one??);
    }
    Ok(summary(latencies, began.elapsed()))
}

async fn inserts(mut connection: PgConnection, end: Instant) -> Result<Vec<Duration>, sqlx::Error> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let one = Instant::now();
        insert(&mut connection).await?;
        latencies.push(one.elapsed());
    }
    Ok(latencies)
}

/// Outside of a transaction a statement commits by itself.
async fn insert(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO orrery_bench_floor (body) VALUES ($1)").bind("x".repeat(BODY));
    insert.execute(connection).await.map(drop)
}

fn summary(mut latencies: Vec<Duration>, elapsed: Duration) -> Floor {
    latencies.sort_unstable();
    let at = |percent: usize| {
        let rank = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        latencies.get(rank).copied().unwrap_or_default()
    };
    Floor { commits: latencies.len() as u64, elapsed, p50: at(50), p99: at(99) }
}

#[expect(clippy::cast_precision_loss, reason = "a count of commits is far below 2^52")]
fn count(commits: u64) -> f64 {
    commits as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_of_all_connections_count_against_the_time_that_passed() {
        let latencies = (1..=200).map(Duration::from_millis).collect();
        let floor = summary(latencies, Duration::from_secs(4));
        assert!((floor.per_second() - 50.0).abs() < 1e-9);
        assert_eq!((floor.p50, floor.p99), (Duration::from_millis(101), Duration::from_millis(199)));
    }

    #[tokio::test]
    async fn rows_are_committed_and_nothing_is_left_of_them() {
        let database = dev_services::Database::new(None).await;
        let floor = floor_commits(database.url(), 2, Duration::from_millis(100)).await.expect("it is measured");
        assert!(floor.commits > 0 && floor.p50 <= floor.p99);
        let mut connection = PgConnection::connect(database.url()).await.expect("it is there");
        let gone: bool = sqlx::query_scalar("SELECT to_regclass('orrery_bench_floor') IS NULL")
            .fetch_one(&mut connection)
            .await
            .expect("an answer");
        assert!(gone, "the table stays");
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        assert!(summary(Vec::new(), Duration::ZERO).per_second().abs() < 1e-9);
    }
}
