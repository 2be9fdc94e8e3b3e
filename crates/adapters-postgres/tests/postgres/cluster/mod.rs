//! A real PostgreSQL for tests: the one that `DATABASE_URL` names, or a private one under `target/`.
//!
//! The private server is started by the first test process that needs it and left running for the next one; a reboot, or
//! `pg_ctl -D target/postgres/data stop`, ends it. It does not sync to the disk: what is tested here is what commits do,
//! not whether they survive a power cut. Each test has a database of its own.

mod server;

use std::{
    future::Future,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

/// How the names of test databases begin; the number of the process that made one follows.
const PREFIX: &str = "orrery_test_";

/// A database that is dropped with this value.
pub(crate) struct Database {
    name: String,
    url: String,
}

impl Database {
    /// An empty database, or a copy of another one, which nobody may be connected to.
    pub(crate) async fn new(template: Option<&Self>) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        SWEPT.get_or_init(sweep).await;
        let name = format!("{PREFIX}{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        drop_database(&name).await;
        let template = template.map_or("template0", |template| &template.name);
        administer(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let url = server::url_of(&name);
        Self { name, url }
    }

    /// How to connect to it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in it.
    pub(crate) async fn run(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(&self.url).await.expect("the database is there");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statements are right");
        connection.close().await.expect("the connection works");
    }
}

impl Drop for Database {
    /// On a thread of its own, because the test's runtime must not block on itself.
    fn drop(&mut self) {
        let name = self.name.clone();
        let dropped = std::thread::spawn(move || block_on(drop_database(&name))).join();
        if dropped.is_err() {
            eprintln!("the database {} stays", self.name);
        }
    }
}

/// Waits for a future on a runtime of its own.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

/// Drops what processes that are gone have left on the private server; on a shared one their numbers say nothing.
async fn sweep() {
    if !server::is_private() {
        return;
    }
    let mut connection = PgConnection::connect(&server::url_of("postgres")).await.expect("the test server answers");
    let all = sqlx::query_scalar("SELECT datname::text FROM pg_database").fetch_all(&mut connection).await;
    let all: Vec<String> = all.expect("the server knows its databases");
    connection.close().await.expect("the connection works");
    for name in all {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop_database(&name).await;
        }
    }
}

async fn drop_database(name: &str) {
    administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
}

async fn administer(sql: &str) {
    let mut connection = PgConnection::connect(&server::url_of("postgres")).await.expect("the test server answers");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("databases can be made");
    connection.close().await.expect("the connection works");
}
