//! The HTTP server itself: its connections, how long they may idle, and what is said to those that never become a request.
//!
//! Put together here, and not by actix's `HttpServer`, because that gives no way to what it writes by itself: a client that is
//! too slow, or speaks no HTTP, would get a bare status where every other refusal is a problem document.

mod stream;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{App, dev::AppConfig, rt::net::TcpStream};

use crate::AppState;
use stream::Explained;
pub(crate) use stream::HungUp;

/// The limits of a server's connections.
#[derive(Debug, Clone)]
pub struct Connections {
    /// How long the head of a request may take to arrive.
    pub head_time: Duration,
    /// How long a connection is kept on which nothing is asked.
    pub keep_alive: Duration,
    /// How long a connection may take to close.
    pub closing_time: Duration,
    /// The most connections of each worker; more wait to be taken.
    pub per_worker: usize,
    /// How many workers there are.
    pub workers: usize,
    /// How long a shutdown waits for requests under way, in seconds.
    pub grace_seconds: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            closing_time: Duration::from_secs(5),
            per_worker: 10_000,
            workers: std::thread::available_parallelism().map_or(2, usize::from).min(8),
            grace_seconds: 5,
        }
    }
}

/// Serves on an address that was taken before. Signals are left to the caller.
pub fn serve(listener: TcpListener, state: &AppState, connections: &Connections) -> io::Result<Server> {
    let builder = Server::build()
        .workers(connections.workers)
        .max_concurrent_connections(connections.per_worker)
        .shutdown_timeout(connections.grace_seconds)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let (state, Connections { head_time, keep_alive, closing_time, .. }) = (state.clone(), connections.clone());
    let builder = builder.listen("http", listener, move || {
        let (app, stopping, explaining) = (state.clone(), stopping.clone(), state.clone());
        let app = App::new().configure(move |cfg| app.configure(cfg)).into_factory();
        let app = app.map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(head_time)
            .client_disconnect_timeout(closing_time)
            .tcp_nodelay(true)
            .on_connect_ext(|connection: &Explained<TcpStream>, data| {
                data.insert(connection.hung_up());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let explain: stream::Explain = Arc::new(move |status| explaining.bare(status));
        fn_service(move |connection: TcpStream| {
            let peer = connection.peer_addr().ok();
            let connection = Explained::new(connection, Arc::clone(&explain));
            async move { Ok((connection, peer)) }
        })
        .and_then(http)
    })?;
    Ok(builder.run())
}
