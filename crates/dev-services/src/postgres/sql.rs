//! The few statements that make and drop databases.

use std::{future::Future, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::ServiceError;

/// Runs statements on a connection of their own.
pub(super) async fn run(url: &str, statements: &str) -> Result<(), ServiceError> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The names of all databases.
pub(super) async fn databases(url: &str) -> Result<Vec<String>, ServiceError> {
    let mut connection = PgConnection::connect(url).await?;
    let names = sqlx::query_scalar("SELECT datname::text FROM pg_database").fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(names)
}

/// Makes a database if it is not there.
pub(super) async fn create_database(admin: &str, name: &str) -> Result<(), ServiceError> {
    if databases(admin).await?.iter().any(|there| there == name) {
        return Ok(());
    }
    run(admin, &format!("CREATE DATABASE {name}")).await
}

/// Waits for work on a thread with a runtime of its own: the caller's runtime must not block on itself.
pub(super) fn on_its_own_thread<T: Send + 'static>(
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    let wait = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(ServiceError::io("make a runtime"))?.block_on(work)
    };
    let panicked = |_| ServiceError::Io { what: "talk to PostgreSQL".into(), source: std::io::Error::other("a panic") };
    thread::spawn(wait).join().map_err(panicked)?
}
