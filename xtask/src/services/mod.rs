//! PostgreSQL and Kafka for a developer (`cargo xtask services`) and for a run of the tests: those that somebody names,
//! those of a Docker engine, or this machine's own.

mod command;
mod docker;
mod for_tests;
mod installing;
mod source;

pub(crate) use command::{Services, run};
pub(crate) use for_tests::ForTests;
pub(crate) use installing::{ensure_postgres, install};
