//! Schemathesis: requests made from the description, sound ones and broken ones, alone and in sequences, with all its checks.
//!
//! What is turned off in `tests/contract/schemathesis.toml` is turned off for one operation, with the reason beside it.

use std::{fs, process::Stdio};

use anyhow::{Context, ensure};
use dev_services::{Durability, Postgres};

use super::{
    Options, Outcome, Site,
    tools::{self, Python},
};
use crate::{process::ADMIN_KEY, services, workspace::shown};

pub(super) fn on_sqlite(options: &Options) -> anyhow::Result<Outcome> {
    on(options, "sqlite", "SQLite", None)
}

pub(super) fn on_postgres(options: &Options) -> anyhow::Result<Outcome> {
    services::ensure_postgres()?;
    let server = Postgres::temporary(Durability::Off)?;
    let url = server.create_database("orrery")?;
    on(options, "postgres", "PostgreSQL", Some(&url))
}

fn on(options: &Options, name: &str, store: &str, database_url: Option<&str>) -> anyhow::Result<Outcome> {
    let Some(python) = Python::prepare()? else { return Ok(Outcome::Lacks(Python::MISSING)) };
    let site = Site::start(database_url)?;
    let config = tools::source("schemathesis.toml");
    let mut fuzz = python.program("schemathesis");
    fuzz.arg("--config-file").arg(config).args(["run", "--max-time", &options.seconds.to_string()]);
    if let Some(seed) = options.seed {
        fuzz.args(["--seed", &seed.to_string()]);
    }
    fuzz.arg(format!("{}/openapi.json", site.server.url));
    // It leaves its database of examples in the folder.
    let folder = tools::home()?.join(format!("schemathesis-{name}"));
    fs::create_dir_all(&folder)?;
    fuzz.current_dir(&folder).env("ORRERY_KEY", ADMIN_KEY).env("ORRERY_AGENTS", &site.agents.url);
    fuzz.env("ORRERY_SERVER", &site.server.url);
    fuzz.env("PYTHONPATH", tools::source("")).stdin(Stdio::null());
    let output = fuzz.output().with_context(|| format!("cannot run {}", shown(&fuzz)))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        println!("the server's log: {}", site.keep_log(name)?.display());
    }
    ensure!(output.status.success(), "Schemathesis has found something on {store}: {}", output.status);
    Ok(Outcome::Passed(format!("Schemathesis on {store} ({})", summary(&said))))
}

/// How much was tried: the line of the summary that counts cases.
fn summary(said: &str) -> &str {
    let counts = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(" generated");
    said.lines().map(str::trim).find(counts).unwrap_or("it says nothing of what it tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_counts_cases_is_found_among_words_about_them() {
        let said = "  - 40 operations mostly rejected generated data\n\nTest cases:\n  660 generated, 660 passed, 69 skipped\n";
        assert_eq!(summary(said), "660 generated, 660 passed, 69 skipped");
        assert_eq!(summary("Seed: 1"), "it says nothing of what it tried");
    }
}
