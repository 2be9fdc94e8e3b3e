//! Domain values and the columns that hold them.

use std::fmt::Display;

use domain::ids::PlanHash;

use crate::failure::{Failure, Outcome};

/// A number for a column; PostgreSQL has only signed ones.
pub(crate) fn signed(number: u64) -> Outcome<i64> {
    i64::try_from(number).map_err(|_| Failure::Unstorable(format!("{number} is too large")))
}

/// The same for smaller columns.
pub(crate) fn signed_small(number: u32) -> Outcome<i32> {
    i32::try_from(number).map_err(|_| Failure::Unstorable(format!("{number} is too large")))
}

/// Takes back what [`signed`] gave.
pub(crate) fn count(stored: i64) -> Outcome<u64> {
    parsed("number", u64::try_from(stored))
}

/// Takes back what [`signed_small`] gave.
pub(crate) fn small(stored: i32) -> Outcome<u32> {
    parsed("number", u32::try_from(stored))
}

/// Takes back what a domain type's door accepted when it was stored.
pub(crate) fn sound<T>(what: &str, value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| Failure::Corrupt(format!("a stored {what} is not valid")))
}

/// The same for doors that say what is wrong.
pub(crate) fn parsed<T, E: Display>(what: &str, value: Result<T, E>) -> Outcome<T> {
    value.map_err(|error| Failure::Corrupt(format!("a stored {what} is not valid: {error}")))
}

pub(crate) fn plan_hash(stored: &[u8]) -> Outcome<PlanHash> {
    parsed("plan hash", <[u8; 32]>::try_from(stored)).map(PlanHash::new)
}
