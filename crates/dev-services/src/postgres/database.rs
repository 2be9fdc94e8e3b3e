//! A database for each test, on the shared server.

use std::{
    error::Error,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio::sync::OnceCell;

use super::{shared::SharedPostgres, sql};
use crate::ServiceError;

/// How the names of test databases begin; the number of the process that made one follows.
const PREFIX: &str = "orrery_test_";

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    admin: String,
}

impl Database {
    /// An empty database, or a copy of another one, which nobody may be connected to.
    pub async fn create(template: Option<&Self>) -> Result<Self, ServiceError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        let server = SharedPostgres::get()?;
        let admin = server.url("postgres");
        if server.is_private() {
            SWEPT.get_or_try_init(|| sweep(&admin)).await?;
        }
        let name = format!("{PREFIX}{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        drop_database(&admin, &name).await?;
        let template = template.map_or("template0", |template| &template.name);
        sql::run(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(Self { url: server.url(&name), name, admin })
    }

    /// The same for tests: it panics with what to do about it.
    pub async fn new(template: Option<&Self>) -> Self {
        Self::create(template).await.unwrap_or_else(fail)
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in it; panics if they are wrong.
    pub async fn run(&self, statements: &'static str) {
        sql::run(&self.url, statements).await.unwrap_or_else(fail);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        if let Err(error) = sql::on_its_own_thread(async move { drop_database(&admin, &name).await }) {
            eprintln!("the database {} stays: {error}", self.name);
        }
    }
}

/// Drops what processes that are gone have left on the private server; on a shared one their numbers say nothing.
async fn sweep(admin: &str) -> Result<(), ServiceError> {
    for name in sql::databases(admin).await? {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop_database(admin, &name).await?;
        }
    }
    Ok(())
}

async fn drop_database(admin: &str, name: &str) -> Result<(), ServiceError> {
    sql::run(admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

/// Tests have nobody to tell but their log.
#[expect(clippy::needless_pass_by_value, reason = "`unwrap_or_else` hands it over")]
fn fail<T>(error: ServiceError) -> T {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    panic!("\n\n{error}{cause}\n")
}
