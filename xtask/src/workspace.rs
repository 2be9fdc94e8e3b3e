//! Where the workspace is, and how cargo and the server are run in it.
//!
//! The only file of this crate that reads the environment.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

/// Names the server's binary for the end-to-end tests and for the checks of generated files.
pub(crate) const ORRERY_BIN: &str = "ORRERY_BIN";

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "this file owns the environment of xtask")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Cargo, the same one that runs this command, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command and fails, with what was run, unless it succeeds.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A build profile of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to build.
    Dev,
    /// What is shipped and measured.
    Release,
}

/// The server's binary: the one that [`ORRERY_BIN`] names, otherwise freshly built.
pub(crate) fn server(profile: Profile) -> anyhow::Result<PathBuf> {
    if let Some(named) = variable(ORRERY_BIN) {
        let path = PathBuf::from(&named);
        anyhow::ensure!(path.is_file(), "{ORRERY_BIN} names {named}, which is no file");
        return Ok(path);
    }
    build_server(profile)
}

/// Builds the server and says where the binary is.
pub(crate) fn build_server(profile: Profile) -> anyhow::Result<PathBuf> {
    build("orrery", profile)
}

/// Builds a program and says where the binary is. Of the whole workspace's packages that one is built, not of its own package's: with
/// the features of its own package alone, most of what it depends on would be compiled a second time.
pub(crate) fn build(program: &str, profile: Profile) -> anyhow::Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--bin", program]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    must(&mut build)?;
    let folder = if profile == Profile::Release { "release" } else { "debug" };
    let binary = target_folder()?.join(folder).join(program);
    anyhow::ensure!(binary.is_file(), "the build succeeded, but there is no {}", binary.display());
    Ok(binary)
}

/// What `cargo metadata` says about the members of the workspace.
pub(crate) fn metadata() -> anyhow::Result<serde_json::Value> {
    let output = cargo().args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Where cargo keeps what it builds.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}
