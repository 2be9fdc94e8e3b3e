//! `cargo xtask contract`: what the server's description promises, held against the server and against what it promised before.
//!
//! * *breaking*: nothing that a client relies on has gone since the last release ([`breaking`]);
//! * *valid*: both descriptions are what their versions of OpenAPI ask for ([`valid`]);
//! * *clients*: clients that were generated from the description run workflows ([`clients`]);
//! * *sqlite*, *postgres*: Schemathesis finds nothing, on each store ([`fuzz`]).
//!
//! The tools are other people's, by exact version, installed below `target/contract` ([`tools`]). What cannot run because this machine
//! lacks Go, Python or Node is announced, never left out silently.

mod breaking;
mod clients;
mod fuzz;
mod planted;
mod tools;
mod valid;

use std::{fmt, path::PathBuf};

use anyhow::Context;

use crate::{
    process::Process,
    workspace::{Profile, server},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these parts.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many seconds Schemathesis has for each store.
    #[arg(long, default_value_t = 100)]
    seconds: u64,
    /// Where Schemathesis begins: the same for the same cases.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Breaking,
    Valid,
    Clients,
    Sqlite,
    Postgres,
}

impl Options {
    /// As in CI: everything, with the same cases each time and as many of them as fit into a minute for each store.
    pub(crate) fn in_ci() -> Self {
        Self { parts: Vec::new(), seconds: 60, seed: Some(1) }
    }

    fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// What was found to be in order, and what could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) passed: Vec<String>,
    pub(crate) not_run: Vec<String>,
}

impl Report {
    /// Takes down what a part says: what it has seen, or what it lacks.
    fn add(&mut self, name: &str, said: Outcome) {
        match said {
            Outcome::Passed(what) => {
                println!("{name}: {what}");
                self.passed.push(what);
            }
            Outcome::Lacks(what) => {
                println!("NOT RUN: {name} ({what})");
                self.not_run.push(format!("{name} ({what})"));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.passed.join("; "))?;
        for what in &self.not_run {
            write!(f, "; NOT RUN: {what}")?;
        }
        Ok(())
    }
}

/// What a part that did not fail has to say.
enum Outcome {
    Passed(String),
    Lacks(&'static str),
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    if options.has(Part::Breaking) {
        report.add("breaking changes", breaking::run()?);
    }
    if options.has(Part::Valid) {
        report.add("validity of the descriptions", valid::run()?);
    }
    if options.has(Part::Clients) {
        clients::run(&mut report)?;
    }
    if options.has(Part::Sqlite) {
        report.add("Schemathesis on SQLite", fuzz::on_sqlite(options)?);
    }
    if options.has(Part::Postgres) {
        report.add("Schemathesis on PostgreSQL", fuzz::on_postgres(options)?);
    }
    Ok(report)
}

/// A server on an empty store and the demo agents, with nobody between who counts requests. They end with this value.
struct Site {
    server: Process,
    agents: Process,
    folder: tempfile::TempDir,
}

impl Site {
    /// On a folder, or on a database.
    fn start(database_url: Option<&str>) -> anyhow::Result<Self> {
        let binary = server(Profile::Dev)?;
        let folder = tempfile::Builder::new().prefix("site-").tempdir_in(tools::home()?)?;
        let data = folder.path().join("data").to_string_lossy().into_owned();
        let mut arguments = match database_url {
            Some(url) => vec!["--database-url", url],
            None => vec!["--data", &data],
        };
        for limit in ["--rate-limit-per-principal", "--rate-limit-per-address", "--rate-limit-log-ins"] {
            arguments.extend([limit, "off"]);
        }
        // Whatever URLs agents are given, no call leaves this machine.
        arguments.extend(["--agent-networks", "127.0.0.1/32", "--log-format", "text"]);
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (server, agents) = runtime.block_on(async {
            let client = crate::process::client()?;
            let log = folder.path().join("server.log");
            let server = Process::server(&binary, &arguments, &log, &client).await?;
            anyhow::Ok((server, Process::agents(&binary, folder.path(), &client).await?))
        })?;
        Ok(Self { server, agents, folder })
    }

    /// Keeps what the server has logged, and says where.
    fn keep_log(&self, name: &str) -> anyhow::Result<PathBuf> {
        let kept = tools::home()?.join(format!("{name}.log"));
        std::fs::copy(self.folder.path().join("server.log"), &kept).context("the server's log")?;
        Ok(kept)
    }
}
