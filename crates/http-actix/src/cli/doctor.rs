//! `orrery doctor`.

use clap::Args;

use super::Serve;
use crate::composition;

/// What a server would be given, and how to tell what is wrong with it.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Print one JSON object for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    serve: Serve,
}

impl Doctor {
    /// Looks at everything; answers what is printed, and whether nothing is wrong.
    pub(super) fn run(&self) -> anyhow::Result<(String, bool)> {
        let findings = composition::block_on(async { Ok(composition::examine(&self.serve).await) })?;
        let told = if self.json { serde_json::to_string_pretty(&findings)? } else { findings.text() };
        Ok((told, findings.healthy))
    }
}
