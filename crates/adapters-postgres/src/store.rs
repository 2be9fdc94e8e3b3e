//! The store as a whole.

use std::{fmt, sync::Arc};

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::PgPool;

use crate::{ConnectError, connect};

/// Agents, workflows and runs in a PostgreSQL database, behind every storage port. Clones share their connections.
#[derive(Clone)]
pub struct PgStore {
    inner: Arc<Inner>,
}

struct Inner {
    management: DatabaseConnection,
    pool: PgPool,
    writers: PgPool,
}

impl PgStore {
    /// Connects to a database whose schema is up to date.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let options = connect::options(url)?;
        connect::check(&options).await?;
        let pool = connect::pool(&options);
        let management = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let writers = connect::writers(&options);
        Ok(Self { inner: Arc::new(Inner { management, pool, writers }) })
    }

    /// The connections as sea-orm sees them.
    pub(crate) fn management(&self) -> &DatabaseConnection {
        &self.inner.management
    }

    /// The same connections for hand-written SQL.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// The connections that nothing but commits to runs use.
    pub(crate) fn writers(&self) -> &PgPool {
        &self.inner.writers
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").finish_non_exhaustive()
    }
}
