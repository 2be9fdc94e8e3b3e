//! What the server is linked with beyond Rust: OpenSSL, for Kafka over TLS. Found, or installed by apt-get where that is
//! possible, or asked for; the compiler would only say that a build script has failed.

use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::services::install;

/// The packages of Debian and its kin.
const PACKAGES: [&str; 3] = ["pkg-config", "libssl-dev", "zlib1g-dev"];

/// Makes sure that the server can be linked.
pub(crate) fn ensure() -> anyhow::Result<()> {
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

fn are_there() -> bool {
    let mut asked = Command::new("pkg-config");
    asked.args(["--exists", "openssl", "zlib"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
