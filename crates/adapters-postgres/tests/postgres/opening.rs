//! What is said about a database that cannot be used.

use adapters_postgres::{ConnectError, PgSettings, PgStore};
use dev_services::Database;

use crate::stores::{migrated, open, vault};

async fn refused(url: &str) -> ConnectError {
    PgStore::connect(url, vault()).await.expect_err("it cannot be used")
}

#[tokio::test]
async fn an_url_of_something_else_is_refused() {
    for other in ["mysql://localhost/orrery", "sqlite::memory:", "not an URL"] {
        assert!(matches!(refused(other).await, ConnectError::Scheme), "{other}");
    }
    assert!(matches!(refused("postgres://localhost:port/orrery").await, ConnectError::Url(_)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_the_problem() {
    // Nobody listens on port 1.
    let error = refused("postgres://postgres@127.0.0.1:1/orrery").await;
    assert!(matches!(error, ConnectError::Unreachable(_)) && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let url = Database::new(None).await.url().to_owned();
    let error = refused(&url).await;
    assert!(matches!(error, ConnectError::Unreachable(_)) && error.to_string().contains("orrery_test_"), "{error}");
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused_until_it_is_migrated() {
    let database = Database::new(None).await;
    let error = refused(database.url()).await;
    assert!(matches!(error, ConnectError::Older { .. }) && error.to_string().contains("run the migrations"), "{error}");
    migration::up(database.url()).await.expect("the migrations are right");
    open(&database).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let database = migrated().await;
    database.run("INSERT INTO seaql_migrations VALUES ('m9999_future', 0)").await;
    let error = refused(database.url()).await;
    assert!(matches!(error, ConnectError::Newer { .. }) && error.to_string().contains("m9999_future"), "{error}");
    let settings = PgSettings { accept_newer: true, ..PgSettings::default() };
    PgStore::connect_with(database.url(), settings, vault()).await.expect("whoever accepts it can use it");
    database.run("DELETE FROM seaql_migrations WHERE version = 'm0003_inbox'").await;
    let error = PgStore::connect_with(database.url(), settings, vault()).await.expect_err("something is missing");
    assert!(matches!(error, ConnectError::Older { .. }), "{error}");
}

/// The store's list of migrations is written by hand; this is what fails if it is forgotten.
#[tokio::test]
async fn the_store_knows_every_migration() {
    let database = migrated().await;
    let states = migration::status(database.url()).await.expect("the database answers");
    assert!(!states.is_empty() && states.iter().all(|state| state.applied));
    open(&database).await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_if_tls_is_asked_for() {
    let database = migrated().await;
    let mark = if database.url().contains('?') { '&' } else { '?' };
    let error = refused(&format!("{}{mark}sslmode=require", database.url())).await;
    assert!(matches!(error, ConnectError::Unreachable(_)) && error.to_string().contains("TLS"), "{error}");
}
