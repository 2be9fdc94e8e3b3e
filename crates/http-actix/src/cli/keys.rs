//! Where the server's own keys come from.

use std::path::PathBuf;

use clap::Args;

/// The server's own keys, from which everything else is derived.
#[derive(Args, Clone, Default)]
pub(crate) struct Keys {
    /// The server's keys, one a line or separated by commas: `id:` and 32 bytes as base64, the current one first. Every process of
    /// an installation has the same. Better given by the environment than here.
    #[arg(long, env = "ORRERY_SECRET_KEYS", hide_env_values = true, hide = true)]
    pub(crate) secret_keys: Option<String>,
    /// The file that holds the server's keys. Where everything is kept in a folder, that is `secret.keys` in it, and is made at
    /// the first start.
    #[arg(long, env = "ORRERY_SECRET_KEYS_FILE", conflicts_with = "secret_keys")]
    pub(crate) secret_keys_file: Option<PathBuf>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("secret_keys_file", &self.secret_keys_file).finish_non_exhaustive()
    }
}
