//! The server that all tests of a run share: the one that `DATABASE_URL` names, or a private one under `target/`.
//!
//! The private server is started by the first process that needs it and left running for the next one; `cargo xtask test`
//! stops it at its end. It does not sync to the disk: what is tested on it is what commits do, not whether they survive a
//! power cut.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    binaries::PostgresBinaries,
    server::{Durability, Postgres},
};
use crate::{ServiceError, environment, lock::Lock, places, places::User};

const NAME: &str = "postgres";

/// How to reach the shared server.
#[derive(Debug, Clone)]
pub struct SharedPostgres {
    /// A URL without a database.
    base: String,
    is_private: bool,
}

impl SharedPostgres {
    /// The shared server, which runs when this returns.
    pub fn get() -> Result<Self, ServiceError> {
        static SHARED: Mutex<Option<SharedPostgres>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let found = match environment::given_postgres() {
            Some(url) => Self { base: without_database(&url), is_private: false },
            None => Self { base: format!("postgres://postgres@127.0.0.1:{}", started()?), is_private: true },
        };
        *shared = Some(found.clone());
        Ok(found)
    }

    /// Stops the private server, if one runs; says whether it did.
    pub fn stop() -> Result<bool, ServiceError> {
        let mut stopped = false;
        for folder in places::candidates(NAME) {
            if Postgres::running_in(&folder).is_some() {
                let _lock = Lock::of(&folder)?;
                stopped |= Postgres::stop_in(&folder)?;
            }
        }
        Ok(stopped)
    }

    /// How to connect to one of its databases.
    pub fn url(&self, database: &str) -> String {
        match self.base.split_once('?') {
            Some((base, settings)) => format!("{base}/{database}?{settings}"),
            None => format!("{}/{database}", self.base),
        }
    }

    /// Whether the server is the tests' own.
    pub fn is_private(&self) -> bool {
        self.is_private
    }
}

/// The port of the private server. One process starts it; the others wait meanwhile and find it running.
fn started() -> Result<u16, ServiceError> {
    let binaries = PostgresBinaries::find()?;
    let folder = places::home(NAME, User::for_servers())?;
    let _lock = Lock::of(&folder)?;
    if let Some(port) = Postgres::running_in(&folder) {
        return Ok(port);
    }
    discard_another_version(&folder, &binaries);
    let server = Postgres::in_folder(&folder, Durability::Off)?;
    let port = server.port();
    server.leave_running();
    Ok(port)
}

/// The machine may have a newer PostgreSQL by now, which does not read what the older one wrote. Tests keep nothing.
fn discard_another_version(folder: &Path, binaries: &PostgresBinaries) {
    let data = folder.join("data");
    let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) else { return };
    if binaries.major().is_some_and(|major| major != version.trim()) {
        let _removed = fs::remove_dir_all(&data);
    }
}

/// `scheme://user@host:port?settings` of a URL that names a database too.
fn without_database(url: &str) -> String {
    let (place, settings) = url.split_once('?').map_or((url, None), |(place, settings)| (place, Some(settings)));
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    settings.map_or_else(|| format!("{scheme}://{host}"), |settings| format!("{scheme}://{host}?{settings}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_in_a_url_is_replaced_and_its_settings_stay() {
        let base = without_database("postgresql://me:secret@db:5432/mine?sslmode=require");
        let server = SharedPostgres { base, is_private: false };
        assert_eq!(server.url("test"), "postgresql://me:secret@db:5432/test?sslmode=require");
        let server = SharedPostgres { base: without_database("postgres://db"), is_private: false };
        assert_eq!(server.url("test"), "postgres://db/test");
    }
}
