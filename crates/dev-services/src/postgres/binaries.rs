//! The programs of a PostgreSQL server, wherever this machine keeps them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{ServiceError, environment, places::User, process};

/// Where Debian and its kin keep the servers, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// `initdb`, `pg_ctl` and `postgres`.
#[derive(Debug, Clone)]
pub struct PostgresBinaries {
    folder: PathBuf,
}

impl PostgresBinaries {
    /// Looks where `pg_config` says, where Debian puts them (the newest first), and in `PATH`.
    pub fn find() -> Result<Self, ServiceError> {
        let has_them = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
        let said = process::run(Command::new("pg_config").arg("--bindir")).ok().map(|path| PathBuf::from(path.trim()));
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|version| version.path().join("bin"));
        let mut debian: Vec<PathBuf> = versions.collect();
        debian.sort();
        let all = said.into_iter().chain(debian.into_iter().rev()).chain(environment::search_path());
        all.into_iter().find(has_them).map(|folder| Self { folder }).ok_or(ServiceError::PostgresMissing)
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of them as the server's user, in a folder that everybody may enter, without this process's output: whatever
    /// inherits that keeps `cargo test` waiting for its end.
    pub(crate) fn command(&self, program: &str, user: Option<User>) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("LC_ALL", "C");
        if let Some(user) = user {
            user.runs(&mut command);
        }
        command
    }

    /// The part of the version that a data folder must agree with.
    pub(crate) fn major(&self) -> Option<String> {
        let said = process::run(Command::new(self.folder.join("postgres")).arg("--version")).ok()?;
        let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        number.split(|c: char| !c.is_ascii_digit()).next().map(str::to_owned)
    }
}
