//! What can go wrong inside this adapter, and what of it the ports say.

use domain::ports::StoreError;
use sea_orm::{DbErr, RuntimeErr};

use crate::measures;

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
    /// Anything that PostgreSQL says, with its SQLSTATE.
    Refused { code: String, message: String },
    /// No answer; what was asked may have been done.
    Lost(String),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Conflict(_) | Self::Unstorable(_) | Self::Locked(_) | Self::Corrupt(_) | Self::Lost(_) => None,
        }
    }

    /// Whether the data of one commit is to blame, and not the state of the store: data exceptions, violated
    /// constraints, exceeded limits.
    pub(crate) fn is_about_data(&self) -> bool {
        matches!(self, Self::Unstorable(_))
            || self.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
    }

    /// Whether the same again is likely to succeed: a deadlock or a failed serialisation, neither of which did anything.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self.code(), Some("40P01" | "40001"))
    }

    /// For writes that may meet a unique name or id, or whose row belongs to one that somebody else has removed: their refusal is
    /// a conflict.
    pub(crate) fn or_conflict(self, what: &'static str) -> Self {
        if matches!(self.code(), Some("23503" | "23505")) { Self::Conflict(what) } else { self }
    }
}

impl From<&sqlx::Error> for Failure {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => Self::Refused {
                code: refusal.code().unwrap_or_default().into_owned(),
                message: refusal.message().to_owned(),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt(error.to_string())
            }
            sqlx::Error::Encode(_) => Self::Unstorable(error.to_string()),
            sqlx::Error::PoolTimedOut => {
                metrics::counter!(measures::TIMEOUTS).increment(1);
                Self::Lost(error.to_string())
            }
            _ => Self::Lost(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => Self::from(&**cause),
            DbErr::ConnectionAcquire(_) => {
                metrics::counter!(measures::TIMEOUTS).increment(1);
                Self::Lost(error.to_string())
            }
            DbErr::Conn(_) | DbErr::Exec(_) | DbErr::Query(_) => Self::Lost(error.to_string()),
            _ => Self::Corrupt(error.to_string()),
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
            Failure::Refused { code, message } if code.starts_with("22") => {
                Self::Corrupt(format!("a value cannot be stored: {message}"))
            }
            Failure::Refused { code, message } => Self::Unavailable(format!("{message} (SQLSTATE {code})")),
            Failure::Lost(what) => Self::Unavailable(what),
        }
    }
}
