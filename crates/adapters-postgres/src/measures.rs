//! The measurements of this crate: how busy its connections are.

use std::time::{Duration, Instant};

use measures::Measure;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::PgStore;

const CONNECTIONS: &str = "orrery_db_pool_connections";
const MAX: &str = "orrery_db_pool_max_connections";
const WAIT: &str = "orrery_db_pool_wait_seconds";
pub(crate) const TIMEOUTS: &str = "orrery_db_pool_timeouts_total";

/// How often the connections are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Every metric of this crate.
pub const MEASURES: &[Measure] = &[
    Measure::gauge(
        CONNECTIONS,
        "Open connections to PostgreSQL by pool (management, commits, claims) and state (in_use, idle); looked at every \
         five seconds.",
    )
    .by(&["pool", "state"]),
    Measure::gauge(MAX, "The most connections that a pool opens.").by(&["pool"]),
    Measure::histogram(
        WAIT,
        "How long a connection of a pool has to be waited for: tried every five seconds, and on nobody's account.",
    )
    .by(&["pool"]),
    Measure::counter(TIMEOUTS, "Times that no connection to PostgreSQL was to be had in time."),
];

/// Describes every metric of this crate; called once, after a recorder was installed.
pub fn describe_metrics() {
    MEASURES.iter().for_each(Measure::describe);
}

impl PgStore {
    /// Tells how busy the connections are, for as long as it is not told to stop.
    pub async fn watch_connections(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let look = async {
                let (management, commits, claims) = (self.pool(), self.writers(), self.leases());
                tokio::join!(told("management", management), told("commits", commits), told("claims", claims));
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = look => {}
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

async fn told(name: &'static str, pool: &PgPool) {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    let in_use = pool.size().saturating_sub(idle);
    metrics::gauge!(CONNECTIONS, "pool" => name, "state" => "idle").set(idle);
    metrics::gauge!(CONNECTIONS, "pool" => name, "state" => "in_use").set(in_use);
    metrics::gauge!(MAX, "pool" => name).set(pool.options().get_max_connections());
    let began = Instant::now();
    let found = pool.acquire().await;
    metrics::histogram!(WAIT, "pool" => name).record(began.elapsed());
    // A database that is away is told by others; here it matters that there was nothing to be had.
    if let Err(sqlx::Error::PoolTimedOut) = found {
        metrics::counter!(TIMEOUTS).increment(1);
    }
}
