//! A few connections that only read, each used by one thread at a time.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use domain::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{failure::Outcome, schema};

/// How many reads run at a time; more would only wait for the same disk.
const CONNECTIONS: usize = 4;

/// The pool. Connections are opened when they are first needed.
pub(crate) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Reads on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("the process is stopping".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| stopped())?;
        let readers = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.read_now(work)
        });
        Ok(read.await.map_err(|_| stopped())??)
    }

    fn read_now<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::connect_reader(&self.file)?,
        };
        // One transaction, so that what is read in several statements belongs together.
        connection.prepare_cached("BEGIN")?.execute([])?;
        let answer = work(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        // A connection that failed is not worth keeping.
        if answer.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        answer
    }
}
