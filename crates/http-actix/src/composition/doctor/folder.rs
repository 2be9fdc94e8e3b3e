//! The folder of a server without a database: whether it can be written to, whether somebody has it, and whether the store in it
//! can be opened.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use adapters_sqlite::{OpenError, StoreFacts};

use super::{Finding, keys, ports};
use crate::cli::Serve;

const CHECK: &str = "folder";
const STORE: &str = "store";

pub(super) async fn examine(serve: &Serve) -> Vec<Finding> {
    let mut findings = place(&serve.data);
    if !serve.data.is_dir() {
        return findings;
    }
    match adapters_sqlite::examine(&serve.data) {
        // The first start makes it.
        Ok(None) => {}
        Ok(Some(facts)) => {
            findings.push(opened(&facts));
            findings.extend(facts.head.as_ref().and_then(|head| keys::fit(serve, head)));
        }
        Err(OpenError::InUse { .. }) => {
            let listening = ports::orrery_at(serve.listen).await;
            findings.push(in_use(serve, listening.as_deref()));
        }
        Err(error) => findings.push(refused(&serve.data, &error)),
    }
    findings
}

fn opened(StoreFacts { version, pending, .. }: &StoreFacts) -> Finding {
    let found = match *pending {
        0 => format!("its schema has the version {version}, the one that this program knows"),
        pending => {
            format!("its schema has the version {version}; the next start adds the {pending} that it lacks")
        }
    };
    Finding::good(STORE, found)
}

/// A doctor is asked beside the server that runs with the same settings as well: that one may have it.
fn in_use(serve: &Serve, listening: Option<&str>) -> Finding {
    let (shown, listen) = (serve.data.display(), serve.listen);
    match listening {
        Some(version) => {
            Finding::good(STORE, format!("{shown} is in use, and Orrery {version} listens on {listen} already"))
        }
        None => Finding::error(
            STORE,
            format!("another process uses {shown}, and it is no server that listens on {listen}"),
            format!(
                "stop it (fuser -v {shown}/orrery.lock tells which one it is), or name another folder with --data (ORRERY_DATA)"
            ),
        ),
    }
}

fn refused(folder: &Path, error: &OpenError) -> Finding {
    let shown = folder.display();
    let hint = match error {
        OpenError::Newer { .. } => {
            "start the newer program again; a folder has no way back but a backup of it that is as old as this \
                                    program: put that one back, or name another folder with --data (ORRERY_DATA)"
                .to_owned()
        }
        OpenError::Folder { .. } | OpenError::InUse { .. } | OpenError::Thread(_) => {
            format!("let the server's user read and write what is in it: sudo chown -R \"$(id -un)\" {shown}")
        }
        OpenError::Sqlite(_) => format!(
            "look whether this user may read and write {shown}/orrery.db (ls -l {shown}), and whether it is a store that is whole \
             (sqlite3 {shown}/orrery.db 'PRAGMA quick_check'); if not, put it back from a backup, or name another folder with --data \
             (ORRERY_DATA)"
        ),
    };
    Finding::error(STORE, error.to_string(), hint)
}

fn place(folder: &Path) -> Vec<Finding> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let shown = absolute.display();
    if absolute.exists() && !absolute.is_dir() {
        let hint = "name another folder with --data (ORRERY_DATA), or take the file away";
        return vec![Finding::error(CHECK, format!("{shown} is no folder"), hint)];
    }
    let (place, is_there) = nearest(&absolute);
    if let Err(error) = try_to_write(&place) {
        let mends = if is_there { "sudo chown -R \"$(id -un)\"" } else { "sudo install -d -m 700 -o \"$(id -un)\"" };
        let hint = format!(
            "give it to the server's user ({mends} {shown}), look whether the file system is full or mounted for reading only \
             (df -h {0}; findmnt -T {0}), or name another folder with --data (ORRERY_DATA)",
            place.display()
        );
        let what = if is_there { "cannot be written to" } else { "cannot be made" };
        return vec![Finding::error(CHECK, format!("{shown} {what}: {error}"), hint)];
    }
    let found =
        if is_there { format!("{shown} can be written to") } else { format!("{shown} is made by the first start") };
    vec![Finding::good(CHECK, found)]
}

/// The folder, or the nearest one above it that is there.
fn nearest(folder: &Path) -> (PathBuf, bool) {
    let there = folder.ancestors().find(|place| place.is_dir());
    (there.map_or_else(|| folder.to_owned(), Path::to_owned), there == Some(folder))
}

/// Modes tell little: a file system may be full, or there for reading only, and some users may do everything.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".orrery-doctor-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    let written = made.and_then(|mut file| {
        io::Write::write_all(&mut file, b"x")?;
        file.sync_all()
    });
    // It may not be there.
    let _gone = fs::remove_file(&probe);
    written
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn a_folder_is_written_to_and_nothing_is_left_in_it() {
        let parent = tempfile::tempdir().expect("a folder");
        for folder in [parent.path().to_owned(), parent.path().join("not/yet")] {
            assert_eq!(place(&folder)[0].severity, Severity::Good, "{folder:?}");
        }
        assert_eq!(fs::read_dir(parent.path()).expect("it can be listed").count(), 0);
    }

    #[test]
    fn what_cannot_be_written_to_is_told_with_what_mends_it() {
        let parent = tempfile::tempdir().expect("a folder");
        let file = parent.path().join("file");
        fs::write(&file, "x").expect("it is written");
        assert_eq!(place(&file)[0].severity, Severity::Error);
        // Nobody makes folders there, whoever they are.
        let found = place(Path::new("/proc/orrery/data"));
        assert_eq!(found[0].severity, Severity::Error, "{found:?}");
        assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("--data")), "{found:?}");
    }

    /// What is found of the store in a folder, where nobody listens.
    async fn store_in(folder: &Path) -> Option<Finding> {
        let serve = Serve::embedded("127.0.0.1:0".parse().expect("an address"), folder.to_owned());
        examine(&serve).await.into_iter().find(|finding| finding.check == STORE)
    }

    #[tokio::test]
    async fn a_store_that_a_server_would_not_open_is_told_with_what_mends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(store_in(folder.path()).await, None, "there is none yet");
        let keyring = adapters_auth::Keyring::parse(&adapters_auth::Keyring::fresh_line("k1")).expect("a key");
        let store = adapters_sqlite::SqliteStore::open(folder.path(), adapters_auth::AeadVault::new(&keyring));
        let store = store.expect("a store");
        let found = store_in(folder.path()).await.expect("it is in use");
        assert!(found.severity == Severity::Error && found.found.contains("another process uses"), "{found:?}");
        drop(store);
        let found = store_in(folder.path()).await.expect("there is a store");
        assert_eq!(found.severity, Severity::Good, "{found:?}");
        fs::write(folder.path().join("orrery.db"), [b'x'; 8192]).expect("it is written");
        let found = store_in(folder.path()).await.expect("there is something");
        assert_eq!(found.severity, Severity::Error, "{found:?}");
        assert!(found.hint.as_deref().is_some_and(|hint| hint.contains("quick_check")), "{found:?}");
    }

    #[test]
    fn a_folder_that_the_server_of_these_settings_has_is_as_it_should_be() {
        let serve = Serve::embedded("127.0.0.1:8000".parse().expect("an address"), "orrery-data".into());
        assert_eq!(in_use(&serve, Some("1.2.3")).severity, Severity::Good);
        let found = in_use(&serve, None);
        assert!(found.hint.as_deref().is_some_and(|hint| hint.contains("fuser")), "{found:?}");
        let newer = refused(&serve.data, &OpenError::Newer { found: 99, known: 16 });
        assert!(newer.found.contains("99") && newer.hint.is_some_and(|hint| hint.contains("newer program")));
    }
}
