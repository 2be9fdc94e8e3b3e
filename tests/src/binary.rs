//! Which binary is tested: the one that `ORRERY_BIN` names (`cargo xtask test` sets it), otherwise one built here, once; and
//! what the environment says that is not meant for it.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::credentials::ADMIN_KEY;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Where the server's binary is.
fn orrery() -> &'static Path {
    BINARY.get_or_init(|| match named() {
        Some(path) => path,
        None => built(),
    })
}

/// The binary, to be run with nothing but what its caller says and the credentials of tests: a person's database or brokers are
/// not for it.
pub fn command() -> Command {
    let mut command = without_settings(orrery());
    command.env("ORRERY_ADMIN_KEY", ADMIN_KEY);
    command
}

/// Another program, to be run without what the environment says to Orrery.
pub fn without_settings(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in settings_around() {
        command.env_remove(name);
    }
    command
}

/// Where programs are looked for.
pub fn search_path() -> String {
    variable("PATH").unwrap_or_default()
}

/// The variables around this process that would change how a server is run.
fn settings_around() -> impl Iterator<Item = OsString> {
    const NAMES: [&str; 4] = ["DATABASE_URL", "TASKS_TOPIC", "RESULTS_TOPIC", "CONSUMER_GROUP_ID"];
    let is_ours = |name: &str| NAMES.contains(&name) || name.starts_with("ORRERY_") || name.starts_with("KAFKA_");
    std::env::vars_os().map(|(name, _)| name).filter(move |name| name.to_str().is_some_and(is_ours))
}

#[expect(clippy::disallowed_methods, reason = "this file owns the environment of the end-to-end tests")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn named() -> Option<PathBuf> {
    let path = PathBuf::from(variable("ORRERY_BIN")?);
    assert!(path.is_file(), "ORRERY_BIN names {}, which is no file", path.display());
    Some(path)
}

fn built() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace");
    let cargo = variable("CARGO").unwrap_or_else(|| "cargo".into());
    // The messages name the executable, wherever the target folder is.
    let arguments = ["build", "--quiet", "-p", "http-actix", "--bin", "orrery", "--message-format", "json"];
    let output = Command::new(cargo).args(arguments).current_dir(root).output().expect("cargo runs");
    assert!(output.status.success(), "the server does not build: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executable.expect("cargo names the executable that it built")
}
