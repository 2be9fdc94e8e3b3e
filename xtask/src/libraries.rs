//! What is needed beyond Rust: OpenSSL, which the server is linked with for Kafka over TLS, and the programs that the guides use.
//! Found, or installed by apt-get where that is possible, or asked for; the compiler would only say that a build script has failed.

use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::services::install;

/// The packages of Debian and its kin.
const PACKAGES: [&str; 3] = ["pkg-config", "libssl-dev", "zlib1g-dev"];

/// What the guides use, which a test follows; packages of the same names.
const TOOLS: [&str; 3] = ["curl", "jq", "python3"];

/// Makes sure that the server can be linked, and the guides followed.
pub(crate) fn ensure() -> anyhow::Result<()> {
    for tool in TOOLS.into_iter().filter(|tool| !is_there(tool)) {
        println!("{tool}: it was not found; installing it with apt-get");
        ensure!(install(tool) && is_there(tool), "the guides use {tool}: run 'apt-get install {tool}'");
    }
    if are_there() {
        return Ok(());
    }
    println!("OpenSSL: its development files were not found; installing {} with apt-get", PACKAGES.join(" "));
    let installed = PACKAGES.iter().all(|package| install(package));
    ensure!(
        installed && are_there(),
        "the server is linked with OpenSSL: run 'apt-get install {}'",
        PACKAGES.join(" ")
    );
    Ok(())
}

fn is_there(tool: &str) -> bool {
    let mut asked = Command::new(tool);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn are_there() -> bool {
    let mut asked = Command::new("pkg-config");
    asked.args(["--exists", "openssl", "zlib"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
