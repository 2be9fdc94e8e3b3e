//! Starting and stopping the server that all demo agents live in.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle};
use tokio::sync::oneshot;

use crate::{
    calls::Calls,
    routes::{Shop, routes},
};

/// How long an idle connection is kept; longer than any sensible pool keeps one, so that it is the client who hangs up.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a graceful stop waits for calls that are being answered.
const PATIENCE_SECONDS: u64 = 2;

/// How the demo agents run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that answer.
    pub workers: usize,
    /// Whether calls are recorded one by one; without it they are only counted, for benchmarks.
    pub record: bool,
    /// How many calls are recorded at most.
    pub log_capacity: usize,
    /// How long the three agents of the story seem to work, so that progress can be watched.
    pub story_delay: Duration,
}

impl Default for Options {
    /// One worker, recording up to 100,000 calls, 300 ms of apparent work.
    fn default() -> Self {
        Self { workers: 1, record: true, log_capacity: 100_000, story_delay: Duration::from_millis(300) }
    }
}

/// Running demo agents. Dropping them hangs up; [`DemoAgents::stop`] lets them finish what they are at.
#[derive(Debug)]
pub struct DemoAgents {
    address: SocketAddr,
    handle: ServerHandle,
    ended: Option<oneshot::Receiver<()>>,
}

impl DemoAgents {
    /// Starts the server on an address; port 0 takes a free one. Returns when connections are accepted. The server has
    /// threads of its own and needs no runtime of the caller's.
    pub fn start(bind: SocketAddr, options: &Options) -> io::Result<Self> {
        let (report_start, start) = mpsc::sync_channel(1);
        let (report_end, ended) = oneshot::channel();
        let options = options.clone();
        thread::Builder::new().name("demo-agents".to_owned()).spawn(move || {
            serve(bind, &options, &report_start);
            // The other side may be gone: it was dropped instead of stopped.
            let _ = report_end.send(());
        })?;
        let (address, handle) = start.recv().map_err(|_| io::Error::other("the server thread ended"))??;
        Ok(Self { address, handle, ended: Some(ended) })
    }

    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to register an agent with; `path` as in [`CATALOGUE`](crate::CATALOGUE), or with a query: `slow?ms=5`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Accepts no more, finishes what is being answered (within two seconds) and ends.
    pub async fn stop(mut self) {
        self.handle.stop(true).await;
        if let Some(ended) = self.ended.take() {
            // An error means that the thread has ended already.
            let _ = ended.await;
        }
    }
}

impl Drop for DemoAgents {
    fn drop(&mut self) {
        // The command is sent at once; only its completion would have to be awaited.
        drop(self.handle.stop(false));
    }
}

type Started = io::Result<(SocketAddr, ServerHandle)>;

fn serve(bind: SocketAddr, options: &Options, started: &mpsc::SyncSender<Started>) {
    let calls = Calls::new(options.record, options.log_capacity);
    let shop = Arc::new(Shop { calls, story_delay: options.story_delay });
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let shop = Arc::clone(&shop);
            App::new().configure(|app| routes(app, shop))
        })
        .workers(options.workers.max(1))
        .keep_alive(KEEP_ALIVE)
        .tcp_nodelay(true)
        .disable_signals()
        .shutdown_timeout(PATIENCE_SECONDS)
        .bind(bind);
        let server = match server {
            Ok(server) => server,
            Err(e) => return drop(started.send(Err(e))),
        };
        let address = server.addrs().first().copied();
        let server = server.run();
        let start = address.map(|address| (address, server.handle()));
        // The listener is bound already, so whoever connects from here on is served. Nobody reads a failed send or the
        // server's own error: the thread just ends then, and its handle says so.
        let _ = started.send(start.ok_or_else(|| io::Error::other("no address was bound")));
        let _ = server.await;
    });
}
