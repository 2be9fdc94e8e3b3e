//! Ports of the loopback address that a server keeps over a restart.

use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::ServiceError;

/// Below the range that the system gives to connections and to listeners on port 0: such a port could be gone when its
/// server starts again.
const RANGE: Range<u16> = 18_000..31_000;

const ATTEMPTS: usize = 1_000;

/// A port that nobody listens on, and that this process has not been given before. By chance, because another process may
/// ask at the same time.
pub fn free() -> Result<u16, ServiceError> {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..ATTEMPTS {
        let port = fastrand::u16(RANGE);
        if !given.contains(&port) && is_free(port) {
            given.push(port);
            return Ok(port);
        }
    }
    Err(ServiceError::NoPort)
}

/// Whether nobody listens on a port.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
