//! The embedded mode: API, engine and a SQLite store in one process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle};
use adapters_http::{GatewayConfig, HttpAgentGateway};
use adapters_sqlite::SqliteStore;
use anyhow::Context;
use application::{Ports, UseCases, plans::PlanCache};
use domain::{
    ids::ExecutorId,
    ports::{Clock, IdGenerator, RunLeases},
};
use executor::{CommitQueue, EngineConfig, EngineHandle, EnginePorts};
use http_actix::AppState;
use tokio::task::JoinHandle;

use super::{
    readiness::StoreReadiness,
    system::{SystemClock, SystemIds},
};
use crate::cli::Serve;

/// How long a shutdown waits for requests under way.
const HTTP_GRACE_SECONDS: u64 = 5;

/// A running server.
pub(crate) struct Orrery {
    address: SocketAddr,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    engine: EngineHandle,
    writing: JoinHandle<()>,
    store: SqliteStore,
}

impl Orrery {
    /// Opens the store, takes over what a predecessor left unfinished, and listens.
    pub(crate) async fn start(options: &Serve) -> anyhow::Result<Self> {
        let folder = std::path::absolute(&options.data).unwrap_or_else(|_| options.data.clone());
        let folder = folder.display();
        tracing::info!(folder = %folder, "Orrery keeps everything in the folder {folder}");
        let store = SqliteStore::open(&options.data).with_context(|| format!("cannot open the store in {folder}"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let ids: Arc<dyn IdGenerator> = Arc::new(SystemIds);
        take_over(&store, &*clock).await?;

        let shared = Arc::new(store.clone());
        let gateway = || {
            HttpAgentGateway::new(GatewayConfig::default(), Arc::clone(&clock)).context("cannot make an HTTP client")
        };
        let plans = Arc::new(PlanCache::new(shared.clone()));
        let (queue, writer) = CommitQueue::new(shared.clone());
        let writing = spawn(writer);
        let engine_ports = EnginePorts {
            agents: shared.clone(),
            runs: shared.clone(),
            leases: shared.clone(),
            gateway: Arc::new(gateway()?),
            clock: clock.clone(),
            ids: ids.clone(),
            plans: plans.clone(),
        };
        let config = EngineConfig {
            capacity: capacity(options.capacity),
            drain_for: Duration::from_secs(options.drain_seconds),
            ..EngineConfig::default()
        };
        let engine = executor::spawn(ExecutorId::new(ids.unique()), engine_ports, queue.clone(), config);
        let uses = UseCases::new(&Ports {
            agents: shared.clone(),
            workflows: shared.clone(),
            transactions: shared.clone(),
            runs: shared.clone(),
            writer: Arc::new(queue.clone()),
            // Connections belong to the runtime that opened them: requests must not share the engine's.
            gateway: Arc::new(gateway()?),
            engine: Arc::new(engine.clone()),
            clock: clock.clone(),
            ids: ids.clone(),
            plans,
        });
        let state = AppState::new(Arc::new(uses), clock, ids, Arc::new(StoreReadiness::new(shared, queue)));
        executor::describe_metrics();
        let (address, server, serving) = listen(options.listen, state)?;
        tracing::info!(address = %address, "listening on http://{address} (docs at http://{address}/docs)");
        Ok(Self { address, server, serving, engine, writing, store })
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a part ends that should not, and names it.
    pub(crate) async fn failed(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.serving => "HTTP server",
            _ = &mut self.writing => "writer of commits",
            () = self.engine.over() => "engine",
        }
    }

    /// Stops in the order in which nothing is lost: requests, then runs, then commits, then the store.
    pub(crate) async fn stop(self) {
        self.server.stop(true).await;
        // A part that has failed has been waited for before.
        if !self.serving.is_finished()
            && let Ok(Err(error)) = self.serving.await
        {
            tracing::error!(%error, "the HTTP server ended with an error");
        }
        self.engine.drain().await;
        drop(self.engine);
        // The writer ends once every queue before it is gone and everything is written.
        if !self.writing.is_finished() {
            let _ = tokio::time::timeout(Duration::from_secs(5), self.writing).await;
        }
        // Dropping the last clone writes what is left and folds the log into the file.
        drop(self.store);
    }
}

/// File descriptors kept for the store, for clients and for the rest of the process.
const RESERVED_FILES: u64 = 256;

/// As many runs as were asked for, as far as each can have a connection to its agent.
fn capacity(wanted: usize) -> usize {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is unknown; many runs at once may fail to reach their agents");
            return wanted;
        }
    };
    let possible = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX).max(1);
    if possible < wanted {
        tracing::warn!(
            files,
            wanted,
            possible,
            "the limit of open files allows fewer runs at once than were asked for"
        );
    }
    wanted.min(possible)
}

/// The store's lock says that nobody else is alive, so whoever owns runs is dead.
async fn take_over(store: &SqliteStore, clock: &dyn Clock) -> anyhow::Result<()> {
    for dead in store.owners().await.context("cannot read who owned runs")? {
        let runs = store.release(dead, clock.now()).await.context("cannot take over unfinished runs")?;
        tracing::info!(runs, executor.id = %dead, "taking over the runs of a process that is gone");
    }
    Ok(())
}

fn listen(
    at: SocketAddr,
    state: AppState,
) -> anyhow::Result<(SocketAddr, ServerHandle, JoinHandle<std::io::Result<()>>)> {
    let server = HttpServer::new(move || App::new().configure(|cfg| state.configure(cfg)))
        .workers(std::thread::available_parallelism().map_or(2, usize::from).min(8))
        .shutdown_timeout(HTTP_GRACE_SECONDS)
        .disable_signals()
        .bind(at)
        .with_context(|| format!("cannot listen on {at}"))?;
    let address = server.addrs().first().copied().context("the server has no address")?;
    let server = server.run();
    let handle = server.handle();
    Ok((address, handle, spawn(server)))
}

/// Spawns what [`Orrery::stop`] waits for.
#[expect(clippy::disallowed_methods, reason = "the handles are kept, and waited for when the server stops")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
