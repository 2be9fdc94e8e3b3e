//! `orrery migrate`: the database's schema, for those who let no server change it.

use clap::{Args, Subcommand};

use crate::composition;

/// What is done with the schema.
#[derive(Args)]
pub(crate) struct MigrateCommand {
    #[command(subcommand)]
    what: Migrate,
    /// The server's file of settings, which may say where the database is.
    #[arg(long, env = "ORRERY_CONFIG", value_name = "FILE", global = true)]
    config: Option<std::path::PathBuf>,
    /// The PostgreSQL database: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
}

#[derive(Subcommand, Clone, Copy)]
pub(crate) enum Migrate {
    /// Bring the schema up to date. Servers may run meanwhile; several that do this at once wait for each other.
    Up,
    /// Take the newest migrations back, before an older program is started. What only newer tables hold is lost.
    Down {
        /// How many.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
    },
    /// List the migrations, and whether the database has seen each.
    Status,
}

impl MigrateCommand {
    /// Does it, and says what was done.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        composition::block_on(composition::migrate(self.database_url.as_deref(), self.what))
    }
}
