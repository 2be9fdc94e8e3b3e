//! What one client may take from the others: how often it asks, how large and how deep its requests are, how slow it may be,
//! and which pages of other origins may ask in its name.
//!
//! All of it counts for this process alone; several processes behind one address share nothing ([ADR 0024]).
//!
//! [ADR 0024]: ../../../docs/adr/0024-limits-sit-in-each-process.md

mod buckets;
mod cors;
mod gate;
mod rate;

use std::{sync::Arc, time::Duration};

pub use cors::{Cors, InvalidCors, Origin};
pub use gate::Principals;
pub(crate) use gate::{Gate, Standings, is_exempt};
pub use rate::{InvalidRate, Rate, RateLimit};

/// The limits of the requests of a server. Those of connections are [`Connections`](crate::serving::Connections).
#[derive(Debug, Clone)]
pub struct Limits {
    /// How often one principal may ask.
    pub per_principal: RateLimit,
    /// How often one address may ask, whoever it is; of IPv6, one network of 64 bits.
    pub per_address: RateLimit,
    /// How often one address may try to log in.
    pub log_ins: RateLimit,
    /// The largest body, in bytes, after it was decompressed.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// The longest path with its query, in bytes.
    pub uri_bytes: usize,
    /// The most header fields.
    pub header_fields: usize,
    /// The most bytes of names and values of header fields together.
    pub header_bytes: usize,
    /// How deep arrays and objects may lie in each other in a body.
    pub json_depth: usize,
    /// The most parameters of a query.
    pub query_parameters: usize,
    /// Which pages of other origins may ask.
    pub cors: Cors,
    /// For how long browsers are told to come over TLS only; none where it is not said.
    pub hsts: Option<Duration>,
}

impl Default for Limits {
    /// Such that nobody meets them who means well. The rates are those of a runaway client, not of a busy one: a benchmark of
    /// thousands of requests a second with one key passes.
    fn default() -> Self {
        Self {
            per_principal: RateLimit::of(10_000, 20_000),
            per_address: RateLimit::of(20_000, 40_000),
            log_ins: RateLimit::of(1, 20),
            body_bytes: 1 << 20,
            body_time: Duration::from_secs(30),
            uri_bytes: 8192,
            header_fields: 64,
            header_bytes: 32 * 1024,
            json_depth: 100,
            query_parameters: 50,
            cors: Cors::default(),
            hsts: None,
        }
    }
}

/// The deepest JSON that can be allowed: the parser itself gives up beyond.
pub const MAX_JSON_DEPTH: usize = 120;

/// The limits of a process, with what is counted for them. Clones share it.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) limits: Arc<Limits>,
    pub(crate) gate: Gate,
    pub(crate) principals: Arc<Principals>,
}

impl Counted {
    pub(crate) fn new(limits: Limits) -> Self {
        let limits = Arc::new(limits);
        Self {
            gate: Gate::new(Arc::clone(&limits)),
            principals: Arc::new(Principals::new(limits.per_principal)),
            limits,
        }
    }
}
