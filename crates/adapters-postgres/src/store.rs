//! The store as a whole.

use std::{fmt, sync::Arc};

use domain::ports::Vault;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::PgPool;

use crate::{ConnectError, connect, doorbell::Ears, fleet::Heart, totals::Totals};

/// Agents, workflows and runs in a PostgreSQL database, behind every storage port. Clones share their connections.
#[derive(Clone)]
pub struct PgStore {
    inner: Arc<Inner>,
}

struct Inner {
    management: DatabaseConnection,
    pool: PgPool,
    writers: PgPool,
    leases: PgPool,
    heart: Heart,
    ears: Ears,
    settings: PgSettings,
    vault: Arc<dyn Vault>,
    totals: Totals,
}

/// What a store does beyond keeping things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PgSettings {
    /// Whether what others are to be told of a run is put into the outbox. Without a relay it would stay there.
    pub announce: bool,
    /// Whether a schema is used that a newer program has extended. What it adds is not known here, and what is known must be there.
    pub accept_newer: bool,
}

impl PgStore {
    /// Says what is wrong with a database whose schema is about to be brought up to date, in this store's words: those of
    /// the migration's driver show the URL with its password.
    pub async fn check_before_migration(url: &str) -> Result<(), ConnectError> {
        connect::check_before_migration(&connect::options(url)?).await
    }

    /// Connects to a database whose schema is up to date. Credentials of agents are kept sealed by the vault.
    pub async fn connect(url: &str, vault: Arc<dyn Vault>) -> Result<Self, ConnectError> {
        Self::connect_with(url, PgSettings::default(), vault).await
    }

    /// The same, with settings.
    pub async fn connect_with(url: &str, settings: PgSettings, vault: Arc<dyn Vault>) -> Result<Self, ConnectError> {
        let options = connect::options(url)?;
        match connect::check(&options).await {
            Err(ConnectError::Newer { found }) if settings.accept_newer => {
                tracing::warn!(
                    migration = found,
                    "the database's schema is newer than this program, which goes on beside it as told"
                );
            }
            checked => checked?,
        }
        let pool = connect::pool(&options);
        let management = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let (writers, heart) = (connect::writers(&options), Heart::new(connect::heart(&options)));
        let leases = connect::leases(&options);
        let ears = Ears::new(connect::ears(&options));
        Ok(Self {
            inner: Arc::new(Inner {
                management,
                pool,
                writers,
                leases,
                heart,
                ears,
                settings,
                vault,
                totals: Totals::default(),
            }),
        })
    }

    /// What was estimated a moment ago.
    pub(crate) fn totals(&self) -> &Totals {
        &self.inner.totals
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

    /// The connections that claims use.
    pub(crate) fn leases(&self) -> &PgPool {
        &self.inner.leases
    }

    /// The connection that nothing but beats uses.
    pub(crate) fn heart(&self) -> &Heart {
        &self.inner.heart
    }

    /// What hears the doorbell.
    pub(crate) fn ears(&self) -> &Ears {
        &self.inner.ears
    }

    pub(crate) fn vault(&self) -> &Arc<dyn Vault> {
        &self.inner.vault
    }

    /// Whether ends of runs are put into the outbox.
    pub(crate) fn announces(&self) -> bool {
        self.inner.settings.announce
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
