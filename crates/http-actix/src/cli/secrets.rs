//! The server's own keys, and what is kept encrypted with them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::composition;

/// The server's own keys, the one that encrypts and signs first; further ones only read what was made with them.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SecretKeys {
    /// The file with the server's own keys, one a line. On a database it or the variable `ORRERY_SECRET_KEYS` must be given, the
    /// same for all processes; in a folder `secret.keys` is made at the first start.
    #[arg(long = "secret-keys-file", env = "ORRERY_SECRET_KEYS_FILE", conflicts_with = "keys", global = true)]
    pub(crate) file: Option<PathBuf>,
    /// The keys themselves, one a line or with commas between. Use the variable: others can read arguments.
    #[arg(
        long = "secret-keys",
        id = "keys",
        env = "ORRERY_SECRET_KEYS",
        hide = true,
        hide_env_values = true,
        global = true
    )]
    pub(crate) keys: Option<String>,
}

impl SecretKeys {
    /// Whether there are any.
    pub(crate) fn are_given(&self) -> bool {
        self.file.is_some() || self.keys.is_some()
    }
}

/// What to do with keys and what is encrypted.
#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Print a fresh key, for a file of keys.
    NewKey {
        /// Its id: 1 to 32 of a-z, 0-9 and '-'.
        id: String,
    },
    /// Print the public keys by which others can check the server's tokens, the one that signs first.
    PublicKeys(SecretsPlace),
    /// Encrypt everything anew that is not encrypted with the current key. Servers on a database may run meanwhile, if they all
    /// have the key.
    Rotate(SecretsPlace),
}

/// Where encrypted things are kept, and the keys to them.
#[derive(Args, Clone, Debug)]
pub(crate) struct SecretsPlace {
    /// The server's file of settings; those that say where things are count here as well.
    #[arg(long, env = "ORRERY_CONFIG", value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The folder of a server that does not run.
    #[arg(long, env = "ORRERY_DATA", default_value = "orrery-data", global = true)]
    pub(crate) data: PathBuf,
    /// The database instead.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) keys: SecretKeys,
}

impl Secrets {
    /// Does it, and says what was done.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        match self {
            Self::NewKey { id } => composition::new_key(id),
            Self::PublicKeys(place) => composition::public_keys(place),
            Self::Rotate(place) => composition::block_on(composition::rotate_secrets(place)),
        }
    }
}
