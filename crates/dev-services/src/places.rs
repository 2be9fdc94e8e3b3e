//! Where servers keep their files, and whose they are.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::ServiceError;

/// A user and group that a program can run as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    user: u32,
    group: u32,
}

impl User {
    /// Who a server must be that refuses to run as root: nobody else if this process is not root; otherwise PostgreSQL's
    /// own account, else `nobody`.
    pub(crate) fn for_servers() -> Option<Self> {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let users = fs::read_to_string("/etc/passwd").ok().filter(|_| is_root)?;
        let ids = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        };
        ids("postgres").or_else(|| ids("nobody"))
    }

    /// Lets a program run as this user.
    pub(crate) fn runs(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// The folder of the checkout, and what lies in it.
pub(crate) fn workspace() -> &'static Path {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.ancestors().nth(2).unwrap_or(this)
}

/// Where files of this name may lie: in the checkout, or, as a checkout in root's home cannot be entered by anybody else,
/// in the system's folder for temporary files.
pub(crate) fn candidates(name: &str) -> [PathBuf; 2] {
    let mut hasher = DefaultHasher::new();
    workspace().hash(&mut hasher);
    let outside = format!("orrery-{:08x}", hasher.finish() >> 32);
    [workspace().join("target").join(name), std::env::temp_dir().join(outside).join(name)]
}

/// The first candidate that the user can write to; it exists when this returns.
pub(crate) fn home(name: &str, user: Option<User>) -> Result<PathBuf, ServiceError> {
    let candidates = candidates(name);
    let usable = candidates.iter().find(|folder| claim(folder, user));
    usable.cloned().ok_or_else(|| ServiceError::NoFolder { tried: candidates[1].clone() })
}

/// Makes a folder and gives it to the user; says whether that user can write to it.
pub(crate) fn claim(folder: &Path, user: Option<User>) -> bool {
    if fs::create_dir_all(folder).is_err() {
        return false;
    }
    let mut test = Command::new("/usr/bin/test");
    test.current_dir("/").arg("-w").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(user) = user {
        if std::os::unix::fs::chown(folder, Some(user.user), Some(user.group)).is_err() {
            return false;
        }
        user.runs(&mut test);
    }
    test.status().is_ok_and(|status| status.success())
}
