//! PostgreSQL and Apache Kafka for development and tests: found, started, stopped, killed and started again. Two kinds of
//! each: a server of a test's own, which it may kill ([`Postgres`], [`Kafka`]), and one that all tests of a run share
//! ([`SharedPostgres`] with a [`Database`] for each test, [`SharedKafka`] with a [`topic_prefix`](SharedKafka::topic_prefix)
//! for each).
//!
//! The servers are real ones. No product code depends on this crate, and it depends on none. Calls wait, except those of
//! [`Database`], which tests make from async code.

pub mod development;
mod environment;
mod error;
mod kafka;
mod keys;
mod lock;
mod places;
mod ports;
mod postgres;
mod process;
mod temporary;

pub use environment::{full_tests, given_kafka, given_postgres};
pub use error::ServiceError;
pub use kafka::{Brokers, Credentials, Kafka, KafkaLibs, KafkaOptions, SharedKafka};
pub use keys::{SECRET_KEYS, write_secret_keys};
pub use ports::free as free_port;
pub use postgres::{Database, Durability, Postgres, PostgresBinaries, SharedPostgres, Shutdown};
pub use process::Signal;
pub use temporary::sweep;
