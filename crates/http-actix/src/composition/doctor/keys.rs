//! The server's own keys: whether they are there, whether they are keys, and who else may read them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::Finding;
use crate::{
    cli::Serve,
    composition::keyring::{self, FILE},
};

const CHECK: &str = "keys";

/// What group and others must not be able to do with a file of keys.
const OTHERS: u32 = 0o007;

pub(super) fn examine(serve: &Serve) -> Vec<Finding> {
    let (given, on_database) = (&serve.secret_keys, serve.database_url.is_some());
    if given.are_given() || on_database {
        return match (keyring::check(given, on_database), &given.file) {
            (Ok(()), Some(file)) => vec![mode(file)],
            (Ok(()), None) => vec![Finding::good(CHECK, "they are given by a variable")],
            (Err(error), _) => {
                let hint = "make a file of keys once (orrery secrets new-key k1 > secret.keys; chmod 600 secret.keys) and give the \
                            same one to all processes: --secret-keys-file, or ORRERY_SECRET_KEYS";
                vec![Finding::error(CHECK, format!("{error:#}"), hint)]
            }
        };
    }
    in_folder(&serve.data)
}

fn in_folder(folder: &Path) -> Vec<Finding> {
    let file = folder.join(FILE);
    let shown = file.display();
    if file.exists() {
        return match keyring::check_file(&file) {
            Ok(()) => vec![mode(&file)],
            Err(error) => {
                vec![Finding::error(CHECK, format!("{error:#}"), "put the file back from its copy")]
            }
        };
    }
    match adapters_sqlite::keyed(folder) {
        Ok(keyed) if keyed.is_empty() => {
            vec![Finding::good(CHECK, format!("{shown} is made by the first start"))]
        }
        Ok(keyed) => vec![Finding::error(
            CHECK,
            format!("{shown} is gone, and the store holds {} that were made with it", keyed.join(", ")),
            "put the file back from its copy, or give the keys with --secret-keys-file or ORRERY_SECRET_KEYS",
        )],
        Err(error) => vec![Finding::error(
            CHECK,
            format!("it cannot be told whether the store in {} needs keys: {error}", folder.display()),
            "look whether this user may read the folder, and whether its orrery.db is whole (sqlite3 orrery.db 'PRAGMA quick_check')",
        )],
    }
}

fn mode(file: &Path) -> Finding {
    let shown = file.display();
    let mode = fs::metadata(file).map(|found| found.permissions().mode() & 0o777).unwrap_or_default();
    if mode & OTHERS == 0 {
        return Finding::good(CHECK, format!("{shown} holds keys, and only who must can read it"));
    }
    Finding::error(
        CHECK,
        format!("every user of this machine may read or change {shown} (mode {mode:o})"),
        format!("chmod 600 {shown}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn a_file_that_others_may_read_is_wrong_until_its_mode_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        assert_eq!(in_folder(folder.path())[0].severity, Severity::Good, "it is made by the first start");
        fs::write(&file, adapters_auth::Keyring::fresh_line("k1")).expect("it is written");
        for (mode, severity) in [(0o644, Severity::Error), (0o640, Severity::Good), (0o600, Severity::Good)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("the mode is set");
            let found = in_folder(folder.path());
            assert_eq!(found[0].severity, severity, "{mode:o}: {found:?}");
        }
        fs::write(&file, "no key").expect("it is written");
        assert_eq!(in_folder(folder.path())[0].severity, Severity::Error);
    }
}
