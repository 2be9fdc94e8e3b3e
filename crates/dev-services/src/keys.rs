//! A key for servers of tests, benchmarks and development. Everybody knows it, so nothing else may use it.

use std::{fs::OpenOptions, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Keys of a server, as `ORRERY_SECRET_KEYS` or a file wants them.
pub const SECRET_KEYS: &str = "development:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";

/// Writes them to a file that a server does not warn about.
pub fn write_secret_keys(file: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?.write_all(SECRET_KEYS.as_bytes())
}
