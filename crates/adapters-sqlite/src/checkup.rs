//! What is the case with the store in a folder, for people who look for what is wrong with it. Nothing is written for it, and the
//! folder may hold any store or none.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::Path,
};

use domain::audit::{Mark, MarkKind};

use crate::{OpenError, chain, keyed, open::LOCK, schema};

/// What is the case with a store that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// The version of its schema.
    pub version: i64,
    /// How many migrations of this program it has not seen yet; the next start brings it up to date.
    pub pending: usize,
    /// Where its chain of audit rows ends; none where nothing is sealed yet.
    pub head: Option<Mark>,
}

/// Looks at the store in a folder; none where there is none. Its errors are those with which it would not be opened, as far as that
/// can be told from its first pages.
pub fn examine(folder: &Path) -> Result<Option<StoreFacts>, OpenError> {
    // Whoever has it reads and writes it: what is seen beside them may be half of something.
    if is_in_use(folder)? {
        return Err(OpenError::InUse { folder: folder.to_owned() });
    }
    let Some(connection) = keyed::opened(folder)? else { return Ok(None) };
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let pending = schema::pending(version)?.len();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'audit_marks'";
    let has_marks: bool = connection.query_row(sql, [], |row| row.get(0))?;
    // A mark that cannot be read says nothing about keys; whoever walks the chain says what is wrong with it.
    let head = if has_marks { chain::mark(&connection, MarkKind::Head).ok().flatten() } else { None };
    Ok(Some(StoreFacts { version, pending, head }))
}

/// Whether a process has the folder. The lock is had for a moment, together with others who only look.
fn is_in_use(folder: &Path) -> Result<bool, OpenError> {
    let failed = |source| OpenError::Folder { folder: folder.to_owned(), source };
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
