//! Licences, banned crates and sources, by cargo-deny, where it is installed. Its advisory database is a git clone from
//! the network, so advisories are not part of this check.

use std::process::Stdio;

use crate::workspace::{cargo, must};

/// Said loudly where the check cannot run.
pub(crate) const MISSING: &str = "cargo deny (not installed)";

/// Runs the check; `false` if cargo-deny is not installed.
pub(crate) fn run() -> anyhow::Result<bool> {
    let installed = cargo().args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success();
    if !installed {
        println!("NOT RUN: {MISSING}");
        return Ok(false);
    }
    must(cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    Ok(true)
}
