//! What can go wrong inside this adapter, and what of it the ports say.

use domain::ports::StoreError;
use rusqlite::ErrorCode;

/// Why a piece of work failed; its transaction is rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A revision or a unique name says no.
    Conflict(&'static str),
    /// A value that this store cannot keep.
    Unstorable(String),
    /// A stored value that is sealed under a key that this process lacks.
    Locked(String),
    /// A stored value that is none of ours.
    Corrupt(String),
    /// Anything that SQLite says.
    Sqlite(rusqlite::Error),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Whether the data of one commit is to blame, and not the state of the store.
    pub(crate) fn is_about_data(&self) -> bool {
        let code = match self {
            // What is stored of one run may be damaged while all others are sound.
            Self::Unstorable(_) | Self::Corrupt(_) => return true,
            Self::Locked(_) | Self::Conflict(_) => return false,
            Self::Sqlite(error) => error.sqlite_error_code(),
        };
        matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch))
    }

    /// For writes that may meet a unique name or id: their refusal is a conflict.
    pub(crate) fn or_conflict(self, what: &'static str) -> Self {
        match &self {
            Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Self::Conflict(what)
            }
            Self::Sqlite(_) | Self::Conflict(_) | Self::Unstorable(_) | Self::Locked(_) | Self::Corrupt(_) => self,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // None is not from SQLite itself: a column holds another type than the schema says.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => Self::Corrupt(error.to_string()),
            Some(_) => Self::Sqlite(error),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(what) => Self::Conflict(what),
            Failure::Unstorable(what) => Self::Corrupt(format!("a value cannot be stored: {what}")),
            Failure::Locked(what) => Self::Locked(what),
            Failure::Corrupt(what) => Self::Corrupt(what),
            Failure::Sqlite(error) => Self::Unavailable(error.to_string()),
        }
    }
}
