//! The HTTP servers of a process.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use actix_web::{App, HttpServer, dev::ServerHandle};
use anyhow::Context;
use http_actix::{
    AppState, Registry,
    serving::{self, Connections},
};

/// How long a shutdown waits for requests under way.
const HTTP_GRACE_SECONDS: u64 = 5;

/// Takes an address, before anything is begun that would have to be given up if somebody else has it.
pub(super) fn bind(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::Error::from(error)
            .context(format!("cannot listen on {at}, where another program does (--listen takes another)")),
        _ => anyhow::Error::from(error).context(format!("cannot listen on {at}")),
    };
    let listener = TcpListener::bind(at).map_err(refused)?;
    // More than the standard library allows to wait.
    socket2::SockRef::from(&listener).listen(1024).map_err(refused)?;
    Ok(listener)
}

/// Serves the API, or the probes of a process without one.
pub(super) fn listen(
    listener: TcpListener,
    state: &AppState,
    connections: &Connections,
) -> anyhow::Result<(SocketAddr, ServerHandle, impl Future<Output = std::io::Result<()>> + Send + use<>)> {
    let address = listener.local_addr().context("the server has no address")?;
    let connections = Connections { grace_seconds: HTTP_GRACE_SECONDS, ..connections.clone() };
    let server = serving::serve(listener, state, &connections).context("cannot listen")?;
    Ok((address, server.handle(), server))
}

/// Serves the look-ups of the existing components.
pub(super) fn listen_for_registry(
    listener: TcpListener,
    registry: Registry,
) -> anyhow::Result<(ServerHandle, impl Future<Output = std::io::Result<()>> + Send)> {
    let server = HttpServer::new(move || App::new().configure(|cfg| registry.configure(cfg)))
        .workers(1)
        .shutdown_timeout(HTTP_GRACE_SECONDS)
        .disable_signals()
        .listen(listener)
        .context("cannot listen for look-ups")?;
    let address = server.addrs().first().copied().context("the server of look-ups has no address")?;
    tracing::warn!(
        address = %address,
        "http://{address} tells the credentials of all agents to whoever asks: only the existing executor and bridge may reach it"
    );
    let server = server.run();
    Ok((server.handle(), server))
}
