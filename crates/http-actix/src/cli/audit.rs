//! `orrery audit`.

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::audit::Witness;

use super::SecretsPlace;

/// What is done with the audit log.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Look whether any row of the audit log was changed, removed or inserted after it was sealed. The server may be running.
    ///
    /// Ends with 1 and names the first thing that is wrong.
    Verify(Verify),
}

/// Which log is looked at, and what must be true of it.
#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) place: SecretsPlace,
    /// How many seconds ago the chain's head may have been signed last. A running server signs it every minute; a larger age means
    /// that none was running, or that an older state was put back. 0 does not look.
    #[arg(long, default_value_t = 3600)]
    max_age_seconds: u64,
    /// What the log of a server said of the chain's head, `NUMBER:HASH`: the chain must hold it.
    #[arg(long)]
    pub(crate) head: Option<Witness>,
}

impl Verify {
    pub(crate) fn max_age(&self) -> Option<Duration> {
        (self.max_age_seconds > 0).then(|| Duration::from_secs(self.max_age_seconds))
    }
}
