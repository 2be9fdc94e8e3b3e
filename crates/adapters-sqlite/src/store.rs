//! The store as a whole.

use std::{
    fmt,
    fs::File,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::ports::{TrafficTable, Vault};

use crate::{OpenError, Stats, open, readers::Readers, schema, writer::Writer};

/// Agents, workflows and runs in a local folder, behind every storage port. Clones share one store; when the last one is
/// dropped, what is queued is written, the log is folded into the file and the folder is free again.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// The order of the fields is the order of the end: first the writer finishes, at last the lock goes.
struct Inner {
    writer: Writer,
    readers: Arc<Readers>,
    traffic: Mutex<TrafficTable>,
    vault: Arc<dyn Vault>,
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in a folder, which is made if it is not there. Blocks for as long as the disk needs. Credentials of agents
    /// are kept sealed by the vault.
    pub fn open(folder: &Path, vault: Arc<dyn Vault>) -> Result<Self, OpenError> {
        let lock = open::lock(folder)?;
        let file = folder.join("orrery.db");
        open::make(&file)?;
        let mut connection = schema::connect_writer(&file)?;
        schema::migrate(&mut connection)?;
        let writer = Writer::start(connection, &file)?;
        let (readers, traffic) = (Arc::new(Readers::new(file)), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { writer, readers, traffic, vault, _lock: lock }) })
    }

    /// What has been written since the store was opened.
    pub fn stats(&self) -> Stats {
        self.inner.writer.stats()
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    pub(crate) fn traffic(&self) -> MutexGuard<'_, TrafficTable> {
        self.inner.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn vault(&self) -> &Arc<dyn Vault> {
        &self.inner.vault
    }

    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.inner.readers
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
