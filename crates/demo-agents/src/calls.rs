//! Who was called, how often and with which bytes: what crash tests look at.
//!
//! Without recording, a call costs two atomic additions.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The ledger of all agents of a server.
pub(crate) struct Calls {
    started: Instant,
    started_at_us: u64,
    record: bool,
    log_capacity: usize,
    total: AtomicU64,
    handler_ns: AtomicU64,
    recorded: Mutex<Recorded>,
    /// Failures that `/flaky` has answered, per message id. Kept without recording too: they are its behaviour.
    flaked: Mutex<HashMap<String, u32>>,
}

#[derive(Default)]
struct Recorded {
    by_message_id: BTreeMap<String, u64>,
    log: Vec<LogEntry>,
    unlogged: u64,
}

#[derive(Clone, Serialize)]
struct LogEntry {
    agent: &'static str,
    message_id: String,
    body_sha256: String,
    at_us_since_start: u64,
}

/// What `GET /calls` answers.
#[derive(Serialize)]
pub(crate) struct Report {
    /// All calls that could be read.
    total: u64,
    /// The time that agents spent on them, artificial delays left out.
    handler_us: u64,
    by_message_id: BTreeMap<String, u64>,
    log: Vec<LogEntry>,
    /// Calls that were counted in `total` only, because the log was full.
    unlogged: u64,
    /// When the server started, in microseconds since 1970: what the log's times count from.
    started_at_us: u64,
}

impl Calls {
    pub(crate) fn new(record: bool, log_capacity: usize) -> Self {
        Self {
            started: Instant::now(),
            started_at_us: clock_us(),
            record,
            log_capacity,
            total: AtomicU64::new(0),
            handler_ns: AtomicU64::new(0),
            recorded: Mutex::default(),
            flaked: Mutex::default(),
        }
    }

    /// Notes a call as it arrives, before it is answered or fails.
    pub(crate) fn note(&self, agent: &'static str, message_id: &str, body: &[u8]) {
        self.total.fetch_add(1, Relaxed);
        if !self.record {
            return;
        }
        let at_us_since_start = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let body_sha256 = hex(&Sha256::digest(body));
        let mut recorded = locked(&self.recorded);
        if recorded.log.len() >= self.log_capacity {
            recorded.unlogged += 1;
            return;
        }
        *recorded.by_message_id.entry(message_id.to_owned()).or_default() += 1;
        recorded.log.push(LogEntry { agent, message_id: message_id.to_owned(), body_sha256, at_us_since_start });
    }

    /// Adds the time since `begun` to the agents' working time.
    pub(crate) fn worked_since(&self, begun: Instant) {
        self.handler_ns.fetch_add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether this call of a message is among its first `fail`; answers which one it is.
    pub(crate) fn flake(&self, message_id: &str, fail: u32) -> Option<u32> {
        let mut flaked = locked(&self.flaked);
        if flaked.len() >= self.log_capacity {
            flaked.clear();
        }
        let so_far = flaked.entry(message_id.to_owned()).or_default();
        (*so_far < fail).then(|| {
            *so_far += 1;
            *so_far
        })
    }

    pub(crate) fn report(&self) -> Report {
        let recorded = locked(&self.recorded);
        Report {
            total: self.total.load(Relaxed),
            handler_us: self.handler_ns.load(Relaxed) / 1000,
            by_message_id: recorded.by_message_id.clone(),
            log: recorded.log.clone(),
            unlogged: recorded.unlogged,
            started_at_us: self.started_at_us,
        }
    }

    pub(crate) fn reset(&self) {
        *locked(&self.recorded) = Recorded::default();
        locked(&self.flaked).clear();
        self.total.store(0, Relaxed);
        self.handler_ns.store(0, Relaxed);
    }
}

/// By the machine's clock, for whoever compares the log with what others wrote down.
#[expect(clippy::disallowed_methods, reason = "the agents are strangers to Orrery and its clock")]
fn clock_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn hex(digest: &[u8]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A panic elsewhere does not make a counter wrong.
fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
