//! Domain values and the columns that hold them.

use std::fmt::Display;

use domain::{Timestamp, ids::PlanHash, payload::Payload};
use rusqlite::{Params, Row, Statement};
use uuid::Uuid;

use crate::failure::{Failure, Outcome};

/// A number for a column; `SQLite` has only signed ones.
pub(crate) fn signed(number: u64) -> Outcome<i64> {
    i64::try_from(number).map_err(|_| Failure::Unstorable(format!("{number} is too large")))
}

pub(crate) fn micros(time: Timestamp) -> i64 {
    time.timestamp_micros()
}

/// All rows of a query, decoded.
pub(crate) fn all<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    decode: impl Fn(&Row<'_>) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decode(row)?);
    }
    Ok(found)
}

/// The first row of a query, decoded.
pub(crate) fn first<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    decode: impl FnOnce(&Row<'_>) -> Outcome<T>,
) -> Outcome<Option<T>> {
    statement.query(params)?.next()?.map(decode).transpose()
}

/// Takes back what a domain type's door accepted when it was stored.
pub(crate) fn sound<T>(what: &str, value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| Failure::Corrupt(format!("a stored {what} is not valid")))
}

/// The same for doors that say what is wrong.
pub(crate) fn parsed<T, E: Display>(what: &str, value: Result<T, E>) -> Outcome<T> {
    value.map_err(|error| Failure::Corrupt(format!("a stored {what} is not valid: {error}")))
}

pub(crate) fn text<'r>(row: &'r Row<'_>, column: usize) -> Outcome<&'r str> {
    parsed("text", row.get_ref(column)?.as_str())
}

pub(crate) fn uuid(row: &Row<'_>, column: usize) -> Outcome<Uuid> {
    let bytes = parsed("UUID", row.get_ref(column)?.as_blob())?;
    parsed("UUID", Uuid::from_slice(bytes))
}

pub(crate) fn plan_hash(row: &Row<'_>, column: usize) -> Outcome<PlanHash> {
    let bytes = parsed("plan hash", row.get_ref(column)?.as_blob())?;
    parsed("plan hash", <[u8; 32]>::try_from(bytes)).map(PlanHash::new)
}

pub(crate) fn payload(row: &Row<'_>, column: usize) -> Outcome<Payload> {
    Ok(Payload::from_stored(row.get(column)?))
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> Outcome<Timestamp> {
    sound("time", Timestamp::from_timestamp_micros(row.get(column)?))
}

pub(crate) fn maybe_time(row: &Row<'_>, column: usize) -> Outcome<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(|micros| sound("time", Timestamp::from_timestamp_micros(micros))).transpose()
}

pub(crate) fn count(row: &Row<'_>, column: usize) -> Outcome<u64> {
    parsed("number", u64::try_from(row.get::<_, i64>(column)?))
}

pub(crate) fn small(row: &Row<'_>, column: usize) -> Outcome<u32> {
    parsed("number", u32::try_from(row.get::<_, i64>(column)?))
}
