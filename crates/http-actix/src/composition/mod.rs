//! The composition root: the one place that names adapters.

mod access_commands;
mod audit;
mod bus;
mod contradictions;
mod crew;
mod doctor;
mod door;
mod files;
mod kafka;
mod keepers;
mod keyring;
mod listening;
mod logging;
mod measures;
mod migrations;
mod nobody;
mod parts;
mod process;
mod readiness;
mod steered;
mod stores;
mod system;
mod traces;
mod webhooks;

use std::{future::Future, path::Path, time::Duration};

use adapters_auth::{AeadVault, Keyring};
use anyhow::Context;

use crate::cli::{SecretsPlace, Serve};

pub(crate) use access_commands::{Said, manage_keys, manage_users};
pub(crate) use adapters_auth::{Attenuation, inspect};
pub(crate) use audit::verify_audit;
pub(crate) use contradictions::contradictions;
pub(crate) use doctor::examine;
pub(crate) use keyring::{new_key, public_keys};
pub(crate) use logging::{LogFormat, init as init_logging};
pub(crate) use measures::{list as list_of_metrics, reference as reference_of_metrics};
pub(crate) use migrations::migrate;
pub(crate) use process::Orrery;

/// Runs a future to its end on the runtime of this process.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(future);
    // A blocking read that hangs must not keep a process that is done.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

/// Serves until a signal asks to stop, then drains.
pub(crate) async fn serve(options: Serve) -> anyhow::Result<()> {
    init_logging(options.log_format, &options.log)?;
    let traces = traces::Traces::start(&options)?;
    let mut orrery = Orrery::start(&options, traces.spans()).await?;
    let failed = tokio::select! {
        () = signalled() => None,
        part = orrery.failed() => Some(part),
    };
    tracing::info!("stopping: no new runs, waiting for agent calls under way");
    tokio::select! {
        () = orrery.stop() => tracing::info!("stopped"),
        () = signalled() => anyhow::bail!("stopped at once, at the second signal; what was under way is taken up at the next start"),
    }
    traces.finish().await;
    failed.map_or(Ok(()), |part| Err(anyhow::anyhow!("the {part} ended unexpectedly")))
}

/// Seals every kept secret under the current key. Beside running servers on a database; on a folder nobody else may run.
pub(crate) async fn rotate_secrets(place: &SecretsPlace) -> anyhow::Result<String> {
    let found = stores::rotate_secrets(place).await?;
    Ok(format!(
        "{} sealed anew under the key '{}', {} that were in clear sealed, {} left as they were",
        found.counts.rotated, found.key, found.counts.clear, found.counts.kept
    ))
}

/// The time of this machine.
pub(crate) fn now() -> domain::Timestamp {
    use domain::ports::Clock;
    system::SystemClock::default().now()
}

/// An id that nothing else has.
pub(crate) fn unique() -> uuid::Uuid {
    use domain::ports::IdGenerator;
    system::SystemIds.unique()
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be caught; only Ctrl-C stops this server gracefully");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Which right each operation needs and which role has it.
pub(crate) fn rights() -> String {
    http_actix::rights_markdown(&adapters_auth::DatalogPolicy::load())
}

/// The floor of a benchmark in a folder, as JSON.
pub(crate) fn bench_floor(folder: &Path, duration: Duration) -> anyhow::Result<String> {
    let floor = adapters_sqlite::floor::floor_commits(folder, duration).context("the floor cannot be measured")?;
    Ok(floor_json(floor.per_second(), floor.p50, floor.p99))
}

/// The floor of a benchmark in a database, as JSON.
pub(crate) async fn bench_floor_of_database(
    url: &str,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<String> {
    let floor = adapters_postgres::floor::floor_commits(url, connections, duration).await;
    let floor = floor.context("the floor cannot be measured")?;
    Ok(floor_json(floor.per_second(), floor.p50, floor.p99))
}

/// What the journal of a database does with batches of this size when nothing else is to be done, as JSON.
pub(crate) async fn bench_journal_of_database(url: &str, batch: usize, duration: Duration) -> anyhow::Result<String> {
    let vault = AeadVault::new(&Keyring::parse(&Keyring::fresh_line("bench"))?);
    let floor = adapters_postgres::floor::floor_journal(url, batch, duration, vault).await;
    let floor = floor.context("the floor cannot be measured")?;
    let json = serde_json::json!({
        "starts_per_second": floor.starts_per_second,
        "unaudited_starts_per_second": floor.unaudited_starts_per_second,
        "steps_per_second": floor.steps_per_second,
    });
    Ok(json.to_string())
}

fn floor_json(commits_per_second: f64, p50: Duration, p99: Duration) -> String {
    let json = serde_json::json!({
        "commits_per_second": commits_per_second,
        "p50_us": p50.as_micros(),
        "p99_us": p99.as_micros(),
    });
    json.to_string()
}
