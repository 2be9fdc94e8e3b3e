//! Taking a folder: the lock that keeps other processes out, and what can go wrong.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why a folder cannot be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or its lock file cannot be made.
    #[error("the data folder {} cannot be used: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it, or this one for a second time.
    #[error("the data folder {} is in use by another process; stop that one, or choose another folder", .folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It was written by a newer program.
    #[error("the data has schema version {found}, and this program knows versions up to {known}; use a newer program")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that this program knows.
        known: usize,
    },
    /// `SQLite` refuses.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The thread that writes cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// The file that is locked.
pub(crate) const LOCK: &str = "orrery.lock";

/// Makes the folder if need be and locks it until the file is closed, by the end of the process at the latest.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder { folder: folder.to_owned(), source };
    // Credentials of agents lie in it: the folder is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let lock = private(&folder.join(LOCK)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the database's file, if it is not there, so that only its owner reads it. What SQLite puts beside it has the same mode.
pub(crate) fn make(file: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Folder { folder: file.parent().unwrap_or(file).to_owned(), source };
    private(file).map(drop).map_err(failed)
}

fn private(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file)
}
