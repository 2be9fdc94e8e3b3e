//! Stands in for sqlx's SQLite driver, which nobody turns on; see this crate's manifest. Empty on purpose.
