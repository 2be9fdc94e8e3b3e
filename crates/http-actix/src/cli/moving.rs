//! Moving in, and keeping a folder and a server alike.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use client::{Apply, ApplyMode, Import};

use super::remote::At;

/// What to import.
#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["agents", "workflows"])))]
pub(crate) struct ImportFiles {
    #[command(flatten)]
    pub(super) at: At,
    /// A file with agents: the old registry (AGENTS = {…} in a .py file, which is read and never run), YAML or JSON.
    #[arg(long, value_name = "FILE")]
    agents: Vec<PathBuf>,
    /// A folder with workflow files (*.json), or one such file.
    #[arg(long, value_name = "DIR")]
    workflows: Vec<PathBuf>,
    /// Only say what would be done, and what is wrong.
    #[arg(long)]
    dry_run: bool,
    /// Send the agents' credentials also where some are stored: those cannot be read, so they are not compared.
    #[arg(long)]
    send_credentials: bool,
    /// Write references like ${steps.x.output.y} as ${x.output.y}.
    #[arg(long)]
    strip_steps_prefix: bool,
}

impl ImportFiles {
    pub(super) fn command(&self) -> Import {
        Import {
            agents: self.agents.clone(),
            workflows: self.workflows.clone(),
            dry_run: self.dry_run,
            send_credentials: self.send_credentials,
            strip_steps_prefix: self.strip_steps_prefix,
        }
    }
}

/// What to apply.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct ApplyFiles {
    #[command(flatten)]
    pub(super) at: At,
    /// A folder with agents and workflows in YAML or JSON, with the folders in it; or one file.
    #[arg(short = 'f', long = "file", value_name = "DIR", required = true)]
    files: Vec<PathBuf>,
    /// Only show what differs.
    #[arg(long, visible_alias = "diff")]
    dry_run: bool,
    /// Only show what differs, and end with the exit code 2 if anything does.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Delete what this credential's principal has made and the folder does not have.
    #[arg(long)]
    prune: bool,
    /// Delete without asking.
    #[arg(long, requires = "prune")]
    yes: bool,
    /// Send the agents' credentials also where some are stored: those cannot be read, so they are not compared.
    #[arg(long)]
    send_credentials: bool,
}

impl ApplyFiles {
    pub(super) fn command(&self) -> Apply {
        let mode = match (self.check, self.dry_run) {
            (true, _) => ApplyMode::Check,
            (false, true) => ApplyMode::DryRun,
            (false, false) => ApplyMode::Change,
        };
        Apply {
            files: self.files.clone(),
            mode,
            prune: self.prune,
            yes: self.yes,
            send_credentials: self.send_credentials,
        }
    }
}
