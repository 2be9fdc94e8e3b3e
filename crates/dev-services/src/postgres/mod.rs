//! PostgreSQL: a server of one's own, the one that all tests share, and a database for each test.

mod binaries;
mod database;
mod server;
mod shared;
mod sql;

pub(crate) use server::kill_in;

pub use binaries::PostgresBinaries;
pub use database::Database;
pub use server::{Durability, Postgres, Shutdown};
pub use shared::SharedPostgres;
