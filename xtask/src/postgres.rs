//! The PostgreSQL that tests need: found, or installed where that is possible, or asked for; and stopped afterwards.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::workspace::variable;

/// Where Debian and its kin keep the servers, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Makes sure that the tests can start a server of their own, and says which one it took.
pub(crate) fn ensure() -> anyhow::Result<()> {
    if variable("DATABASE_URL").is_some() {
        println!("PostgreSQL: the one that DATABASE_URL names");
        return Ok(());
    }
    if let Some(folder) = binaries() {
        println!("PostgreSQL: a private server from {}", folder.display());
        return Ok(());
    }
    println!("PostgreSQL: not found; installing it with apt-get");
    let installed = apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", "postgresql"]);
    if installed && binaries().is_some() {
        return Ok(());
    }
    bail!(
        "the tests need PostgreSQL: run 'apt-get install postgresql', or set DATABASE_URL to a server that may be used for tests"
    )
}

/// Stops the server that the tests have left running for the next test.
pub(crate) fn stop(target: &Path) {
    let data = target.join("postgres/data");
    let (Some(folder), true) = (binaries(), data.join("postmaster.pid").exists()) else { return };
    let mut stop = Command::new("setpriv");
    stop.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    stop.arg(folder.join("pg_ctl")).args(["stop", "--mode=fast", "-D"]).arg(&data);
    // A server that does not stop harms nobody: the next test run takes it.
    let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn binaries() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok();
    let told = told.and_then(|out| String::from_utf8(out.stdout).ok()).map(|text| PathBuf::from(text.trim()));
    let debian = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    told.into_iter().chain(debian).find(|folder| folder.join("initdb").exists())
}

fn apt(arguments: &[&str]) -> bool {
    let run = Command::new("apt-get").args(arguments).stdout(Stdio::null()).status().context("no apt-get");
    run.is_ok_and(|status| status.success())
}
