//! Durable starts: many clients that start runs and wait for the answer, which comes when the run is durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::task::JoinSet;

use super::{
    api::{Api, Started},
    figures::{number, percentile},
};

/// How many clients start runs at the same time.
pub(super) const CLIENTS: usize = 64;

/// After so many starts a measurement ends early: each unfinished run may hold a connection to its agent, and a process
/// may have only so many.
pub(super) const MOST_STARTS: usize = 8_000;

/// How long a client waits after a refusal, at most what a server asks for in this test.
const AFTER_REFUSAL: Duration = Duration::from_millis(10);

/// What starts did in a window.
pub(super) struct Starts {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// How many were refused because the server was full.
    pub(super) refused: usize,
}

/// Starts runs as fast as they are accepted.
pub(super) async fn measure(api: &Api, workflow: &str, window: Duration) -> anyhow::Result<Starts> {
    let begin = Instant::now();
    let end = begin + window;
    let (started, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (api, workflow, started, refused) = (api.clone(), workflow.to_owned(), started.clone(), refused.clone());
        clients.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end && started.load(Ordering::Relaxed) < MOST_STARTS {
                let start = Instant::now();
                if api.execute(&workflow).await? == Started::Accepted {
                    started.fetch_add(1, Ordering::Relaxed);
                    times.push(start.elapsed().as_secs_f64() * 1000.0);
                } else {
                    refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(of_client) = clients.join_next().await {
        times.extend(of_client??);
    }
    let per_second = number(times.len() as u64) / begin.elapsed().as_secs_f64();
    Ok(Starts {
        per_second,
        p50_ms: percentile(&mut times, 50).context("no run was started")?,
        p99_ms: percentile(&mut times, 99).context("no run was started")?,
        refused: refused.load(Ordering::Relaxed),
    })
}
