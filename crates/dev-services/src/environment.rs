//! What a person or CI says through the environment. The only file of this crate that reads it.

use std::path::PathBuf;

/// The PostgreSQL that a person names, if any.
pub fn given_postgres() -> Option<String> {
    variable("DATABASE_URL")
}

/// The Kafka brokers that a person names, if any: `host:port`, separated by commas.
pub fn given_kafka() -> Option<String> {
    variable("KAFKA_BROKERS")
}

/// Whether the long tests run too; `cargo xtask test --full` says so.
pub fn full_tests() -> bool {
    variable("ORRERY_TEST_FULL").is_some_and(|value| value == "1")
}

/// The folders of `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "this file owns the environment of the development services")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
