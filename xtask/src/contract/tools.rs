//! The tools: found on this machine, and what they run fetched by their own clients, once, to `target/contract`.
//!
//! What is fetched is named with its exact version and its checksum in `tests/contract`. A copy of that list stands beside what was
//! fetched for it; another list fetches anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context;

use crate::workspace::{must, root, target_folder};

/// Written last beside what was fetched: the list that it was fetched for.
const STAMP: &str = "fetched-for";

/// Where everything is kept.
pub(super) fn home() -> anyhow::Result<PathBuf> {
    let home = target_folder()?.join("contract");
    fs::create_dir_all(&home)?;
    Ok(home)
}

/// A file of `tests/contract`.
pub(super) fn source(path: &str) -> PathBuf {
    root().join("tests/contract").join(path)
}

/// Python packages in an environment of their own.
pub(super) struct Python {
    folder: PathBuf,
}

impl Python {
    pub(super) const MISSING: &str = "no Python 3.10 or newer with venv";

    /// Nothing where there is no Python.
    pub(super) fn prepare() -> anyhow::Result<Option<Self>> {
        let probe = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
        if !answers("python3", &["-c", probe]) {
            return Ok(None);
        }
        let (folder, list) = (home()?.join("python"), source("python/requirements.txt"));
        once(&folder, &list, || {
            println!("fetching Python packages to {}", folder.display());
            must(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let mut install = Command::new(folder.join("bin/pip"));
            must(install.args(["install", "--quiet", "--require-hashes", "--requirement"]).arg(&list))
        })?;
        Ok(Some(Self { folder }))
    }

    /// One of its programs. It finds the others, and no proxy.
    pub(super) fn program(&self, name: &str) -> Command {
        let programs = self.folder.join("bin");
        let mut command = Command::new(programs.join(name));
        let others = crate::workspace::variable("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{others}", programs.display()));
        command.env("NO_PROXY", "127.0.0.1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Packages of npm, with the client's sources beside them.
pub(super) struct Node {
    pub(super) folder: PathBuf,
}

impl Node {
    pub(super) const MISSING: &str = "no Node.js 18 or newer with npm";

    /// Nothing where there is no Node.
    pub(super) fn prepare() -> anyhow::Result<Option<Self>> {
        let probe = "process.exit(Number(process.versions.node.split('.')[0]) < 18 ? 1 : 0)";
        if !answers("node", &["-e", probe]) || !answers("npm", &["--version"]) {
            return Ok(None);
        }
        let folder = home()?.join("typescript");
        once(&folder, &source("typescript/package-lock.json"), || {
            println!("fetching packages of npm to {}", folder.display());
            fs::create_dir_all(&folder)?;
            copy_all(&folder, &["package.json", "package-lock.json", ".npmrc"])?;
            must(Command::new("npm").args(["ci", "--silent", "--ignore-scripts"]).current_dir(&folder))
        })?;
        copy_all(&folder, &["tsconfig.json", "walk.ts"])?;
        Ok(Some(Self { folder }))
    }

    /// One of the packages' programs, run in their folder.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("node_modules/.bin").join(name));
        command.current_dir(&self.folder);
        command
    }
}

fn copy_all(folder: &Path, names: &[&str]) -> anyhow::Result<()> {
    for name in names {
        let from = source("typescript").join(name);
        fs::copy(&from, folder.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// The program that compares descriptions.
pub(super) struct Oasdiff {
    pub(super) binary: PathBuf,
}

impl Oasdiff {
    pub(super) const MISSING: &str = "no Go";

    /// Nothing where there is no Go.
    pub(super) fn prepare() -> anyhow::Result<Option<Self>> {
        if !answers("go", &["version"]) {
            return Ok(None);
        }
        let folder = home()?.join("oasdiff");
        let binary = folder.join("oasdiff");
        once(&folder, &source("oasdiff/go.sum"), || {
            println!("building oasdiff in {}", folder.display());
            let mut build = Command::new("go");
            build.args(["build", "-o"]).arg(&binary).arg("github.com/oasdiff/oasdiff");
            must(build.current_dir(source("oasdiff")).env("CGO_ENABLED", "0"))
        })?;
        Ok(Some(Self { binary }))
    }
}

/// Does it unless it was done for this very list.
fn once(folder: &Path, list: &Path, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let wanted = fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    let stamp = folder.join(STAMP);
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    act()?;
    fs::create_dir_all(folder)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// Whether a program is there and does this.
fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut asked = Command::new(program);
    asked.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_for_a_list_is_fetched_again_for_another_one_only() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, list) = (home.path().join("tool"), home.path().join("list"));
        let mut fetched = 0;
        let mut fetch = |list_says: &str| {
            fs::write(&list, list_says).expect("it can be written");
            let act = || {
                fetched += 1;
                Ok(())
            };
            once(&folder, &list, act).expect("it can be fetched");
        };
        fetch("one");
        fetch("one");
        fetch("two");
        assert_eq!(fetched, 2);
    }

    #[test]
    fn what_was_not_fetched_to_its_end_is_fetched_again() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, list) = (home.path().join("tool"), home.path().join("list"));
        fs::write(&list, "one").expect("it can be written");
        let half = || {
            fs::create_dir_all(&folder)?;
            anyhow::bail!("the network is gone")
        };
        assert!(once(&folder, &list, half).is_err());
        let mut fetched = false;
        let whole = || {
            fetched = true;
            Ok(())
        };
        once(&folder, &list, whole).expect("it can be fetched");
        assert!(fetched);
    }
}
