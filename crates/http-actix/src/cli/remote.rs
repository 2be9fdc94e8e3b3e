//! Commands that ask a server, here or far away, over its REST API. What they do is in the crate `client`.

use std::{
    io::{BufRead, IsTerminal, Write, stderr, stdin, stdout},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use client::{Console, Credential, Exit, Server, Trouble};

use super::{
    moving::{ApplyFiles, ImportFiles},
    runs::{Cancel, Execute, Logs, Retry, Runs},
};
use crate::composition;

/// What to ask a server for.
#[derive(Subcommand)]
pub(crate) enum Remote {
    /// Bring the agents and workflows of the old system to a server; a second time, nothing changes.
    Import(ImportFiles),
    /// Make a server's agents and workflows those of a folder: what differs is shown first, and then changed.
    Apply(ApplyFiles),
    /// Start a run of a workflow.
    Run(Execute),
    /// List runs, or show one with its steps.
    Runs(Runs),
    /// Show what has happened in a run.
    Logs(Logs),
    /// Cancel runs.
    Cancel(Cancel),
    /// Have a run go on that has failed or was cancelled.
    Retry(Retry),
}

/// Which server, and who asks it.
#[derive(Args)]
pub(super) struct At {
    /// The server's address.
    #[arg(long, env = "ORRERY_SERVER", default_value = "http://127.0.0.1:8000", value_name = "URL")]
    server: String,
    /// The API key. Use the variable: others can read arguments.
    #[arg(long, env = "ORRERY_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// A token; it is used in place of a key, where there are both. Use the variable: others can read arguments.
    #[arg(long, env = "ORRERY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Write results as JSON, for programs.
    #[arg(long)]
    json: bool,
}

impl At {
    fn server(&self) -> anyhow::Result<Server> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let credential = given(&self.token).map(Credential::Bearer).or(given(&self.api_key).map(Credential::ApiKey));
        let new_key = Box::new(|| composition::unique().to_string());
        Ok(Server::new(&self.server, credential.as_ref(), new_key)?)
    }
}

impl Remote {
    /// Asks, and says how the process ends.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let at = match &self {
            Self::Import(command) => &command.at,
            Self::Apply(command) => &command.at,
            Self::Run(command) => &command.at,
            Self::Runs(command) => &command.at,
            Self::Logs(command) => &command.at,
            Self::Cancel(command) => &command.at,
            Self::Retry(command) => &command.at,
        };
        let server = at.server()?;
        let (mut out, mut err) = (stdout(), stderr());
        let mut console = Console { out: &mut out, err: &mut err, json: at.json, ask: &mut ask };
        let exit = self.ask(&server, &mut console).await.unwrap_or_else(|trouble| console.fails(&trouble));
        Ok(ExitCode::from(exit.0))
    }

    async fn ask(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        match self {
            Self::Import(command) => command.command().run(server, console).await,
            Self::Apply(command) => command.command().run(server, console).await,
            Self::Run(command) => command.command().run(server, console).await,
            Self::Runs(command) => command.command().run(server, console).await,
            Self::Logs(command) => command.command().run(server, console).await,
            Self::Cancel(command) => command.command().run(server, console).await,
            Self::Retry(command) => command.command().run(server, console).await,
        }
    }
}

/// Asks whoever sits at the terminal; nobody says no.
fn ask(question: &str) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    let _ = write!(stderr(), "{question} [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
