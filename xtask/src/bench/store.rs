//! Behind what a server is measured: a folder, or a database and a broker.

use std::path::{Path, PathBuf};

use super::services::Services;

/// Which store is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StoreKind {
    /// In a folder, with SQLite.
    Sqlite,
    /// In PostgreSQL, with Kafka.
    Postgres,
}

impl StoreKind {
    /// As typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// How many connections commit at once when the floor is measured. A folder has one writer.
    pub(super) fn floors(self) -> &'static [usize] {
        match self {
            Self::Sqlite => &[1],
            Self::Postgres => &[1, 16, 64],
        }
    }

    /// The floor that starts by [`CLIENTS`](super::starts::CLIENTS) clients are held against.
    pub(super) fn floor_of_starts(self) -> usize {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 64,
        }
    }
}

/// Where servers get their stores from.
pub(super) enum Store {
    Folders,
    Services(Box<Services>),
}

/// Where one server keeps everything.
#[derive(Debug, Clone)]
pub(super) enum Home {
    Folder(PathBuf),
    Database { url: String, brokers: String },
}

impl Store {
    pub(super) fn kind(&self) -> StoreKind {
        match self {
            Self::Folders => StoreKind::Sqlite,
            Self::Services(_) => StoreKind::Postgres,
        }
    }

    /// An empty one. The one before may be gone then.
    pub(super) async fn fresh(&self, folder: &Path) -> anyhow::Result<Home> {
        match self {
            Self::Folders => Ok(Home::Folder(folder.to_owned())),
            Self::Services(services) => {
                Ok(Home::Database { url: services.fresh_database().await?, brokers: services.brokers() })
            }
        }
    }

    /// What figures depend on beside the machine.
    pub(super) fn described(&self) -> Option<String> {
        match self {
            Self::Folders => None,
            Self::Services(services) => Some(services.described.clone()),
        }
    }

    /// Leaves nothing behind.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        match self {
            Self::Folders => Ok(()),
            Self::Services(services) => services.drop_database().await,
        }
    }
}

impl Home {
    /// What a command of the server is told about it.
    pub(super) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Folder(folder) => vec!["--data".to_owned(), folder.to_string_lossy().into_owned()],
            Self::Database { url, brokers } => {
                ["--role", "all", "--database-url", url, "--kafka-brokers", brokers].map(str::to_owned).to_vec()
            }
        }
    }

    /// The database, if it is one.
    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Database { url, .. } => Some(url),
        }
    }
}
